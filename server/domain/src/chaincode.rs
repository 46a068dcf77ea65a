//! Chaincode: what is deployed and what is asked for.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::name::{ChainName, ChaincodeName, ChannelName, OrganizationName};

/// Names that Fabric keeps for itself.
pub const RESERVED: [&str; 6] = ["lscc", "cscc", "qscc", "escc", "vscc", "lifecycle"];

/// What somebody wants deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploySpec {
    pub chain: ChainName,
    pub channel: ChannelName,
    pub name: ChaincodeName,
    /// `[A-Za-z0-9_.+-]+`.
    pub version: String,
    /// Image that runs the chaincode as a service.
    pub image: String,
    /// Endorsement policy as a Fabric expression; none: the channel's default (majority).
    pub policy: Option<String>,
    pub init_required: bool,
}

impl DeploySpec {
    /// Checks what can be judged without a chain.
    pub fn check(&self) -> Result<(), Error> {
        if RESERVED.contains(&self.name.as_str()) {
            return Err(Error::invalid(Code::ChaincodeNameReserved).with("name", &self.name).on("name"));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
        if self.version.is_empty() || self.version.len() > 40 || !self.version.chars().all(legal) {
            return Err(Error::invalid(Code::ChaincodeVersionMalformed).on("version"));
        }
        if self.image.trim().is_empty() {
            return Err(Error::invalid(Code::FieldMissing).on("image"));
        }
        if self.image.len() > 255 {
            return Err(Error::invalid(Code::TextTooLong).with("max", 255).on("image"));
        }
        Ok(())
    }
}

/// What one organization has done for a definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadinessView {
    pub organization: OrganizationName,
    /// Peers that hold the package, of all its peers on the channel.
    pub installed: Vec<String>,
    pub missing: Vec<String>,
    pub approved: bool,
}

/// A definition on a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChaincodeView {
    pub channel: ChannelName,
    pub name: ChaincodeName,
    pub version: String,
    pub sequence: i64,
    pub image: String,
    /// Digest or id that the image had when it was deployed.
    pub image_id: String,
    pub policy: Option<String>,
    pub init_required: bool,
    pub deployed_ms: i64,
    pub readiness: Vec<ReadinessView>,
}
