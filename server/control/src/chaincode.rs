//! Chaincode: what is deployed, how far each organization is, and deploying.

use std::time::Duration;

use domain::chain::{ChainState, ChainVerb};
use domain::chaincode::{ChaincodeView, DeploySpec, PackageView, ReadinessView};
use domain::id::OperationId;
use domain::name::{ChainName, ChannelName, NodeName, OrganizationName};
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use fabric::error::ErrorKind;
use fabric::package::{self, Limits, PackageError, TYPE_CCAAS};
use futures::{Stream, StreamExt};
use store::{ChainRecord, ChaincodeRecord, ChannelRecord};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::chain::{bounded_key, plan_of};
use crate::error::internal;
use crate::network::{ChainLink, DefinitionSpec, Network};
use crate::operation::subject;
use crate::operations::chaincode_deploy::{ChaincodeDeploy, Starter, check_joined, drafts};
use crate::operations::chaincode_steps::{ChaincodeApprove, ChaincodeCommit, ChaincodeInstall};
use crate::operations::demo_create;
use crate::operations::side_by_side;
use crate::topology::{ChainPlan, PlannedNode};

/// Longest wait for what a peer tells of a chaincode.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

impl ControlPlane {
    /// Every definition of a chain with its readiness.
    pub async fn chaincode_list(
        &self,
        caller: &Caller,
        chain: &ChainName,
    ) -> Result<Vec<ChaincodeView>, Error> {
        let record = self.chain_for(caller, Action::List, Noun::Chaincode, chain).await?;
        let link = if record.state == ChainState::Running { self.link(&record).await.ok() } else { None };
        let drafts = drafts::read(&self.services, chain).await?;
        let committed = self.services.store.chaincode_list(chain).await.map_err(crate::error::store)?;
        let drafts = drafts.into_values().map(|draft| (draft, false));
        let mut views = Vec::new();
        for (chaincode, committed) in committed.into_iter().map(|one| (one, true)).chain(drafts) {
            let readiness = match &link {
                Some(link) => self.readiness(link, &chaincode).await?,
                None => Vec::new(),
            };
            views.push(ChaincodeView {
                channel: chaincode.channel,
                name: chaincode.name,
                version: chaincode.version,
                sequence: chaincode.sequence,
                image: chaincode.image,
                image_id: chaincode.image_id,
                image_digest: chaincode.image_digest,
                policy: chaincode.policy,
                init_required: chaincode.init_required,
                committed,
                deployed_ms: chaincode.deployed_ms,
                readiness,
            });
        }
        Ok(views)
    }

    /// Who has installed and approved what, of the peers that serve the channel; one that does not answer counts as
    /// missing.
    async fn readiness(
        &self,
        link: &ChainLink,
        chaincode: &ChaincodeRecord,
    ) -> Result<Vec<ReadinessView>, Error> {
        let channels = self.services.store.channel_list(&link.plan.chain).await;
        let channels = channels.map_err(crate::error::store)?;
        let channel = channels.into_iter().find(|known| known.name == chaincode.channel);
        let members = channel.map(|channel| channel.organizations).unwrap_or_default();
        let definition = DefinitionSpec {
            name: chaincode.name.to_string(),
            version: chaincode.version.clone(),
            sequence: chaincode.sequence,
            policy: chaincode.policy.clone(),
            init_required: chaincode.init_required,
        };
        let network = self.services.network.as_ref();
        let channel = chaincode.channel.as_str();
        let (mut board, mut asked) = (Vec::new(), Vec::new());
        for (name, organization) in link.plan.members().filter(|(name, _)| members.contains(name)) {
            let package =
                chaincode.package_ids.get(&organization.msp_id).map(String::as_str).unwrap_or_default();
            let peers = link.plan.peers_of(name);
            asked.extend(peers.map(|peer| (board.len(), peer, package)));
            board.push(ReadinessView {
                organization: name.clone(),
                installed: Vec::new(),
                missing: Vec::new(),
                approved: false,
            });
        }
        let looks = asked.into_iter().map(|(row, peer, package)| {
            let look = peer_standing(network, link, peer, package, (channel, &definition));
            async move { (row, peer, look.await) }
        });
        for (row, peer, standing) in side_by_side(looks.collect()).await {
            let (Some(row), Some((holds, approved))) = (board.get_mut(row), standing) else { continue };
            let list = if holds { &mut row.installed } else { &mut row.missing };
            list.push(peer.name.to_string());
            row.approved |= approved;
        }
        Ok(board)
    }

    /// The sample, filled in for a chain.
    pub async fn chaincode_sample(&self, caller: &Caller, chain: &ChainName) -> Result<DeploySpec, Error> {
        let record = self.chain_for(caller, Action::Deploy, Noun::Chaincode, chain).await?;
        let host = self.host_record(&record.host).await?;
        demo_create::sample(chain, &record.spec.channel, &host.spec)
    }

