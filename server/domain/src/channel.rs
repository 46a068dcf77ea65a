//! Channels as shown.

use serde::{Deserialize, Serialize};

use crate::name::{ChannelName, OrganizationName};

/// A channel of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView {
    pub name: ChannelName,
    pub organizations: Vec<OrganizationName>,
    /// Blocks; none while no peer answers.
    pub height: Option<u64>,
}
