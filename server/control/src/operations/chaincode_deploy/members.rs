//! Who has a part in a deployment: the channel's organizations with their peers that serve it.

use std::time::Duration;

use agents::NodeRef;
use domain::chaincode::DeploySpec;
use domain::name::{ChannelName, OrganizationName};
use domain::{Code, Error};
use fabric::error::{ErrorKind, FabricError};
use workflow::StepError;

use super::server_name;
use crate::network::{ChainLink, Network};
use crate::operations::{side_by_side, step_error, store_error};
use crate::services::Services;
use crate::topology::PlannedNode;

/// Longest wait for a peer's word whether it serves a channel.
pub(super) const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// One organization's part in a deployment.
pub(super) struct Member {
    pub(super) msp_id: String,
    pub(super) organization: OrganizationName,
    pub(super) peers: Vec<PlannedNode>,
    /// Name of its chaincode container, by which its peers reach it.
    pub(super) server: String,
}

impl Member {
    /// Its chaincode container on the host.
    pub(super) fn place(&self, link: &ChainLink) -> NodeRef {
        link.place(&self.server)
    }
}

/// Every organization that may have a part in a deployment, without its peers: what an undo looks through.
pub(super) fn possible_members(link: &ChainLink, spec: &DeploySpec, sequence: i64) -> Vec<Member> {
    let members = link.plan.members().map(|(name, organization)| Member {
        msp_id: organization.msp_id.clone(),
        organization: name.clone(),
        peers: Vec::new(),
        server: server_name(spec, sequence, name),
    });
    members.collect()
}

/// The channel's organizations with their peers that serve it. A peer that does not answer counts: what has to be done
/// there is tried again until it does.
pub(super) async fn members(
    services: &Services,
    link: &ChainLink,
    spec: &DeploySpec,
    sequence: i64,
) -> Result<Vec<Member>, StepError> {
    let channels = services.store.channel_list(&spec.chain).await.map_err(store_error)?;
    let channel = channels.into_iter().find(|channel| channel.name == spec.channel);
    let channel = channel.ok_or_else(|| step_error(Error::not_found_as(Code::ChannelUnknown)))?;
    let mut members = possible_members(link, spec, sequence);
    members.retain(|member| channel.organizations.contains(&member.organization));
    let peers: Vec<&PlannedNode> = link.plan.peers_among(&channel.organizations).collect();
    let serve = serving(services.network.as_ref(), link, &spec.channel, &peers).await;
    for (peer, _) in peers.iter().zip(serve).filter(|(_, serves)| *serves) {
        let owner = peer.organization.as_ref();
        if let Some(member) = members.iter_mut().find(|member| Some(&member.organization) == owner) {
            member.peers.push((*peer).clone());
        }
    }
    Ok(members)
}

/// Which of some peers serve a channel, asked side by side. One that does not answer counts as one that does.
async fn serving(
    network: &dyn Network,
    link: &ChainLink,
    channel: &ChannelName,
    peers: &[&PlannedNode],
) -> Vec<bool> {
    // The wait for each begins when it is asked.
    let look = |peer| async move {
        tokio::time::timeout(LOOK_TIMEOUT, network.height(link, peer, channel.as_str())).await
    };
    let answers = side_by_side(peers.iter().map(|peer| look(*peer)).collect()).await;
    let unknown = |error: FabricError| error.kind() == ErrorKind::ChannelUnknown;
    answers.into_iter().map(|answer| !answer.is_ok_and(|height| height.is_err_and(unknown))).collect()
}

/// Refuses peers that have not joined a channel, by their names.
pub(crate) async fn check_joined(
    network: &dyn Network,
    link: &ChainLink,
    channel: &ChannelName,
    peers: &[&PlannedNode],
) -> Result<(), Error> {
    let serve = serving(network, link, channel, peers).await;
    let outside = peers.iter().zip(serve).filter(|(_, serves)| !serves);
    let names: Vec<&str> = outside.map(|(peer, _)| peer.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let refused = Error::conflict(Code::PeersNotJoined).with("names", names.join(", "));
    Err(refused.with("channel", channel).on("peers"))
}
