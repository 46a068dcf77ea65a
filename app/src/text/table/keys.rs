//! The shape of the texts of what keys open.

use super::Entries;

texts! {
    /// What the palette and the list of the keys say.
    KeyText {}
    palette, palette_hint, nothing, page, action, chain, node, keys, clusters, calls, pool, contents, to_search, single,
}
