//! English, of how a host or a chain did.

use crate::text::table::HistoryText;

/// The texts.
pub static TEXT: HistoryText = HistoryText {
    of_host: "History of its state",
    of_chain: "History of its health",
    of_host_none: "Its state has not changed since it was added.",
    of_chain_none: "No change of its health is known yet. The first one is told when its nodes have been looked at.",
    further: "and {n} more",
    newest: "These are the newest {n} changes.",
    show_all: "Show all changes",
};
