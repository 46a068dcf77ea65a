//! Adapters between HTTP and the façade. They translate; they decide nothing.

pub mod assets;
pub mod caller;
pub mod downloads;
pub mod events;
pub mod headers;
pub mod images;
pub mod logs;
pub mod session;
