//! Chaincode: what is deployed, and deploying.

use domain::chaincode::{ChaincodeView, DeploySpec};
use domain::id::OperationId;
use domain::name::ChainName;
use leptos::prelude::*;

use super::ApiError;

/// Every definition of a chain with its readiness.
#[server(endpoint = "chaincode_list", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_list(chain: ChainName) -> Result<Vec<ChaincodeView>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_list(&caller, &chain).await, &caller)
}

/// The sample, filled in.
#[server(endpoint = "chaincode_sample", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_sample(chain: ChainName) -> Result<DeploySpec, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_sample(&caller, &chain).await, &caller)
}

/// Deploys or upgrades; the same key starts it once.
#[server(endpoint = "chaincode_deploy", input = leptos::server_fn::codec::Json)]
pub async fn chaincode_deploy(spec: DeploySpec, key: String) -> Result<OperationId, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.chaincode_deploy(&caller, spec, key).await, &caller)
}
