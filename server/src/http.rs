//! Adapters between HTTP and the façade. They translate; they decide nothing.

pub mod apply;
pub mod assets;
pub mod audit;
pub mod caller;
pub mod carried;
pub mod downloads;
pub mod events;
pub mod exports;
pub mod foreign;
pub mod forms;
pub mod headers;
pub mod images;
pub mod logs;
pub mod packages;
pub mod panics;
pub mod refusal;
pub mod session;
