//! `demo-create`: a chain with defaults and the sample chaincode, in one operation made of the steps of both.

use domain::Error;
use domain::chain::{ChainSpec, Consensus, FabricVersion, NodeResources, OrganizationSpec};
use domain::chaincode::DeploySpec;
use domain::host::HostSpec;
use domain::id::HostId;
use domain::name::{ChainName, ChaincodeName, ChannelName, OrganizationName};
use serde::{Deserialize, Serialize};
use workflow::{Operation, Plan};

use super::chain_create::{CreatesChain, create_steps};
use super::chaincode_deploy::{DeploysChaincode, deploy_steps, former_deploy_steps};
use crate::services::Services;

/// Parameters: what is created, and then deployed on it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DemoCreate {
    pub spec: ChainSpec,
    pub deploy: DeploySpec,
}

impl Operation for DemoCreate {
    type Env = Services;

    fn plan() -> Plan<Self> {
        deploy_steps(create_steps(Plan::named("demo-create", 2)))
    }
}

impl DemoCreate {
    /// The plan of version 1: what was begun under it is resumed and undone.
    pub fn former_plan() -> Plan<Self> {
        former_deploy_steps(create_steps(Plan::named("demo-create", 1)))
    }
}

impl CreatesChain for DemoCreate {
    fn chain_spec(&self) -> &ChainSpec {
        &self.spec
    }
}

impl DeploysChaincode for DemoCreate {
    fn deploy_spec(&self) -> &DeploySpec {
        &self.deploy
    }
}

impl DemoCreate {
    /// The next free name of `demo`, `demo-2`, … on a host.
    pub async fn on(services: &Services, host: HostId) -> Result<Self, Error> {
        let record = services.store.host_read(&host).await.map_err(crate::error::store)?;
        let host_spec = record.ok_or_else(Error::not_found)?.spec;
        let chains = services.store.chain_list().await.map_err(crate::error::store)?;
        let taken: Vec<ChainName> = chains.into_iter().map(|chain| chain.name).collect();
        let spec = default_spec(next_name("demo", &taken)?, host)?;
        let deploy = sample(&spec.name, &spec.channel, &host_spec)?;
        Ok(Self { spec, deploy })
    }
}

/// The first of `stem`, `stem-2`, `stem-3`, … that is not taken.
pub(crate) fn next_name(stem: &str, taken: &[ChainName]) -> Result<ChainName, Error> {
    let mut name = ChainName::parse(stem)?;
    let mut number = 1_u32;
    while taken.contains(&name) {
        number += 1;
        name = ChainName::parse(&format!("{stem}-{number}"))?;
    }
    Ok(name)
}

/// The specification that "next, next, create" makes.
pub fn default_spec(name: ChainName, host: HostId) -> Result<ChainSpec, Error> {
    let organization = |text: &str| -> Result<OrganizationSpec, Error> {
        Ok(OrganizationSpec { name: OrganizationName::parse(text)?, peers: 2 })
    };
    Ok(ChainSpec {
        name,
        host,
        version: FabricVersion::V2_5,
        consensus: Consensus::Raft,
        orderers: 1,
        organizations: vec![organization("org1")?, organization("org2")?],
        channel: ChannelName::parse("mychannel")?,
        batch_timeout_ms: 200,
        resources: NodeResources::DEFAULT,
    })
}

/// The sample chaincode on a channel, with the image that the host names for it.
pub fn sample(chain: &ChainName, channel: &ChannelName, host: &HostSpec) -> Result<DeploySpec, Error> {
    Ok(DeploySpec {
        chain: chain.clone(),
        channel: channel.clone(),
        name: ChaincodeName::parse("example02")?,
        version: "1".to_owned(),
        image: host.images.sample.first().cloned().unwrap_or_default(),
        policy: None,
        init_required: false,
        label: None,
        peers: Vec::new(),
    })
}
