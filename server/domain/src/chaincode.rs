//! Chaincode: what is deployed and what is asked for.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::host::image::check_chaincode_image;
use crate::name::{ChainName, ChaincodeName, ChannelName, NodeName, OrganizationName};

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
    /// Label of an uploaded package; none: name and version.
    #[serde(default)]
    pub label: Option<String>,
    /// Peers that get the package; none: all that serve the channel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<NodeName>,
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
        if self.label.as_ref().is_some_and(|label| !is_label(label)) {
            return Err(Error::invalid(Code::PackageLabel).on("package"));
        }
        check_chaincode_image(&self.image)
    }
}

/// Whether a text can be a package's label: letters, digits and `_ . + -`, a letter or digit first.
fn is_label(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.+-".contains(c);
    text.len() <= 128 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(legal)
}

/// What an uploaded package says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageView {
    pub label: String,
    /// Its id as the official tools count it.
    pub package_id: String,
    /// Where it says that its server listens. The portal runs the server itself, with certificates of its own.
    pub address: String,
}

/// An endorsement policy as people choose it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyChoice {
    /// The channel's own: a majority of its organizations.
    Channel,
    Any,
    All,
    Majority,
    /// At least so many.
    OutOf(u32),
}

impl PolicyChoice {
    /// The Fabric expression over the peers of some organizations; none for the channel's own. Refuses what nobody
    /// or everybody would satisfy.
    pub fn expression(&self, organizations: &[OrganizationName]) -> Result<Option<String>, Error> {
        let refused = || Error::invalid(Code::PolicyMalformed).on("policy");
        let principals: Vec<String> =
            organizations.iter().map(|name| format!("'{}.peer'", name.msp_id())).collect();
        let count = u32::try_from(principals.len()).map_err(|_| refused())?;
        let list = principals.join(",");
        let out_of = |wanted: u32| format!("OutOf({wanted},{list})");
        let text = match self {
            Self::Channel => return Ok(None),
            _ if count == 0 => return Err(refused()),
            Self::Any => format!("OR({list})"),
            Self::All => format!("AND({list})"),
            Self::Majority => out_of(count / 2 + 1),
            Self::OutOf(wanted) if (1..=count).contains(wanted) => out_of(*wanted),
            Self::OutOf(_) => {
                return Err(Error::invalid(Code::ValueOutOfRange)
                    .with("min", 1)
                    .with("max", count)
                    .on("policy"));
            }
        };
        Ok(Some(text))
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
    /// Id that the image had on its host when it was deployed.
    pub image_id: String,
    /// By what its registry gives it again, `repository@sha256:…`; none for one that was built or loaded on the host.
    #[serde(default)]
    pub image_digest: Option<String>,
    pub policy: Option<String>,
    pub init_required: bool,
    /// False for a definition on its way: installed or approved by some.
    pub committed: bool,
    pub deployed_ms: i64,
    pub readiness: Vec<ReadinessView>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organizations(names: &[&str]) -> Vec<OrganizationName> {
        names.iter().map(|name| OrganizationName::parse(name).unwrap()).collect()
    }

    #[test]
    fn choices_are_fabric_expressions() {
        let two = organizations(&["org1", "org2"]);
        let three = organizations(&["org1", "org2", "org3"]);
        let text = |choice: PolicyChoice, names: &[OrganizationName]| choice.expression(names).unwrap();
        assert_eq!(text(PolicyChoice::Channel, &two), None);
        assert_eq!(text(PolicyChoice::Any, &two).unwrap(), "OR('Org1MSP.peer','Org2MSP.peer')");
        assert_eq!(text(PolicyChoice::All, &two).unwrap(), "AND('Org1MSP.peer','Org2MSP.peer')");
        let majority = text(PolicyChoice::Majority, &three).unwrap();
        assert_eq!(majority, "OutOf(2,'Org1MSP.peer','Org2MSP.peer','Org3MSP.peer')");
        assert_eq!(text(PolicyChoice::OutOf(3), &three).unwrap(), majority.replace("OutOf(2", "OutOf(3"));
        for (choice, names) in [
            (PolicyChoice::Any, [].as_slice()),
            (PolicyChoice::OutOf(0), two.as_slice()),
            (PolicyChoice::OutOf(3), two.as_slice()),
        ] {
            assert_eq!(choice.expression(names).unwrap_err().field.as_deref(), Some("policy"), "{choice:?}");
        }
    }

    #[test]
    fn a_specification_without_peers_reads_and_writes_as_before() {
        let text = r#"{"chain":"demo","channel":"mychannel","name":"example02","version":"1","image":"one:1",
            "policy":null,"init_required":false}"#;
        let read: DeploySpec = serde_json::from_str(text).unwrap();
        assert!(read.peers.is_empty());
        assert!(!serde_json::to_string(&read).unwrap().contains("peers"));
        assert_eq!(read.check(), Ok(()));
        let nameless = DeploySpec { image: format!("sha256:{}", "0".repeat(64)), ..read.clone() };
        assert_eq!(nameless.check().unwrap_err().code, Code::ImageNameMalformed);
        let chosen = DeploySpec { peers: vec![NodeName::parse("peer0-org1").unwrap()], ..read };
        let again: DeploySpec = serde_json::from_str(&serde_json::to_string(&chosen).unwrap()).unwrap();
        assert_eq!(again, chosen);
    }

    #[test]
    fn labels_that_fabric_takes() {
        for good in ["cc_1.0", "a", "Basic-2+x"] {
            assert!(is_label(good), "{good}");
        }
        for bad in ["", "_a", "a/b", "a b", "ä", "../x"] {
            assert!(!is_label(bad), "{bad}");
        }
    }
}
