//! Which chains are in the pool, and how one leaves it. A chain is free while it is in the pool and nobody owns it.

use std::borrow::Cow;

use domain::chain::ChainState;
use domain::host::HostSpec;
use domain::id::HostId;
use domain::name::{ChainName, TemplateName};
use serde_json::json;

use crate::chain::Row;
use crate::claim::changed;
use crate::database::{Query, encode};
use crate::{ChainRecord, Store, StoreError};

/// Whoever claims a free chain writes its record, too: of both only one wins.
const RETIRE: &str = "LET $now = (SELECT owner, pool, state FROM type::record('chain', $name));
    IF array::len($now) = 0 { THROW 'heddle:absent' };
    IF $now[0].owner != NONE OR $now[0].pool = NONE { THROW 'heddle:taken' };
    IF $now[0].state NOT IN $from { THROW 'heddle:taken' };
    UPDATE type::record('chain', $name) SET state = $to";
const LEAVE: &str = "IF count(SELECT id FROM type::record('chain', $name) WHERE owner != NONE) > 0 {
        THROW 'heddle:taken'
    };
    UPDATE type::record('chain', $name) SET pool = NONE";
const AUTOFILL: &str = "LET $now = (SELECT VALUE spec FROM type::record('host', $id));
    IF array::len($now) = 0 { THROW 'heddle:absent' };
    IF $now[0] != $before { THROW 'heddle:changed' };
    UPDATE type::record('host', $id) SET spec = $spec, claims += 1";
/// The template must be there. Whoever deletes one writes the counter, too: of both one looks again.
const FILLED: &str = "UPSERT type::record('counter', 'templates') SET amount = (amount ?? 0) + 1;
    IF !record::exists(type::record('template', $template)) { THROW 'heddle:no-template' }";
/// A change that others overtook so often gives up.
const AUTOFILL_TRIES: u32 = 16;

impl Store {
    /// Puts a chain into the pool. One that is gone is no error.
    pub async fn chain_pool_enter(
        &self,
        name: &ChainName,
        template: &TemplateName,
    ) -> Result<(), StoreError> {
        let text = "UPDATE type::record('chain', $name) SET pool = $pool";
        let bindings = json!({ "name": name.as_str(), "pool": template.as_str() });
        self.write(Query::new(text, bindings)).await
    }

    /// Takes a chain out of the pool, as long as nobody owns it. One that is gone is no error.
    ///
    /// # Errors
    /// `Conflict` if somebody owns it.
    pub async fn chain_pool_leave(&self, name: &ChainName) -> Result<(), StoreError> {
        taken(self.write(Query::new(LEAVE, json!({ "name": name.as_str() }))).await)
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
        taken(self.write(Query::new(RETIRE, bindings)).await)
    }

    /// Says from which template a host is kept full; nothing else of what an admin decided about it changes.
    ///
    /// # Errors
    /// `Conflict` if there is no such template any more.
    pub async fn host_autofill_save(
        &self,
        id: &HostId,
        autofill: Option<&TemplateName>,
    ) -> Result<(), StoreError> {
        for _ in 0..AUTOFILL_TRIES {
            let decided = self.host_decided(id).await?;
            let spec = HostSpec { autofill: autofill.cloned(), ..decided.spec };
            let bindings = json!({
                "id": id.as_str(),
                "before": decided.text,
                "spec": encode(&spec)?,
                "template": autofill.map(TemplateName::as_str),
            });
            let text = match autofill {
                Some(_) => Cow::Owned([FILLED, AUTOFILL].join(";")),
                None => Cow::Borrowed(AUTOFILL),
            };
            match self.write(Query::new(text, bindings)).await {
                Err(error) if error.thrown("changed") => {}
                Err(error) if error.thrown("no-template") => {
                    return Err(StoreError::Conflict { reason: "the template is gone".to_owned() });
                }
                other => return taken(other),
            }
        }
        Err(changed())
    }

    /// Every chain that was made for the pool, by host and name.
    pub async fn chains_pooled(&self) -> Result<Vec<ChainRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM chain WITH INDEX chain_pool WHERE pool != NONE ORDER BY host, name";
        let rows: Vec<Row> = self.read(Query::new(text, json!({}))).await?;
        rows.into_iter().map(ChainRecord::try_from).collect()
    }

    /// Every chain on a host, by name.
    pub async fn chains_on(&self, host: &HostId) -> Result<Vec<ChainRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM chain WHERE host = $host ORDER BY name";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "host": host.as_str() }))).await?;
        rows.into_iter().map(ChainRecord::try_from).collect()
    }
}

fn taken(written: Result<(), StoreError>) -> Result<(), StoreError> {
    match written {
        Err(error) if error.thrown("absent") => Err(StoreError::NotFound),
        Err(error) if error.thrown("taken") => {
            Err(StoreError::Conflict { reason: "the chain is not free any more".to_owned() })
        }
        other => other,
    }
}
