//! Channels of a chain: which there are, how they are configured, and making and joining them.

use domain::chain::{ChainState, ChainVerb};
use domain::channel::{ChannelConfigView, ChannelPeer, ChannelSpec, ChannelView};
use domain::id::OperationId;
use domain::name::{ChainName, ChannelName, NodeName, OrganizationName};
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use fabric::config_view;
use fabric::error::ErrorKind as FabricKind;
use store::{ChainRecord, ChannelRecord};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::chain::{bounded_key, plan_of};
use crate::error::internal;
use crate::explain::call_error;
use crate::network::{ChainLink, height_in_time};
use crate::operation::subject;
use crate::operations::channel_anchors::ChannelAnchors;
use crate::operations::channel_create::ChannelCreate;
use crate::operations::channel_join::ChannelJoin;
use crate::operations::side_by_side;
use crate::topology::{ChainPlan, PlannedNode};

impl ControlPlane {
    /// Every channel with its members, their peers and its height.
    pub async fn channel_list(&self, caller: &Caller, chain: &ChainName) -> Result<Vec<ChannelView>, Error> {
        let record = self.chain_for(caller, Action::List, Noun::Channel, chain).await?;
        let link = if record.state == ChainState::Running { self.link(&record).await.ok() } else { None };
        let plan = plan_of(&record)?;
        let channels = self.services.store.channel_list(chain).await.map_err(crate::error::store)?;
        Ok(self.channel_views(plan.as_ref(), link.as_ref(), channels).await)
    }

    /// Channels with what their peers say of themselves; without a link nobody is asked.
    pub(crate) async fn channel_views(
        &self,
        plan: Option<&ChainPlan>,
        link: Option<&ChainLink>,
        channels: Vec<ChannelRecord>,
    ) -> Vec<ChannelView> {
        let looks = channels.into_iter().map(|channel| self.channel_view(plan, link, channel));
        side_by_side(looks.collect()).await
    }

    async fn channel_view(
        &self,
        plan: Option<&ChainPlan>,
        link: Option<&ChainLink>,
        channel: ChannelRecord,
    ) -> ChannelView {
        let peers = match plan {
            Some(plan) => self.channel_peers(plan, link, &channel).await,
            None => Vec::new(),
        };
        let height = peers.iter().filter_map(|peer| peer.height).max();
        ChannelView { name: channel.name, organizations: channel.organizations, height, peers }
    }

    async fn channel_peers(
        &self,
        plan: &ChainPlan,
        link: Option<&ChainLink>,
        channel: &ChannelRecord,
    ) -> Vec<ChannelPeer> {
        let looks =
            channel.organizations.iter().flat_map(|name| plan.peers_of(name).map(move |peer| (name, peer)));
        let looks: Vec<_> = looks.map(|(name, peer)| self.channel_peer(link, channel, name, peer)).collect();
        side_by_side(looks).await
    }

    async fn channel_peer(
        &self,
        link: Option<&ChainLink>,
        channel: &ChannelRecord,
        organization: &OrganizationName,
        peer: &PlannedNode,
    ) -> ChannelPeer {
        let asked = match link {
            Some(link) => {
                let network = self.services.network.as_ref();
                Some(height_in_time(network, link, peer, channel.name.as_str()).await)
            }
            None => None,
        };
        let (joined, height) = match asked {
            Some(Ok(height)) => (Some(true), Some(height)),
            Some(Err(error)) if error.kind() == FabricKind::ChannelUnknown => (Some(false), None),
            Some(Err(_)) | None => (None, None),
        };
        ChannelPeer { node: peer.name.clone(), organization: organization.clone(), joined, height }
    }

    /// A channel's configuration in force, decoded.
    pub async fn channel_config(
        &self,
        caller: &Caller,
        chain: &ChainName,
        channel: &ChannelName,
    ) -> Result<ChannelConfigView, Error> {
        let record = self.chain_for(caller, Action::Read, Noun::Channel, chain).await?;
        ChainVerb::Transact.check(record.state)?;
        let link = self.link(&record).await?;
        let peer = self.any_peer(&link, channel).await?;
        let read = self.services.network.config_block(&link, &peer, channel.as_str()).await;
        let view = config_view::view(&read.map_err(|error| call_error(&error))?)
            .map_err(|error| internal("read a configuration", error))?;
        let json =
            serde_json::to_string_pretty(&view.tree).map_err(|error| internal("show a tree", error))?;
        Ok(ChannelConfigView { name: channel.clone(), sequence: view.sequence, anchors: view.anchors, json })
    }

