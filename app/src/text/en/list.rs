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
    columns: "Columns",
    export: "CSV file",
    select_row: "Select {name}",
    select_page: "Select all rows of this page",
    selected: "{n} selected",
    clear: "Clear selection",
    results: "What came of it",
    owner: "Owner",
    mine: "mine",
    nobody: "nobody’s",
    free_in_pool: "free, in the pool",
    under_way: "Asking…",
    delete_impact: "Deleted with all ledgers and keys: {names}",
    engine_kind: "Container engine",
    cluster_kind: "Kubernetes cluster",
    done_operation: "under way",
    leave: "What you typed here is not saved. Leave this page all the same?",
};
