//! Fabric's messages, written by hand from their field numbers.
//!
//! Every map is a `BTreeMap`, so that encoding is deterministic. One file per family of messages.

pub mod channel;
pub mod ledger;
pub mod peer;
