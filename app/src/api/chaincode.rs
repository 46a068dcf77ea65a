//! Chaincode: what is deployed, and deploying.

use domain::chaincode::{ChaincodeView, DeploySpec};
use domain::id::OperationId;
use domain::name::{ChainName, NodeName, OrganizationName};
use leptos::prelude::*;

use super::ApiError;

/// Every definition of a chain with its readiness.
#[server(endpoint = "chaincode_list", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_list(chain: ChainName) -> Result<Vec<ChaincodeView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_list(&caller, &chain).await, &caller).await
}

/// The sample, filled in.
#[server(endpoint = "chaincode_sample", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_sample(chain: ChainName) -> Result<DeploySpec, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_sample(&caller, &chain).await, &caller).await
}

/// Deploys or upgrades; the same key starts it once.
#[server(endpoint = "chaincode_deploy", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_deploy(spec: DeploySpec, key: String) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_deploy(&caller, spec, key).await, &caller).await
}

/// One step alone: installs on some peers.
#[server(endpoint = "chaincode_install", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_install(spec: DeploySpec, peers: Vec<NodeName>) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_install(&caller, spec, peers).await, &caller).await
}

/// One step alone: approves for an organization.
#[server(endpoint = "chaincode_approve", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_approve(
    spec: DeploySpec,
    organization: OrganizationName,
) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_approve(&caller, spec, organization).await, &caller).await
}

/// One step alone: commits what is approved.
#[server(endpoint = "chaincode_commit", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_commit(spec: DeploySpec) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_commit(&caller, spec).await, &caller).await
}
