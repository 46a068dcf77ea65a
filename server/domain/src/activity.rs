//! What goes on around somebody, in two numbers: small enough for the frame of every page.

use serde::{Deserialize, Serialize};

/// The numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityView {
    /// Operations under way that they may see.
    pub running: u32,
    /// Notices that they have not read.
    pub unread: u32,
}
