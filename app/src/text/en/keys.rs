//! English, of the palette and the keys.

use crate::text::table::KeyText;

/// The texts.
pub static TEXT: KeyText = KeyText {
    palette: "Go to",
    palette_hint: "Page, chain, host, node, id or action",
    nothing: "Nothing found.",
    page: "Page",
    action: "Action",
    chain: "Chain",
    node: "Node",
    keys: "Keyboard shortcuts",
    help: "Manual",
    to_search: "Search this list",
    single: "Use keys without Ctrl",
};
