//! Which chains are in the pool, and how one leaves it. A chain is free while it is in the pool and nobody owns it.

use domain::chain::ChainState;
use domain::id::HostId;
use domain::name::{ChainName, TemplateName};
use serde_json::json;

use crate::chain::Row;
use crate::database::Query;
use crate::{ChainRecord, Store, StoreError};

/// Whoever claims a free chain writes its record, too: of both only one wins.
const RETIRE: &str = "LET $now = (SELECT owner, pool, state FROM type::record('chain', $name));
    IF array::len($now) = 0 { THROW 'heddle:absent' };
    IF $now[0].owner != NONE OR $now[0].pool = NONE { THROW 'heddle:taken' };
    IF $now[0].state NOT IN $from { THROW 'heddle:taken' };
    UPDATE type::record('chain', $name) SET state = $to";

impl Store {
    /// Puts a chain into the pool, or takes it out. One that is gone is no error.
    pub async fn chain_pool_put(
        &self,
        name: &ChainName,
        template: Option<&TemplateName>,
    ) -> Result<(), StoreError> {
        let text = "UPDATE type::record('chain', $name) SET pool = $pool ?? NONE";
        let bindings = json!({ "name": name.as_str(), "pool": template.map(TemplateName::as_str) });
        self.write(Query::new(text, bindings)).await
    }

    /// Begins the removal of a chain, if it is free at that moment: nobody gets it from then on.
    ///
    /// # Errors
    /// `Conflict` if somebody owns it or it is not in the pool, `NotFound` if it is gone.
    pub async fn chain_pool_retire(&self, name: &ChainName) -> Result<(), StoreError> {
        // One that is being removed already goes on.
        let from = [ChainState::Running, ChainState::Stopped, ChainState::Failed, ChainState::Deleting];
        let bindings = json!({
            "name": name.as_str(),
            "from": from.map(ChainState::as_str),
            "to": ChainState::Deleting.as_str(),
        });
        match self.write(Query::new(RETIRE, bindings)).await {
            Err(error) if error.thrown("absent") => Err(StoreError::NotFound),
            Err(error) if error.thrown("taken") => {
                Err(StoreError::Conflict { reason: "the chain is not free any more".to_owned() })
            }
            other => other,
        }
    }

    /// Every chain on a host, by name.
    pub async fn chains_on(&self, host: &HostId) -> Result<Vec<ChainRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM chain WHERE host = $host ORDER BY name";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "host": host.as_str() }))).await?;
        rows.into_iter().map(ChainRecord::try_from).collect()
    }
}