    /// Deploys a chaincode, or the next sequence of one that is there.
    pub async fn chaincode_deploy(
        &self,
        caller: &Caller,
        spec: DeploySpec,
        idempotency_key: String,
    ) -> Result<OperationId, Error> {
        let object = format!("{}/chaincode/{}", subject(&spec.chain), spec.name);
        let result = self.chaincode_deploy_checked(caller, spec, idempotency_key).await;
        self.audit.record(caller, "chaincode-deploy", &object, &result).await;
        result
    }

    async fn chaincode_deploy_checked(
        &self,
        caller: &Caller,
        spec: DeploySpec,
        idempotency_key: String,
    ) -> Result<OperationId, Error> {
        self.check_deploy(caller, &spec).await?;
        let key = bounded_key(idempotency_key)?;
        let subject = subject(&spec.chain);
        let starter = Some(Starter::of(caller)?);
        self.start_operation(caller, Some(subject), Some(key), ChaincodeDeploy { spec, starter }).await
    }

    /// Authorises a change of a chaincode and checks what it is to become; on which channel.
    async fn check_deploy(&self, caller: &Caller, spec: &DeploySpec) -> Result<ChannelRecord, Error> {
        let record = self.chain_for(caller, Action::Deploy, Noun::Chaincode, &spec.chain).await?;
        spec.check()?;
        ChainVerb::Update.check(record.state)?;
        let channels = self.services.store.channel_list(&spec.chain).await.map_err(crate::error::store)?;
        let channel = channels.into_iter().find(|channel| channel.name == spec.channel);
        let channel = channel.ok_or_else(|| Error::not_found().on("channel"))?;
        if let Some(policy) = &spec.policy {
            fabric::policy::parse(policy)
                .map_err(|error| Error::invalid(Code::PolicyMalformed).with("why", error).on("policy"))?;
        }
        let host = self.host_record(&record.host).await?;
        self.chaincode_image_check(caller, &host, &spec.image).await?;
        let plan = plan_of(&record)?.ok_or_else(Error::not_found)?;
        check_peers(&plan, &channel, &spec.peers)?;
        self.check_joined(&record, &spec.channel, &spec.peers).await?;
        Ok(channel)
    }

    /// Refuses chosen peers that have not joined a channel, before anything is made for them.
    async fn check_joined(
        &self,
        record: &ChainRecord,
        channel: &ChannelName,
        peers: &[NodeName],
    ) -> Result<(), Error> {
        if peers.is_empty() {
            return Ok(());
        }
        let link = self.link(record).await?;
        let peers: Vec<&PlannedNode> = peers.iter().filter_map(|name| link.plan.node(name)).collect();
        check_joined(self.services.network.as_ref(), &link, channel, &peers).await
    }

    /// One step alone: installs on some peers.
    pub async fn chaincode_install(
        &self,
        caller: &Caller,
        spec: DeploySpec,
        peers: Vec<NodeName>,
    ) -> Result<OperationId, Error> {
        let object = format!("{}/chaincode/{}", subject(&spec.chain), spec.name);
        let result = async {
            self.check_deploy(caller, &DeploySpec { peers: peers.clone(), ..spec.clone() }).await?;
            if peers.is_empty() {
                return Err(Error::invalid(Code::FieldMissing).on("peers"));
            }
            let subject = subject(&spec.chain);
            let starter = Some(Starter::of(caller)?);
            let params = ChaincodeInstall { spec, peers, starter };
            self.start_operation(caller, Some(subject), None, params).await
        }
        .await;
        self.audit.record(caller, "chaincode-install", &object, &result).await;
        result
    }

    /// One step alone: approves for an organization.
    pub async fn chaincode_approve(
        &self,
        caller: &Caller,
        spec: DeploySpec,
        organization: OrganizationName,
    ) -> Result<OperationId, Error> {
        let object = format!("{}/chaincode/{}", subject(&spec.chain), spec.name);
        let result = async {
            let channel = self.check_deploy(caller, &spec).await?;
            if !channel.organizations.contains(&organization) {
                return Err(Error::not_found().on("organization"));
            }
            let subject = subject(&spec.chain);
            let starter = Some(Starter::of(caller)?);
            let params = ChaincodeApprove { spec, organization, starter };
            self.start_operation(caller, Some(subject), None, params).await
        }
        .await;
        self.audit.record(caller, "chaincode-approve", &object, &result).await;
        result
    }

    /// One step alone: commits what is approved.
    pub async fn chaincode_commit(&self, caller: &Caller, spec: DeploySpec) -> Result<OperationId, Error> {
        let object = format!("{}/chaincode/{}", subject(&spec.chain), spec.name);
        let result = async {
            self.check_deploy(caller, &spec).await?;
            let subject = subject(&spec.chain);
            let starter = Some(Starter::of(caller)?);
            self.start_operation(caller, Some(subject), None, ChaincodeCommit { spec, starter }).await
        }
        .await;
        self.audit.record(caller, "chaincode-commit", &object, &result).await;
        result
    }

