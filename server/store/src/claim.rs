//! Claims of chains on hosts: capacity and a block of ports, decided in one transaction.

use std::collections::HashMap;

use domain::host::HostSpec;
use domain::id::HostId;
use domain::name::ChainName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::{Store, StoreError};

/// A chain's place on a host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ClaimRecord {
    /// First port of the block.
    pub block: u16,
    pub chain: String,
}

/// What an admin decided about a host, as it is stored and as it reads.
pub(crate) struct Decided {
    pub(crate) text: String,
    pub(crate) spec: HostSpec,
}

#[derive(Deserialize)]
struct SpecRow {
    spec: String,
}

/// Touching the host's record makes parallel claims on one host overtake each other instead of passing by. Capacity and
/// blocks were taken from the host's specification; if that is another one by now, they do not count any more.
pub(crate) const CLAIM: &str = "LET $held = (SELECT VALUE block FROM type::record('claim', $key));
    IF array::len($held) = 0 {
        LET $host_now = (UPDATE type::record('host', $host) SET claims += 1 RETURN AFTER);
        IF array::len($host_now) = 0 { THROW 'heddle:no-host' };
        IF $host_now[0].spec != $spec { THROW 'heddle:changed' };
        IF $closed { THROW 'heddle:closed' };
        LET $taken = (SELECT VALUE block FROM claim WHERE host = $host);
        IF array::len($taken) >= $capacity { THROW 'heddle:full' };
        LET $free = array::complement(array::complement($blocks, $taken), $skip);
        IF array::len($free) = 0 { THROW 'heddle:no-block' };
        CREATE type::record('claim', $key) SET host = $host, block = array::min($free), chain = $chain
    };
    SELECT block, chain FROM type::record('claim', $key)";

/// Claim and plan change together: whoever reads the plan never sees ports that the chain does not hold. The block lies in
/// the host's range as it was read, so the host must still be as it was then.
pub(crate) const MOVE: &str = "LET $held = (SELECT VALUE block FROM type::record('claim', $key));
    IF array::len($held) = 0 { THROW 'heddle:gone' };
    IF $held[0] != $from { THROW 'heddle:gone' };
    LET $host_now = (UPDATE type::record('host', $host) SET claims += 1 RETURN AFTER);
    IF array::len($host_now) = 0 { THROW 'heddle:gone' };
    IF $host_now[0].spec != $spec { THROW 'heddle:changed' };
    LET $taken = (SELECT VALUE block FROM claim WHERE host = $host);
    IF $to IN $taken { THROW 'heddle:taken' };
    UPDATE type::record('claim', $key) SET block = $to;
    UPDATE type::record('chain', $chain) SET plan = $plan";

impl Store {
    /// Claims the lowest free block for a chain; one that was claimed before is returned again. `seen` is the host as the
    /// caller knows it, and `skip` are blocks of its range whose ports somebody else uses.
    ///
    /// # Errors
    /// `Conflict` if capacity or range of the host are others by now: what was skipped was looked for in vain.
    pub async fn claim_block(
        &self,
        host: &HostId,
        chain: &ChainName,
        seen: &HostSpec,
        skip: &[u16],
    ) -> Result<u16, StoreError> {
        let decided = self.host_decided(host).await?;
        let room = |spec: &HostSpec| (spec.capacity, spec.port_first, spec.port_last);
        if room(&decided.spec) != room(seen) {
            return Err(changed());
        }
        let bindings = json!({
            "key": key(host, chain),
            "host": host.as_str(),
            "chain": chain.as_str(),
            "capacity": seen.capacity,
            "blocks": seen.blocks().collect::<Vec<_>>(),
            "skip": skip,
            "spec": decided.text,
            "closed": !decided.spec.schedulable,
        });
        match self.read_one::<ClaimRecord>(Query::new(CLAIM, bindings)).await {
            Ok(Some(claim)) => Ok(claim.block),
            Ok(None) => Err(StoreError::NoBlock),
            Err(error) if error.thrown("closed") => Err(StoreError::HostClosed),
            Err(error) if error.thrown("full") => Err(StoreError::HostFull),
            Err(error) if error.thrown("no-block") => Err(StoreError::NoBlock),
            Err(error) if error.thrown("no-host") => Err(StoreError::NotFound),
            Err(error) if error.thrown("changed") => Err(changed()),
            Err(error) => Err(error),
        }
    }

    /// Moves a chain from one block to another, with the plan that is made for it; `Taken` if another chain has that
    /// block, `NotFound` if the chain does not hold the first one.
    ///
    /// # Errors
    /// `Conflict` if the new block does not lie in the host's range any more.
    pub async fn claim_move(
        &self,
        host: &HostId,
        chain: &ChainName,
        from: u16,
        to: u16,
        plan: &Value,
    ) -> Result<(), StoreError> {
        let decided = self.host_decided(host).await?;
        if !decided.spec.blocks().any(|block| block == to) {
            return Err(changed());
        }
        let bindings = json!({
            "key": key(host, chain),
            "host": host.as_str(),
            "chain": chain.as_str(),
            "from": from,
            "to": to,
            "plan": encode(plan)?,
            "spec": decided.text,
        });
        match self.write(Query::new(MOVE, bindings)).await {
            Err(error) if error.thrown("taken") => Err(StoreError::Taken { what: "block" }),
            Err(error) if error.thrown("gone") => Err(StoreError::NotFound),
            Err(error) if error.thrown("changed") => Err(changed()),
            other => other,
        }
    }

    pub(crate) async fn host_decided(&self, host: &HostId) -> Result<Decided, StoreError> {
        let text = "SELECT spec FROM type::record('host', $host)";
        let query = Query::new(text, json!({ "host": host.as_str() }));
        let row = self.read_one::<SpecRow>(query).await?.ok_or(StoreError::NotFound)?;
        Ok(Decided { spec: decode(&row.spec)?, text: row.spec })
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

    /// How many claims there are on each host; one without any is left out.
    pub async fn claim_counts(&self) -> Result<HashMap<HostId, u32>, StoreError> {
        #[derive(Deserialize)]
        struct Count {
            host: String,
            count: u32,
        }
        let text = "SELECT host, count() AS count FROM claim GROUP BY host";
        let rows: Vec<Count> = self.read(Query::new(text, json!({}))).await?;
        Ok(rows.into_iter().map(|row| (HostId::new(row.host), row.count)).collect())
    }
}

pub(crate) fn changed() -> StoreError {
    StoreError::Conflict { reason: "the host was changed meanwhile".to_owned() }
}

fn key(host: &HostId, chain: &ChainName) -> String {
    format!("{host}/{chain}")
}
