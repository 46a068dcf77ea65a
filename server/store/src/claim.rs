//! Claims of chains on hosts: capacity and a block of ports, decided in one transaction.

use domain::id::HostId;
use domain::name::ChainName;
use serde::Deserialize;
use serde_json::json;

use crate::database::Query;
use crate::{Store, StoreError};

/// A chain's place on a host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ClaimRecord {
    /// First port of the block.
    pub block: u16,
    pub chain: String,
}

/// Touching the host's record makes parallel claims on one host overtake each other instead of passing by.
const CLAIM: &str = "LET $held = (SELECT VALUE block FROM type::record('claim', $key));
    IF array::len($held) = 0 {
        LET $host_now = (UPDATE type::record('host', $host) SET claims += 1 RETURN AFTER);
        IF array::len($host_now) = 0 { THROW 'heddle:no-host' };
        LET $taken = (SELECT VALUE block FROM claim WHERE host = $host);
        IF array::len($taken) >= $capacity { THROW 'heddle:full' };
        LET $free = array::complement(array::complement($blocks, $taken), $skip);
        IF array::len($free) = 0 { THROW 'heddle:no-block' };
        CREATE type::record('claim', $key) SET host = $host, block = array::min($free), chain = $chain
    };
    SELECT block, chain FROM type::record('claim', $key)";

impl Store {
    /// Claims the lowest free block for a chain; one that was claimed before is returned again. `skip` are blocks
    /// whose ports somebody else uses.
    pub async fn claim_block(
        &self,
        host: &HostId,
        chain: &ChainName,
        capacity: u16,
        blocks: &[u16],
        skip: &[u16],
    ) -> Result<u16, StoreError> {
        let bindings = json!({
            "key": key(host, chain),
            "host": host.as_str(),
            "chain": chain.as_str(),
            "capacity": capacity,
            "blocks": blocks,
            "skip": skip,
        });
        match self.read_one::<ClaimRecord>(Query::new(CLAIM, bindings)).await {
            Ok(Some(claim)) => Ok(claim.block),
            Ok(None) => Err(StoreError::NoBlock),
            Err(error) if error.thrown("full") => Err(StoreError::HostFull),
            Err(error) if error.thrown("no-block") => Err(StoreError::NoBlock),
            Err(error) if error.thrown("no-host") => Err(StoreError::NotFound),
            Err(error) => Err(error),
        }
    }

    /// Gives a chain's block back.
    pub async fn release_block(&self, host: &HostId, chain: &ChainName) -> Result<(), StoreError> {
        let bindings = json!({ "key": key(host, chain) });
        self.write(Query::new("DELETE type::record('claim', $key)", bindings)).await
    }

    /// Every claim on a host, by block.
    pub async fn host_claims(&self, host: &HostId) -> Result<Vec<ClaimRecord>, StoreError> {
        let text = "SELECT block, chain FROM claim WHERE host = $host ORDER BY block";
        self.read(Query::new(text, json!({ "host": host.as_str() }))).await
    }
}

fn key(host: &HostId, chain: &ChainName) -> String {
    format!("{host}/{chain}")
}
