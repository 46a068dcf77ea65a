//! Channels: what is asked for, and what is shown.

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};
use crate::name::{ChainName, ChannelName, NodeName, OrganizationName};

/// An organization's part in a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelMember {
    pub organization: OrganizationName,
    /// Its peers that join; the first one is its anchor peer. At least one.
    pub peers: Vec<NodeName>,
}

/// A further channel of a chain, over all of the chain's orderers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSpec {
    pub chain: ChainName,
    pub name: ChannelName,
    pub members: Vec<ChannelMember>,
}

impl ChannelSpec {
    /// Checks what can be judged without a chain.
    pub fn check(&self) -> Result<(), Error> {
        if self.members.is_empty() {
            return Err(Error::invalid(Code::TooFewOrganizations).on("members"));
        }
        for (at, member) in self.members.iter().enumerate() {
            let name = &member.organization;
            if self.members.iter().take(at).any(|earlier| earlier.organization == *name) {
                return Err(Error::invalid(Code::OrganizationTwice).with("name", name).on("members"));
            }
            if member.peers.is_empty() {
                return Err(Error::invalid(Code::PeersMissing).with("name", name).on("members"));
            }
        }
        Ok(())
    }
}

/// A peer of a channel's organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelPeer {
    pub node: NodeName,
    pub organization: OrganizationName,
    /// Whether it has joined; none while it does not answer.
    pub joined: Option<bool>,
    /// Blocks that it has.
    pub height: Option<u64>,
}

/// A channel of a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelView {
    pub name: ChannelName,
    pub organizations: Vec<OrganizationName>,
    /// Blocks; none while no peer answers.
    pub height: Option<u64>,
    pub peers: Vec<ChannelPeer>,
}

/// A channel's configuration in force, decoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelConfigView {
    pub name: ChannelName,
    /// How often it was changed.
    pub sequence: u64,
    /// Anchor peers by organization, as `host:port`.
    pub anchors: Vec<(String, Vec<String>)>,
    /// The whole tree as JSON.
    pub json: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(members: &[(&str, &[&str])]) -> ChannelSpec {
        let members = members.iter().map(|(organization, peers)| ChannelMember {
            organization: OrganizationName::parse(organization).unwrap(),
            peers: peers.iter().map(|peer| NodeName::parse(peer).unwrap()).collect(),
        });
        ChannelSpec {
            chain: ChainName::parse("demo").unwrap(),
            name: ChannelName::parse("second").unwrap(),
            members: members.collect(),
        }
    }

    #[test]
    fn a_channel_needs_organizations_each_once_with_a_peer() {
        let code = |members: &[(&str, &[&str])]| spec(members).check().map_err(|error| error.code);
        assert_eq!(code(&[("org1", &["peer0-org1"])]), Ok(()));
        assert_eq!(code(&[]), Err(Code::TooFewOrganizations));
        assert_eq!(code(&[("org1", &[])]), Err(Code::PeersMissing));
        let twice: [(&str, &[&str]); 2] = [("org1", &["peer0-org1"]), ("org1", &["peer1-org1"])];
        assert_eq!(code(&twice), Err(Code::OrganizationTwice));
    }
}
