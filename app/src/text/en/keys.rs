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
    clusters: "Clusters",
    calls: "Calls and the ledger",
    pool: "The pool",
    contents: "Contents of the manual",
    to_search: "Search this list",
    single: "Use keys without Ctrl",
};
