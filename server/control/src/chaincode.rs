//! Chaincode: what is deployed, how far each organization is, and deploying.

use domain::chain::{ChainState, ChainVerb};
use domain::chaincode::{ChaincodeView, DeploySpec, ReadinessView};
use domain::id::OperationId;
use domain::name::ChainName;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use store::ChaincodeRecord;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::chain::bounded_key;
use crate::network::{ChainLink, DefinitionSpec};
use crate::operation::subject;
use crate::operations::chaincode_deploy::ChaincodeDeploy;
use crate::operations::demo_create;

impl ControlPlane {
    /// Every definition of a chain with its readiness.
    pub async fn chaincode_list(
        &self,
        caller: &Caller,
        chain: &ChainName,
    ) -> Result<Vec<ChaincodeView>, Error> {
        let record = self.chain_for(caller, Action::List, Noun::Chaincode, chain).await?;
        let link = if record.state == ChainState::Running { self.link(chain).await.ok() } else { None };
        let mut views = Vec::new();
        for chaincode in self.services.store.chaincode_list(chain).await.map_err(crate::error::store)? {
            let readiness = match &link {
                Some(link) => self.readiness(link, &chaincode).await,
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
                deployed_ms: chaincode.deployed_ms,
                readiness,
            });
        }
        Ok(views)
    }

    /// Who has installed and approved what; a peer that does not answer counts as missing.
    async fn readiness(&self, link: &ChainLink, chaincode: &ChaincodeRecord) -> Vec<ReadinessView> {
        let definition = DefinitionSpec {
            name: chaincode.name.to_string(),
            version: chaincode.version.clone(),
            sequence: chaincode.sequence,
            policy: chaincode.policy.clone(),
            init_required: chaincode.init_required,
        };
        let network = &self.services.network;
        let mut board = Vec::new();
        for (name, organization) in link.plan.members() {
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
        board
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
        let key = bounded_key(idempotency_key)?;
        let subject = subject(&spec.chain);
        self.start_operation(caller, Some(subject), Some(key), ChaincodeDeploy { spec }).await
    }
}
