//! The vocabulary of the portal: names, specifications, states, views and errors.
//!
//! Everything here is plain data with its rules of validity. It compiles to WebAssembly, so that a form in the
//! browser and the server judge input by the same code. It never does I/O and never reads a clock.

pub mod activity;
pub mod audit;
pub mod chain;
pub mod chaincode;
pub mod channel;
pub mod error;
pub mod history;
pub mod host;
pub mod id;
pub mod list;
pub mod mail;
pub mod name;
pub mod network;
pub mod node;
pub mod notice;
pub mod operation;
pub mod permission;
pub mod pool;
pub mod profile;
pub mod search;
pub mod second_factor;
pub mod session;
pub mod stats;
pub mod template;
pub mod transaction;
pub mod user;

pub use error::{Code, Error, ErrorKind};
