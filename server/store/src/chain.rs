//! Chains, grants on them, and their documents (genesis blocks).

use std::sync::Arc;

use domain::chain::{ChainSpec, ChainState, Health, HealthView};
use domain::id::{HostId, OperationId, UserId};
use domain::name::{ChainName, TemplateName};
use domain::permission::Grant;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::history::{self, Seen};
use crate::{Store, StoreError, Tenure};

mod page;

/// A chain as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainRecord {
    pub name: ChainName,
    pub spec: ChainSpec,
    /// The planner's result; null until ports are reserved. Shared by all copies of a record.
    pub plan: Arc<Value>,
    pub state: ChainState,
    pub health: HealthView,
    pub owner: Option<UserId>,
    /// How long the owner has it.
    pub tenure: Tenure,
    pub host: HostId,
    pub created_ms: i64,
    /// The operation that made it.
    pub operation: Option<OperationId>,
    /// The template that it was made from for the pool; it is free while it has no owner.
    pub pool: Option<TemplateName>,
}

#[derive(Deserialize)]
pub(crate) struct Row {
    name: ChainName,
    spec: String,
    plan: String,
    state: ChainState,
    health: String,
    owner: Option<String>,
    #[serde(flatten)]
    tenure: Tenure,
    host: String,
    created_ms: i64,
    operation: Option<String>,
    pool: Option<TemplateName>,
}

impl TryFrom<Row> for ChainRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            name: row.name,
            spec: decode(&row.spec)?,
            plan: Arc::new(decode(&row.plan)?),
            state: row.state,
            health: decode(&row.health)?,
            owner: row.owner.map(UserId::new),
            tenure: row.tenure,
            host: HostId::new(row.host),
            created_ms: row.created_ms,
            operation: row.operation.map(OperationId::new),
            pool: row.pool,
        })
    }
}

const CREATE: &str =
    "CREATE type::record('chain', $name) SET name = $name, spec = $spec, plan = $plan, state = $state,
    health = $health, health_state = $health_state, version = $version, owner = $owner ?? NONE, host = $host,
    created_ms = $created_ms, operation = $operation ?? NONE,
    claimed_ms = $claimed_ms ?? NONE, claim_key = $claim_key ?? NONE, expires_ms = $expires_ms ?? NONE,
    warned_ms = $warned_ms ?? NONE, inherited_ms = $inherited_ms ?? NONE,
    pool = $pool ?? NONE";
const DELETE: &str = "DELETE type::record('chain', $name); DELETE chain_grant WHERE chain = $name;
    DELETE document WHERE chain = $name; DELETE channel WHERE chain = $name;
    DELETE chaincode WHERE chain = $name; DELETE transaction WHERE chain = $name;
    DELETE state_change WHERE subject = $subject";
/// Of a chain that does not run nothing is written, so nothing was before.
const SAVE_HEALTH: &str =
    "LET $was = (SELECT VALUE health_state ?? 'unknown' FROM type::record('chain', $name)
        WHERE state = 'running')[0];
    UPDATE type::record('chain', $name) SET health = $value, health_state = $became WHERE state = 'running'";

/// The word of a chain's health in its column.
fn health_word(health: Health) -> &'static str {
    match health {
        Health::Unknown => "unknown",
        Health::Ok => "ok",
        Health::Degraded => "degraded",
        Health::Unreachable => "unreachable",
    }
}