    /// Creates a channel over organizations and peers of a chain.
    pub async fn channel_create(
        &self,
        caller: &Caller,
        spec: ChannelSpec,
        idempotency_key: String,
    ) -> Result<OperationId, Error> {
        let object = format!("{}/channel/{}", subject(&spec.chain), spec.name);
        let result = async {
            let record = self.chain_for(caller, Action::Create, Noun::Channel, &spec.chain).await?;
            spec.check()?;
            ChainVerb::Update.check(record.state)?;
            let key = bounded_key(idempotency_key)?;
            let known = self.services.store.channel_list(&spec.chain).await.map_err(crate::error::store)?;
            if known.iter().any(|channel| channel.name == spec.name) {
                return Err(Error::conflict(Code::ChannelExists).with("name", &spec.name).on("name"));
            }
            let plan = plan_of(&record)?.ok_or_else(Error::not_found)?;
            for member in &spec.members {
                check_peers(&plan, &member.organization, &member.peers)?;
            }
            let subject = subject(&spec.chain);
            self.start_operation(caller, Some(subject), Some(key), ChannelCreate { spec }).await
        }
        .await;
        self.audit.record(caller, "channel-create", &object, &result).await;
        result
    }

    /// Lets further peers of a channel's organizations join it.
    pub async fn channel_join(
        &self,
        caller: &Caller,
        chain: &ChainName,
        channel: &ChannelName,
        peers: Vec<NodeName>,
    ) -> Result<OperationId, Error> {
        let object = format!("{}/channel/{channel}", subject(chain));
        let result = async {
            let (record, known) = self.channel_for(caller, chain, channel).await?;
            let plan = plan_of(&record)?.ok_or_else(Error::not_found)?;
            if peers.is_empty() {
                return Err(Error::invalid(Code::FieldMissing).on("peers"));
            }
            for name in &peers {
                let owner = plan.node(name).and_then(|node| node.organization.as_ref());
                if owner.is_none_or(|owner| !known.organizations.contains(owner)) {
                    return Err(Error::not_found().on("peers"));
                }
            }
            let params = ChannelJoin { chain: chain.clone(), channel: channel.clone(), peers };
            self.start_operation(caller, Some(subject(chain)), None, params).await
        }
        .await;
        self.audit.record(caller, "channel-join", &object, &result).await;
        result
    }

    /// Sets an organization's anchor peers.
    pub async fn channel_anchors(
        &self,
        caller: &Caller,
        chain: &ChainName,
        channel: &ChannelName,
        organization: OrganizationName,
        peers: Vec<NodeName>,
    ) -> Result<OperationId, Error> {
        let object = format!("{}/channel/{channel}", subject(chain));
        let result = async {
            let (record, known) = self.channel_for(caller, chain, channel).await?;
            let plan = plan_of(&record)?.ok_or_else(Error::not_found)?;
            if !known.organizations.contains(&organization) {
                return Err(Error::not_found().on("organization"));
            }
            check_peers(&plan, &organization, &peers)?;
            let params =
                ChannelAnchors { chain: chain.clone(), channel: channel.clone(), organization, peers };
            self.start_operation(caller, Some(subject(chain)), None, params).await
        }
        .await;
        self.audit.record(caller, "channel-anchors", &object, &result).await;
        result
    }

    /// Authorises a change of a channel and finds it.
    async fn channel_for(
        &self,
        caller: &Caller,
        chain: &ChainName,
        channel: &ChannelName,
    ) -> Result<(ChainRecord, ChannelRecord), Error> {
        let record = self.chain_for(caller, Action::Edit, Noun::Channel, chain).await?;
        ChainVerb::Update.check(record.state)?;
        let channels = self.services.store.channel_list(chain).await.map_err(crate::error::store)?;
        let known = channels.into_iter().find(|known| known.name == *channel);
        Ok((record, known.ok_or_else(Error::not_found)?))
    }
}

/// Refuses peers that are not the organization's, and none at all.
fn check_peers(plan: &ChainPlan, organization: &OrganizationName, peers: &[NodeName]) -> Result<(), Error> {
    if !plan.members().any(|(name, _)| name == organization) {
        return Err(Error::not_found().on("members"));
    }
    if peers.is_empty() {
        return Err(Error::invalid(Code::PeersMissing).with("name", organization).on("members"));
    }
    let own: Vec<&NodeName> = plan.peers_of(organization).map(|peer| &peer.name).collect();
    if peers.iter().all(|peer| own.contains(&peer)) { Ok(()) } else { Err(Error::not_found().on("members")) }
}