    /// Looks into an uploaded package (gzip tar) without unpacking it to anywhere, and says why it is refused. Nobody's
    /// bytes are taken in before it is clear that they may send some.
    pub async fn chaincode_package<S, B>(
        &self,
        caller: &Caller,
        chain: &ChainName,
        upload: S,
    ) -> Result<PackageView, Error>
    where
        S: Stream<Item = std::io::Result<B>> + Unpin + Send,
        B: AsRef<[u8]> + Send + 'static,
    {
        self.chain_for(caller, Action::Deploy, Noun::Chaincode, chain).await?;
        let package = received(upload).await?;
        // Decompression takes a while and never waits: it has no place among requests that do.
        let inspected = tokio::task::spawn_blocking(move || package_view(&package)).await;
        inspected.map_err(|error| internal("look into a package", error))?
    }
}

/// Whether a peer holds a package, and whether its organization has approved a definition; none of a peer that does not
/// serve the channel. What it does not tell in time counts as no.
async fn peer_standing(
    network: &dyn Network,
    link: &ChainLink,
    peer: &PlannedNode,
    package: &str,
    (channel, definition): (&str, &DefinitionSpec),
) -> Option<(bool, bool)> {
    let look = async {
        let height = network.height(link, peer, channel).await;
        if height.is_err_and(|error| error.kind() == ErrorKind::ChannelUnknown) {
            return None;
        }
        let installed = network.installed(link, peer).await;
        let holds = installed.is_ok_and(|ids| ids.iter().any(|id| id == package));
        Some((holds, network.approved(link, peer, channel, definition).await.unwrap_or(false)))
    };
    tokio::time::timeout(LOOK_TIMEOUT, look).await.unwrap_or(Some((false, false)))
}

/// Whoever sends it stopped or was too slow.
fn cut_short(error: std::io::Error) -> Error {
    Error::invalid(Code::PackageBroken).with("why", error).on("package")
}

/// The bytes of a package, as long as they are within the limit.
async fn received<S, B>(mut upload: S) -> Result<Vec<u8>, Error>
where
    S: Stream<Item = std::io::Result<B>> + Unpin,
    B: AsRef<[u8]>,
{
    let limit = Limits::default().package_bytes_max;
    let mut bytes = Vec::new();
    while let Some(chunk) = upload.next().await {
        bytes.extend_from_slice(chunk.map_err(cut_short)?.as_ref());
        if u64::try_from(bytes.len()).is_ok_and(|len| len > limit) {
            return Err(package_error(&PackageError::TooLarge { limit }));
        }
    }
    Ok(bytes)
}

/// Refuses what is no peer of the channel's organizations.
fn check_peers(plan: &ChainPlan, channel: &ChannelRecord, peers: &[NodeName]) -> Result<(), Error> {
    let serves = |name: &NodeName| plan.peers_among(&channel.organizations).any(|peer| peer.name == *name);
    if peers.iter().all(serves) { Ok(()) } else { Err(Error::not_found().on("peers")) }
}

fn package_view(bytes: &[u8]) -> Result<PackageView, Error> {
    let facts = package::inspect(bytes, &Limits::default()).map_err(|error| package_error(&error))?;
    let address = match facts.connection {
        Some(connection) if facts.r#type == TYPE_CCAAS => connection.address,
        _ => return Err(Error::invalid(Code::PackageType).with("type", &facts.r#type).on("package")),
    };
    Ok(PackageView { package_id: package::id(&facts.label, bytes), label: facts.label, address })
}

/// Why a package is refused, in the portal's codes.
fn package_error(error: &PackageError) -> Error {
    let refused = match error {
        PackageError::Label => Error::invalid(Code::PackageLabel),
        PackageError::TooLarge { limit } | PackageError::UnpackedTooLarge { limit } => {
            Error::invalid(Code::PackageTooLarge).with("max", limit)
        }
        PackageError::Ratio { .. }
        | PackageError::TooManyEntries { .. }
        | PackageError::Path { .. }
        | PackageError::EntryType { .. }
        | PackageError::Duplicate { .. } => Error::invalid(Code::PackageHostile).with("why", error),
        PackageError::Connection(_) => Error::invalid(Code::PackageConnection).with("why", error),
        PackageError::Missing(_)
        | PackageError::FileTooLarge(_)
        | PackageError::Json { .. }
        | PackageError::Archive(_) => Error::invalid(Code::PackageBroken).with("why", error),
    };
    refused.on("package")
}

#[cfg(test)]
mod tests;