impl Store {
    /// Adds a chain; `Taken` if the name exists.
    pub async fn chain_create(&self, chain: &ChainRecord) -> Result<(), StoreError> {
        let bindings = json!({
            "name": chain.name.as_str(),
            "spec": encode(&chain.spec)?,
            "plan": encode(&*chain.plan)?,
            "state": chain.state.as_str(),
            "health": encode(&chain.health)?,
            "health_state": health_word(chain.health.health),
            "version": chain.spec.version.as_str(),
            "owner": chain.owner.as_ref().map(UserId::as_str),
            "host": chain.host.as_str(),
            "created_ms": chain.created_ms,
            "operation": chain.operation.as_ref().map(OperationId::as_str),
            "claimed_ms": chain.tenure.claimed_ms,
            "claim_key": chain.tenure.claim_key,
            "expires_ms": chain.tenure.expires_ms,
            "warned_ms": chain.tenure.warned_ms,
            "inherited_ms": chain.tenure.inherited_ms,
            "pool": chain.pool.as_ref().map(TemplateName::as_str),
        });
        match self.write(Query::new(CREATE, bindings)).await {
            Err(error) if error.is_existing() => Err(StoreError::Taken { what: "name" }),
            other => other,
        }
    }

    /// One chain.
    pub async fn chain_read(&self, name: &ChainName) -> Result<Option<ChainRecord>, StoreError> {
        self.inner.memory.chain(name, self.chain_of(name)).await
    }

    async fn chain_of(&self, name: &ChainName) -> Result<Option<ChainRecord>, StoreError> {
        let query = Query::new(
            "SELECT * OMIT id FROM type::record('chain', $name)",
            json!({ "name": name.as_str() }),
        );
        self.read_one::<Row>(query).await?.map(ChainRecord::try_from).transpose()
    }

