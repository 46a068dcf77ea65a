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
mod history;
mod host;
mod key;
mod listed;
mod log;
mod mail;
mod memory;
mod notice;
mod pool;
mod profile;
mod second_factor;
mod secret;
mod session;
mod setting;
mod stats;
mod template;
mod tenure;
#[cfg(test)]
mod tests;
mod transaction;
mod user;

pub use audit::{AuditFilter, AuditFound, AuditRecord, AuditScope, SegmentRecord};
pub use chain::ChainRecord;
pub use chaincode::{ChaincodeRecord, ChannelRecord};
pub use claim::ClaimRecord;
pub use database::Store;
pub use delay::DelayRecord;
pub use error::StoreError;
pub use host::HostRecord;
pub use key::KeyRecord;
pub use log::{OperationEnd, OperationFilter, StepCount};
pub use mail::{MailRecord, NewMail};
pub use notice::NoticeRecord;
pub use profile::Look;
pub use second_factor::SecondFactorRecord;
pub use secret::SealedSecret;
pub use session::SessionRecord;
pub use stats::{DayCount, Tally};
pub use tenure::{CANDIDATES_MAX, ClaimSpec, Claimed, FreeRecord, GiveRefusal, QueueRecord, Tenure};
pub use transaction::TransactionRecord;
pub use user::link::{LinkPurpose, LinkRecord};
pub use user::{UserRecord, UserRefusal};
