//! The shape of the texts about how a host or a chain did.

use super::Entries;

texts! {
    /// How a host or a chain did, on its own page.
    HistoryText {}
    of_host, of_chain, of_host_none, of_chain_none, further, newest, show_all,
}
