//! English, of long lists.

use crate::text::table::ListText;

/// The texts.
pub static TEXT: ListText = ListText {
    search: "Search",
    show: "Show",
    show_all: "Show all",
    all: "All",
    pages: "Pages of this list",
    first_page: "First page",
    next_page: "Next page",
    nothing_found: "Nothing found",
    nothing_found_hint: "Nothing here fits what you look for. Search for less, or show everything.",
};
