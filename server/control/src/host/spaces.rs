//! Tells the chains of a cluster about other credentials for registries: each chain has a namespace with those that were
//! there when it was made. Whoever changed them does not wait for it and is refused nothing for it: what is missed here
//! is made good with the chain's next start. Nothing is made here for chains that come or go.

use std::time::Duration;

use agents::SpaceSpec;
use domain::chain::ChainState;
use domain::id::HostId;
use store::{ChainRecord, StoreError};

use crate::services::Services;

/// Longest wait for one chain.
const SPACE_MAX: Duration = Duration::from_secs(120);

/// Brings what the nodes of each chain on a host share up to date, until the host is changed again: then somebody else
/// does it, with what is right by then.
pub(super) async fn renew(services: &Services, host: &HostId, generation: u64) {
    let chains = match services.store.chain_list().await {
        Ok(chains) => chains,
        Err(error) => {
            tracing::warn!(%error, %host, "no chain was told of other credentials for registries");
            return;
        }
    };
    for chain in chains.iter().filter(|chain| chain.host == *host) {
        if services.generation(host) != generation {
            return;
        }
        match still(services, chain).await {
            Ok(Some(chain)) => renew_one(services, &chain).await,
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, chain = %chain.name, "a chain was not told of other credentials");
            }
        }
    }
}

/// The chain as it is at this moment; none while its space is made or removed by somebody else.
async fn still(services: &Services, chain: &ChainRecord) -> Result<Option<ChainRecord>, StoreError> {
    let passes = |chain: &ChainRecord| matches!(chain.state, ChainState::Creating | ChainState::Deleting);
    Ok(services.store.chain_read(&chain.name).await?.filter(|chain| !passes(chain)))
}

async fn renew_one(services: &Services, chain: &ChainRecord) {
    let space = SpaceSpec {
        installation: services.installation.clone(),
        chain: chain.name.to_string(),
        operation: chain.operation.as_ref().map(ToString::to_string).unwrap_or_default(),
    };
    let agent = match services.agent(&chain.host).await {
        Ok(agent) => agent,
        Err(error) => {
            tracing::warn!(%error, chain = %chain.name, "a chain was not told of other credentials");
            return;
        }
    };
    match tokio::time::timeout(SPACE_MAX, agent.ensure_space(&space)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, chain = %chain.name, "a chain was not told of other credentials");
        }
        Err(_) => tracing::warn!(chain = %chain.name, "a chain was not told of other credentials in time"),
    }
}
