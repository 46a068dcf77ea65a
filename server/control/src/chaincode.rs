//! Chaincode: what is deployed, how far each organization is, and deploying.

use domain::chain::{ChainState, ChainVerb};
use domain::chaincode::{ChaincodeView, DeploySpec, PackageView, ReadinessView};
use domain::id::OperationId;
use domain::name::{ChainName, NodeName, OrganizationName};
use domain::node::NodeKind;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use fabric::package::{self, Limits, PackageError, TYPE_CCAAS};
use store::ChaincodeRecord;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::chain::{bounded_key, plan_of};
use crate::error::internal;
use crate::network::{ChainLink, DefinitionSpec};
use crate::operation::subject;
use crate::operations::chaincode_deploy::{ChaincodeDeploy, drafts};
use crate::operations::chaincode_steps::{ChaincodeApprove, ChaincodeCommit, ChaincodeInstall};
use crate::operations::demo_create;
use crate::topology::ChainPlan;

impl ControlPlane {
    /// Every definition of a chain with its readiness.
    pub async fn chaincode_list(
        &self,
        caller: &Caller,
        chain: &ChainName,
    ) -> Result<Vec<ChaincodeView>, Error> {
        let record = self.chain_for(caller, Action::List, Noun::Chaincode, chain).await?;
        let link = if record.state == ChainState::Running { self.link(chain).await.ok() } else { None };
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
                policy: chaincode.policy,
                init_required: chaincode.init_required,
                committed,
                deployed_ms: chaincode.deployed_ms,
                readiness,
            });
        }
        Ok(views)
    }

    /// Who has installed and approved what; a peer that does not answer counts as missing.
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
        let network = &self.services.network;
        let mut board = Vec::new();
        for (name, organization) in link.plan.members().filter(|(name, _)| members.contains(name)) {
            let package = chaincode.package_ids.get(&organization.msp_id).cloned().unwrap_or_default();
            let mut row = ReadinessView {
                organization: name.clone(),
                installed: Vec::new(),
                missing: Vec::new(),
                approved: false,
            };
            for peer in link.plan.peers_of(name) {
                let holds = network.installed(link, peer).await.is_ok_and(|ids| ids.contains(&package));
                if holds {
                    row.installed.push(peer.name.to_string())
                } else {
                    row.missing.push(peer.name.to_string())
                }
                if !row.approved {
                    row.approved = network
                        .approved(link, peer, chaincode.channel.as_str(), &definition)
                        .await
                        .unwrap_or(false);
                }
            }
            board.push(row);
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
        self.start_operation(caller, Some(subject), Some(key), ChaincodeDeploy { spec }).await
    }

    /// Authorises a change of a chaincode and checks what it is to become.
    async fn check_deploy(&self, caller: &Caller, spec: &DeploySpec) -> Result<ChainPlan, Error> {
        let record = self.chain_for(caller, Action::Deploy, Noun::Chaincode, &spec.chain).await?;
        spec.check()?;
        ChainVerb::Update.check(record.state)?;
        let channels = self.services.store.channel_list(&spec.chain).await.map_err(crate::error::store)?;
        if !channels.iter().any(|channel| channel.name == spec.channel) {
            return Err(Error::not_found().on("channel"));
        }
        if let Some(policy) = &spec.policy {
            fabric::policy::parse(policy)
                .map_err(|error| Error::invalid(Code::PolicyMalformed).with("why", error).on("policy"))?;
        }
        let host = self.host_record(&record.host).await?;
        self.chaincode_image_check(caller, &host, &spec.image).await?;
        plan_of(&record)?.ok_or_else(Error::not_found)
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
            let plan = self.check_deploy(caller, &spec).await?;
            if peers.is_empty() {
                return Err(Error::invalid(Code::FieldMissing).on("peers"));
            }
            if peers.iter().any(|name| plan.node(name).is_none_or(|node| node.kind != NodeKind::Peer)) {
                return Err(Error::not_found().on("peers"));
            }
            let subject = subject(&spec.chain);
            self.start_operation(caller, Some(subject), None, ChaincodeInstall { spec, peers }).await
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
            let plan = self.check_deploy(caller, &spec).await?;
            if !plan.members().any(|(name, _)| *name == organization) {
                return Err(Error::not_found().on("organization"));
            }
            let subject = subject(&spec.chain);
            self.start_operation(caller, Some(subject), None, ChaincodeApprove { spec, organization }).await
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
            self.start_operation(caller, Some(subject), None, ChaincodeCommit { spec }).await
        }
        .await;
        self.audit.record(caller, "chaincode-commit", &object, &result).await;
        result
    }

    /// Looks into an uploaded package (gzip tar) without unpacking it to anywhere, and says why it is refused.
    pub async fn chaincode_package(
        &self,
        caller: &Caller,
        chain: &ChainName,
        package: Vec<u8>,
    ) -> Result<PackageView, Error> {
        self.chain_for(caller, Action::Deploy, Noun::Chaincode, chain).await?;
        // Decompression takes a while and never waits: it has no place among requests that do.
        let inspected = tokio::task::spawn_blocking(move || package_view(&package)).await;
        inspected.map_err(|error| internal("look into a package", error))?
    }
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
