//! Connection profiles: where an organization's applications find the chain, with the addresses and ports that clients
//! use. No keys are in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use agents::NodeStatus;
use domain::Error;
use domain::chain::ChainState;
use domain::channel::ChannelView;
use domain::name::{ChainName, OrganizationName};
use domain::node::NodeKind;
use domain::permission::{Action, Noun};
use serde_json::{Map, Value, json};
use store::ChainRecord;

use super::yaml;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::network::ChainLink;
use crate::node::listed;
use crate::operation::subject;
use crate::operations::selector;
use crate::topology::{ChainPlan, PlannedNode};

impl ControlPlane {
    /// The connection profile of an organization. Like every export it is audited.
    pub async fn connection_profile(
        &self,
        caller: &Caller,
        chain: &ChainName,
        organization: &OrganizationName,
    ) -> Result<Value, Error> {
        let object = format!("{}/organization/{organization}", subject(chain));
        let result = async {
            let record = self.chain_for(caller, Action::Read, Noun::Chain, chain).await?;
            let link = self.link_for_clients(&record).await?;
            let mut shared = self.services.store.channel_list(chain).await.map_err(crate::error::store)?;
            shared.retain(|channel| channel.organizations.contains(organization));
            // Only while the chain runs can peers tell which channels they have joined.
            let asked = (record.state == ChainState::Running).then_some(&link);
            let shared = self.channel_views(Some(link.plan.as_ref()), asked, shared).await;
            // Where nobody says otherwise, clients go to the host's address.
            let statuses = listed(link.agent.as_ref(), &selector(&link)).await.unwrap_or_default();
            profile(&link, &statuses, &shared, organization)
        }
        .await;
        self.audit.record(caller, "profile-export", &object, &result).await;
        result
    }

    /// The same as YAML.
    pub async fn connection_profile_yaml(
        &self,
        caller: &Caller,
        chain: &ChainName,
        organization: &OrganizationName,
    ) -> Result<String, Error> {
        Ok(yaml::document(&self.connection_profile(caller, chain, organization).await?))
    }

    /// A chain with the address that its clients use now.
    pub(super) async fn link_for_clients(&self, record: &ChainRecord) -> Result<ChainLink, Error> {
        let link = self.link(record).await?;
        let plan = self.as_reached(ChainPlan::clone(&link.plan)).await?;
        Ok(ChainLink { plan: Arc::new(plan), ..link })
    }

    /// A plan with the address that clients use now: an admin may have changed the host's since the chain was made. The
    /// nodes' certificates keep the names they were issued for, by which whoever is told an address checks them.
    pub(crate) async fn as_reached(&self, plan: ChainPlan) -> Result<ChainPlan, Error> {
        let host = self.host_record(&plan.host).await?;
        Ok(ChainPlan { client_address: host.spec.client_address, ..plan })
    }
}

/// Works the profile out, with the channels that the organization is in. Organizations that share one with it are all
/// in it: their peers endorse as well.
fn profile(
    link: &ChainLink,
    statuses: &[NodeStatus],
    shared: &[ChannelView],
    organization: &OrganizationName,
) -> Result<Value, Error> {
    let plan = &link.plan;
    if !plan.members().any(|(name, _)| name == organization) {
        return Err(Error::not_found());
    }
    let is_near = |name: &OrganizationName| {
        name == organization || shared.iter().any(|channel| channel.organizations.contains(name))
    };
    let (mut organizations, mut peers) = (Map::new(), BTreeMap::new());
    for (name, planned) in plan.members().filter(|(name, _)| is_near(name)) {
        let names: Vec<&str> = plan.peers_of(name).map(|peer| peer.domain_name.as_str()).collect();
        let entry = json!({ "mspid": planned.msp_id, "peers": names, "certificateAuthorities": [] });
        organizations.insert(name.to_string(), entry);
        for peer in plan.peers_of(name) {
            peers.insert(peer.domain_name.clone(), endpoint(link, statuses, peer));
        }
    }
    let orderers: BTreeMap<String, Value> = plan
        .of_kind(NodeKind::Orderer)
        .map(|node| (node.domain_name.clone(), endpoint(link, statuses, node)))
        .collect();
    let channels: Map<String, Value> =
        shared.iter().map(|channel| (channel.name.to_string(), channel_entry(link, channel))).collect();
    Ok(json!({
        "name": plan.chain,
        "version": "1.0.0",
        "client": {
            "organization": organization,
            "connection": { "timeout": { "peer": { "endorser": "300" }, "orderer": "300" } },
        },
        "channels": channels,
        "organizations": organizations,
        "orderers": orderers,
        "peers": peers,
    }))
}

/// Address, authority and name of a node. The name stands in its certificate whatever the address is.
fn endpoint(link: &ChainLink, statuses: &[NodeStatus], node: &PlannedNode) -> Value {
    let pem = link.trust.msps.get(&node.msp_id).map(|msp| msp.tls_ca_cert_pem.as_str());
    json!({
        "url": format!("grpcs://{}", link.plan.address(node, statuses)),
        "tlsCACerts": { "pem": pem },
        "grpcOptions": {
            "ssl-target-name-override": node.domain_name,
            "hostnameOverride": node.domain_name,
        },
    })
}

/// A channel with the peers that serve it; one that does not tell whether it has joined may have.
fn channel_entry(link: &ChainLink, channel: &ChannelView) -> Value {
    let orderers: Vec<&str> =
        link.plan.of_kind(NodeKind::Orderer).map(|node| node.domain_name.as_str()).collect();
    let inside = channel.peers.iter().filter(|peer| peer.joined != Some(false));
    let inside = inside.filter_map(|peer| link.plan.node(&peer.node));
    let roles = json!({
        "endorsingPeer": true,
        "chaincodeQuery": true,
        "ledgerQuery": true,
        "eventSource": true,
    });
    let peers: Map<String, Value> = inside.map(|peer| (peer.domain_name.clone(), roles.clone())).collect();
    json!({ "orderers": orderers, "peers": peers })
}
