//! The only crate that speaks SurrealQL: typed records per noun, numbered migrations, and the workflow's log.
//!
//! Uniqueness is by record id. Every write is one transaction that is tried again when another one was faster. Times
//! are unix milliseconds that callers pass in. Nothing here decides who may do what.

mod audit;
mod chain;
mod chaincode;
mod claim;
mod database;
mod delay;
mod error;
mod folder;
mod group;
mod host;
mod key;
mod listed;
mod log;
mod memory;
mod secret;
mod session;
mod setting;
#[cfg(test)]
mod tests;
mod transaction;
mod user;

pub use audit::{AuditRecord, AuditScope};
pub use chain::ChainRecord;
pub use chaincode::{ChaincodeRecord, ChannelRecord};
pub use claim::ClaimRecord;
pub use database::Store;
pub use delay::DelayRecord;
pub use error::StoreError;
pub use host::HostRecord;
pub use key::KeyRecord;
pub use log::OperationEnd;
pub use secret::SealedSecret;
pub use session::SessionRecord;
pub use transaction::TransactionRecord;
pub use user::UserRecord;