    /// Every chain, oldest first.
    pub async fn chain_list(&self) -> Result<Vec<ChainRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM chain ORDER BY created_ms, name";
        let rows: Vec<Row> = self.read(Query::new(text, json!({}))).await?;
        rows.into_iter().map(ChainRecord::try_from).collect()
    }

    /// Moves a chain from one of some states to another; `Conflict` names the state it is in.
    pub async fn chain_state_save(
        &self,
        name: &ChainName,
        from: &[ChainState],
        to: ChainState,
    ) -> Result<(), StoreError> {
        let from: Vec<&str> = from.iter().map(|state| state.as_str()).collect();
        let text = "LET $now = (SELECT VALUE state FROM type::record('chain', $name));
            IF array::len($now) = 0 { THROW 'heddle:absent' };
            IF $now[0] NOT IN $from { THROW 'heddle:state' };
            UPDATE type::record('chain', $name) SET state = $to";
        let bindings = json!({ "name": name.as_str(), "from": from, "to": to.as_str() });
        match self.write(Query::new(text, bindings)).await {
            Err(error) if error.thrown("absent") => Err(StoreError::NotFound),
            Err(error) if error.thrown("state") => {
                let now = self.chain_read(name).await?.map_or("gone", |chain| chain.state.as_str());
                Err(StoreError::Conflict { reason: format!("the chain is {now}") })
            }
            other => other,
        }
    }

    async fn chain_field(
        &self,
        text: &'static str,
        name: &ChainName,
        value: String,
    ) -> Result<(), StoreError> {
        self.write(Query::new(text, json!({ "name": name.as_str(), "value": value }))).await
    }

    /// Saves how a running chain is, and keeps it in the chain's history if that is another health than before; of one that
    /// is gone or stopped meanwhile nobody wants to know, and it is no error.
    pub async fn chain_health_save(&self, name: &ChainName, health: &HealthView) -> Result<(), StoreError> {
        let seen = Seen {
            subject: history::of_chain(name),
            became: health_word(health.health),
            at_ms: health.checked_ms.unwrap_or_default(),
            reasons: &health.ailments,
        };
        let bindings = json!({ "name": name.as_str(), "value": encode(health)? });
        self.write(seen.keeping(SAVE_HEALTH, bindings)?).await
    }

    /// Saves a chain's plan.
    pub async fn chain_plan_save(&self, name: &ChainName, plan: Value) -> Result<(), StoreError> {
        self.chain_field("UPDATE type::record('chain', $name) SET plan = $value", name, encode(&plan)?).await
    }

    /// Removes a chain with everything that is kept for it, apart from secrets and claims.
    pub async fn chain_delete(&self, name: &ChainName) -> Result<(), StoreError> {
        let bindings = json!({ "name": name.as_str(), "subject": history::of_chain(name) });
        self.write(Query::new(DELETE, bindings)).await
    }

    /// What a person holds on a chain.
    pub async fn grant_read(&self, chain: &ChainName, user: &UserId) -> Result<Option<Grant>, StoreError> {
        self.inner.memory.grant(chain, user, self.grant_of(chain, user)).await
    }

    async fn grant_of(&self, chain: &ChainName, user: &UserId) -> Result<Option<Grant>, StoreError> {
        #[derive(Deserialize)]
        struct Level {
            level: Grant,
        }
        let text = "SELECT level FROM type::record('chain_grant', $key)";
        let row: Option<Level> =
            self.read_one(Query::new(text, json!({ "key": format!("{chain}/{user}") }))).await?;
        Ok(row.map(|row| row.level))
    }

    /// What a person holds on every chain on which they hold something.
    pub async fn grants_of(&self, user: &UserId) -> Result<Vec<(ChainName, Grant)>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            chain: ChainName,
            level: Grant,
        }
        let text = "SELECT chain, level FROM chain_grant WHERE user = $user";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "user": user.as_str() }))).await?;
        Ok(rows.into_iter().map(|row| (row.chain, row.level)).collect())
    }

    /// Grants a person a level on a chain, instead of what they held.
    pub async fn grant_put(&self, chain: &ChainName, user: &UserId, level: Grant) -> Result<(), StoreError> {
        let text =
            "UPSERT type::record('chain_grant', $key) SET chain = $chain, user = $user, level = $level";
        let bindings = json!({
            "key": format!("{chain}/{user}"),
            "chain": chain.as_str(),
            "user": user.as_str(),
            "level": level,
        });
        self.write(Query::new(text, bindings)).await
    }

    /// Everybody's access to a chain, by person.
    pub async fn grant_list(&self, chain: &ChainName) -> Result<Vec<(UserId, Grant)>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            user: String,
            level: Grant,
        }
        let text = "SELECT user, level FROM chain_grant WHERE chain = $chain ORDER BY user";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "chain": chain.as_str() }))).await?;
        Ok(rows.into_iter().map(|row| (UserId::new(row.user), row.level)).collect())
    }

    /// Takes a person's access away; one who has none keeps none.
    pub async fn grant_delete(&self, chain: &ChainName, user: &UserId) -> Result<(), StoreError> {
        let query = Query::new(
            "DELETE type::record('chain_grant', $key)",
            json!({ "key": format!("{chain}/{user}") }),
        );
        self.write(query).await
    }

    /// Keeps bytes for a chain under a name.
    pub async fn document_put(
        &self,
        chain: &ChainName,
        name: &str,
        content: &[u8],
    ) -> Result<(), StoreError> {
        let text = "UPSERT type::record('document', $key) SET chain = $chain, content = $content";
        let bindings = json!({
            "key": format!("{chain}/{name}"),
            "chain": chain.as_str(),
            "content": hex::encode(content),
        });
        self.write(Query::new(text, bindings)).await
    }

    /// The bytes that are kept under a name.
    pub async fn document_read(&self, chain: &ChainName, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        #[derive(Deserialize)]
        struct Content {
            content: String,
        }
        let text = "SELECT content FROM type::record('document', $key)";
        let row: Option<Content> =
            self.read_one(Query::new(text, json!({ "key": format!("{chain}/{name}") }))).await?;
        row.map(|row| hex::decode(row.content).map_err(|error| StoreError::Unreadable(error.to_string())))
            .transpose()
    }

    /// Removes what is kept under a name.
    pub async fn document_delete(&self, chain: &ChainName, name: &str) -> Result<(), StoreError> {
        let bindings = json!({ "key": format!("{chain}/{name}") });
        self.write(Query::new("DELETE type::record('document', $key)", bindings)).await
    }
}
