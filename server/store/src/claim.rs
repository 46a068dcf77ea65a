//! Claims of chains on hosts: capacity and a block of ports, decided in one transaction.

use domain::id::HostId;
use domain::name::ChainName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{Query, encode};
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

/// Claim and plan change together: whoever reads the plan never sees ports that the chain does not hold.
const MOVE: &str = "LET $held = (SELECT VALUE block FROM type::record('claim', $key));
    IF array::len($held) = 0 { THROW 'heddle:gone' };
    IF $held[0] != $from { THROW 'heddle:gone' };
    LET $host_now = (UPDATE type::record('host', $host) SET claims += 1 RETURN AFTER);
    IF array::len($host_now) = 0 { THROW 'heddle:gone' };
    LET $taken = (SELECT VALUE block FROM claim WHERE host = $host);
    IF $to IN $taken { THROW 'heddle:taken' };
    UPDATE type::record('claim', $key) SET block = $to;
    UPDATE type::record('chain', $chain) SET plan = $plan";

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

    /// Moves a chain from one block to another, with the plan that is made for it; `Taken` if another chain has that
    /// block, `NotFound` if the chain does not hold the first one.
    pub async fn claim_move(
        &self,
        host: &HostId,
        chain: &ChainName,
        from: u16,
        to: u16,
        plan: &Value,
    ) -> Result<(), StoreError> {
        let bindings = json!({
            "key": key(host, chain),
            "host": host.as_str(),
            "chain": chain.as_str(),
            "from": from,
            "to": to,
            "plan": encode(plan)?,
        });
        match self.write(Query::new(MOVE, bindings)).await {
            Err(error) if error.thrown("taken") => Err(StoreError::Taken { what: "block" }),
            Err(error) if error.thrown("gone") => Err(StoreError::NotFound),
            other => other,
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
