//! The pool: which chains are free, who gets one, who waits, and whose chains come to their end. A claim is one
//! transaction: the number of a person's chains, the chain's state and its owner are looked at and changed at once.

use std::fmt::Write as _;

use domain::chain::ChainSpec;
use domain::id::UserId;
use domain::name::ChainName;
use domain::permission::Grant;
use domain::template::TemplateName;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::history::{self, FORGET};
use crate::{Store, StoreError};

mod queue;

pub use queue::QueueRecord;
use queue::entry_key;

/// Chains that one claim looks at. Whoever finds all of them gone looks again.
pub const CANDIDATES_MAX: usize = 16;
/// Claims of one call that others kept overtaking, each with the tries of a transaction.
const ROUNDS: u32 = 4;
/// How the health of a chain that is well is stored.
const WELL: &str = "{\"health\":\"ok\"";

/// How long somebody has a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Tenure {
    pub claimed_ms: Option<i64>,
    /// The key of the submission that claimed it.
    pub claim_key: Option<String>,
    pub expires_ms: Option<i64>,
    /// When it was said that its end is near.
    pub warned_ms: Option<i64>,
    /// When it was freed with what is on its ledger.
    pub inherited_ms: Option<i64>,
}

/// A chain of the pool that nobody has, that runs and is well.
#[derive(Clone, Debug, PartialEq)]
pub struct FreeRecord {
    pub name: ChainName,
    pub spec: ChainSpec,
    pub template: TemplateName,
}

/// What is claimed, by whom, and for how long.
#[derive(Clone, Debug)]
pub struct ClaimSpec<'a> {
    pub user: &'a UserId,
    pub key: &'a str,
    /// Free chains that fit; the first that is still free is taken. Beyond [`CANDIDATES_MAX`] they are not looked at.
    pub free: &'a [ChainName],
    /// Chains that the user gets back if they are theirs.
    pub own: &'a [ChainName],
    /// How many chains the user may have.
    pub chains_max: u16,
    pub now_ms: i64,
    pub expires_ms: Option<i64>,
    /// Their wish in the queue, which ends with the claim.
    pub wish: &'a str,
}

/// What came of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The chain is theirs; `again`: it was before.
    Chain { name: ChainName, again: bool },
    /// They have as many as they may.
    Quota,
    /// None of those that fit is free any more, or others were faster each time.
    Gone,
    /// Whoever asks is not there any more, or cannot sign in.
    Nobody,
}

/// Why somebody is not given a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GiveRefusal {
    /// There is nobody of that id any more.
    Nobody,
    /// Somebody else owns it by now.
    Owned,
}

/// A name of a chain.
#[derive(Deserialize)]
struct Named {
    name: ChainName,
}

/// Touches what makes two changes of how many chains a person has overtake each other instead of passing by.
const GUARD: &str = "UPSERT type::record('pool_guard', $user) SET claims = (claims ?? 0) + 1;";
/// Refuses to give something to nobody. The removal of a person writes the guard, too, so that of both one looks again.
const PERSON: &str = "LET $person = (SELECT VALUE state FROM user WHERE id_text = $user);
    IF array::len($person) = 0 { THROW 'heddle:nobody' };";
/// Refuses whoever could not sign in.
const ACTIVE: &str = "IF $person[0] != 'active' { THROW 'heddle:nobody' };";

/// What a chain is that nobody has any more.
const UNOWNED: &str =
    "owner = NONE, claimed_ms = NONE, claim_key = NONE, expires_ms = NONE, warned_ms = NONE";

/// The statements of a claim; `free` of them are looked at, bound as `c0`, `c1`, …
fn claim_text(free: usize) -> String {
    let mut text = format!(
        "{GUARD} {PERSON} {ACTIVE}
        LET $all = (SELECT VALUE name FROM chain WHERE owner = $user);
        LET $same = (SELECT VALUE name FROM chain WHERE owner = $user AND claim_key = $key);
        LET $back = array::concat($same, array::intersect($own, $all));"
    );
    let mut records = String::new();
    for number in 0..free {
        let comma = if number == 0 { "" } else { ", " };
        // Writing to a text cannot fail.
        let _written = write!(records, "{comma}type::record('chain', $c{number})");
    }
    let open = match free {
        0 => "LET $open = [];".to_owned(),
        _ => format!(
            "LET $open = (SELECT VALUE name FROM {records} WHERE pool != NONE AND owner = NONE
                AND state = 'running' AND string::starts_with(health, $well));"
        ),
    };
    text.push_str(&open);
    text.push_str(
        "LET $found = array::concat($back, array::intersect($free, $open));
        IF array::len($back) = 0 AND array::len($all) >= $max { THROW 'heddle:quota' };
        IF array::len($found) = 0 { THROW 'heddle:gone' };
        LET $chosen = $found[0];
        IF array::len($back) = 0 {
            UPDATE type::record('chain', $chosen) SET owner = $user, claimed_ms = $now_ms, claim_key = $key,
                expires_ms = $expires_ms ?? NONE, warned_ms = NONE
        };
        DELETE type::record('pool_queue', $entry);
        SELECT name, (array::len($back) > 0) AS again FROM type::record('chain', $chosen)",
    );
    text
}

impl Store {
    /// Every chain of the pool that is free, runs and is well, by name.
    pub async fn pool_free(&self) -> Result<Vec<FreeRecord>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            name: ChainName,
            spec: String,
            pool: TemplateName,
        }
        // By the index of the pool: nobody owns many others, and many run.
        let text =
            "SELECT name, spec, pool FROM chain WITH INDEX chain_pool WHERE pool != NONE AND owner = NONE
            AND state = 'running' AND string::starts_with(health, $well) ORDER BY name";
        let rows: Vec<Row> = self.read(Query::new(text, json!({ "well": WELL }))).await?;
        let free = |row: Row| -> Result<FreeRecord, StoreError> {
            Ok(FreeRecord { name: row.name, spec: decode(&row.spec)?, template: row.pool })
        };
        rows.into_iter().map(free).collect()
    }

    /// Names of the chains that a person owns.
    pub async fn pool_owned(&self, user: &UserId) -> Result<Vec<ChainName>, StoreError> {
        let text = "SELECT name FROM chain WHERE owner = $user ORDER BY name";
        let rows: Vec<Named> = self.read(Query::new(text, json!({ "user": user.as_str() }))).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// Claims a chain: one that is theirs and fits, else the first of the free ones.
    pub async fn pool_claim(&self, claim: &ClaimSpec<'_>) -> Result<Claimed, StoreError> {
        let mut round = 1;
        loop {
            match self.claim_once(claim).await {
                // Many want the same few: this one has lost every race so far, and none of them decided anything.
                Err(error) if error.is_conflict() && round < ROUNDS => round += 1,
                Err(error) if error.is_conflict() => return Ok(Claimed::Gone),
                other => return other,
            }
        }
    }

    async fn claim_once(&self, claim: &ClaimSpec<'_>) -> Result<Claimed, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            name: ChainName,
            again: bool,
        }
        let names = |chains: &[ChainName]| chains.iter().map(|name| json!(name.as_str())).collect::<Vec<_>>();
        let free = names(claim.free.get(..CANDIDATES_MAX).unwrap_or(claim.free));
        let mut bindings = json!({
            "user": claim.user.as_str(),
            "key": claim.key,
            "own": names(claim.own),
            "free": free,
            "max": claim.chains_max,
            "well": WELL,
            "now_ms": claim.now_ms,
            "expires_ms": claim.expires_ms,
            "entry": entry_key(claim.user, claim.wish),
        });
        let count = free.len();
        if let Value::Object(bound) = &mut bindings {
            bound.extend(free.into_iter().enumerate().map(|(number, name)| (format!("c{number}"), name)));
        }
        match self.read_one::<Row>(Query::new(claim_text(count), bindings)).await {
            Ok(Some(row)) => Ok(Claimed::Chain { name: row.name, again: row.again }),
            Ok(None) => Ok(Claimed::Gone),
            Err(error) if error.thrown("quota") => Ok(Claimed::Quota),
            Err(error) if error.thrown("gone") => Ok(Claimed::Gone),
            Err(error) if error.thrown("nobody") => Ok(Claimed::Nobody),
            Err(error) => Err(error),
        }
    }

    /// Gives a chain that nobody owns to a person, who may then have it until `expires_ms`; for its owner that time begins
    /// anew. What they were granted on it is theirs anyway. `NotFound` if there is no such chain.
    pub async fn pool_give(
        &self,
        chain: &ChainName,
        user: &UserId,
        now_ms: i64,
        expires_ms: Option<i64>,
    ) -> Result<Result<(), GiveRefusal>, StoreError> {
        let text = format!(
            "{GUARD} {PERSON}
            LET $there = (SELECT owner FROM type::record('chain', $chain));
            IF array::len($there) = 0 {{ THROW 'heddle:absent' }};
            IF $there[0].owner != NONE AND $there[0].owner != $user {{ THROW 'heddle:owned' }};
            UPDATE type::record('chain', $chain) SET owner = $user, claimed_ms = $now_ms, claim_key = NONE,
                expires_ms = $expires_ms ?? NONE, warned_ms = NONE;
            DELETE type::record('chain_grant', $grant)"
        );
        let bindings = json!({
            "chain": chain.as_str(),
            "user": user.as_str(),
            "now_ms": now_ms,
            "expires_ms": expires_ms,
            "grant": grant_key(chain, user),
        });
        refusal(self.write(Query::new(text, bindings)).await)
    }

    /// Takes a running chain from its owner, with what they were granted, and gives it to somebody else, who is told what
    /// is on its ledger. Until the former owner's identities are revoked it is `updating`. Done again it changes nothing.
    /// `NotFound` if there is no such chain.
    pub async fn pool_hand_over(
        &self,
        chain: &ChainName,
        former: &UserId,
        user: &UserId,
        now_ms: i64,
        expires_ms: Option<i64>,
    ) -> Result<Result<(), GiveRefusal>, StoreError> {
        let text = format!(
            "{GUARD} {PERSON}
            LET $there = (SELECT owner FROM type::record('chain', $chain));
            IF array::len($there) = 0 {{ THROW 'heddle:absent' }};
            IF $there[0].owner != $former AND $there[0].owner != $user {{ THROW 'heddle:owned' }};
            UPDATE type::record('chain', $chain) SET owner = $user, claimed_ms = $now_ms, claim_key = NONE,
                expires_ms = $expires_ms ?? NONE, warned_ms = NONE, inherited_ms = $now_ms, state = 'updating'
                WHERE owner = $former AND state IN ['running', 'updating'];
            FOR $grant IN $grants {{ DELETE type::record('chain_grant', $grant) }}"
        );
        let grants = [former, user].map(|person| grant_key(chain, person));
        let bindings = json!({
            "chain": chain.as_str(),
            "former": former.as_str(),
            "user": user.as_str(),
            "now_ms": now_ms,
            "expires_ms": expires_ms,
            "grants": grants,
        });
        refusal(self.write(Query::new(text, bindings)).await)
    }

    /// Sets when a chain's owner has to give it back; a warning that was given counts no more.
    ///
    /// # Errors
    /// `Conflict` if nobody owns it.
    pub async fn pool_extend(&self, chain: &ChainName, expires_ms: i64) -> Result<(), StoreError> {
        let text = "LET $owner = (SELECT VALUE owner FROM type::record('chain', $chain))[0];
            IF $owner = NONE { THROW 'heddle:unowned' };
            UPDATE type::record('chain', $chain) SET expires_ms = $expires_ms, warned_ms = NONE";
        let bindings = json!({ "chain": chain.as_str(), "expires_ms": expires_ms });
        match self.write(Query::new(text, bindings)).await {
            Err(error) if error.thrown("unowned") => {
                Err(StoreError::Conflict { reason: "nobody owns the chain".to_owned() })
            }
            other => other,
        }
    }

    /// Notes that it was said that a chain's end is near.
    pub async fn pool_warned(&self, chain: &ChainName, now_ms: i64) -> Result<(), StoreError> {
        let text = "UPDATE type::record('chain', $chain) SET warned_ms = $now_ms WHERE owner != NONE";
        self.write(Query::new(text, json!({ "chain": chain.as_str(), "now_ms": now_ms }))).await
    }

    /// Notes that the owner knows what was on the ledger before.
    pub async fn pool_dismiss(&self, chain: &ChainName) -> Result<(), StoreError> {
        let text = "UPDATE type::record('chain', $chain) SET inherited_ms = NONE";
        self.write(Query::new(text, json!({ "chain": chain.as_str() }))).await
    }

    /// Names of the chains that somebody has until some time at the latest, the first to end first.
    pub async fn pool_ending(&self, until_ms: i64, limit: u32) -> Result<Vec<ChainName>, StoreError> {
        let text = "SELECT name, expires_ms FROM chain WHERE expires_ms > 0 AND expires_ms <= $until_ms
            ORDER BY expires_ms LIMIT $limit";
        let bindings = json!({ "until_ms": until_ms, "limit": limit });
        let rows: Vec<Named> = self.read(Query::new(text, bindings)).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }

    /// Takes a chain from its owner and from everybody who was granted something, with all that is kept of what it was
    /// used for, and out of the pool until [`Store::pool_return`]. Keys and claims of ports stay; whoever makes it anew is `operation`.
    pub async fn pool_take_back(
        &self,
        chain: &ChainName,
        operation: &str,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        let text = format!(
            "UPDATE type::record('chain', $chain) SET {UNOWNED}, inherited_ms = NONE, pool = NONE, state = 'deleting',
                operation = $operation, created_ms = $now_ms;
            DELETE chain_grant WHERE chain = $chain; DELETE document WHERE chain = $chain;
            DELETE channel WHERE chain = $chain; DELETE chaincode WHERE chain = $chain;
            DELETE transaction WHERE chain = $chain; DELETE daily WHERE chain = $chain;
            {FORGET}"
        );
        let bindings = json!({
            "chain": chain.as_str(),
            "operation": operation,
            "now_ms": now_ms,
            "subject": history::of_chain(chain),
        });
        self.write(Query::new(text, bindings)).await
    }

    /// A chain that was taken back begins anew as `spec` says: nothing of it is there, and what makes it holds its name.
    pub async fn pool_begin_anew(&self, spec: &ChainSpec) -> Result<(), StoreError> {
        let text = "UPDATE type::record('chain', $chain) SET state = 'creating', plan = 'null', spec = $spec,
            version = $version, health = $health, health_state = 'unknown' WHERE state IN ['deleting', 'creating']";
        let bindings = json!({
            "chain": spec.name.as_str(),
            "spec": encode(spec)?,
            "version": spec.version.as_str(),
            "health": encode(&domain::chain::HealthView::default())?,
        });
        self.write(Query::new(text, bindings)).await
    }

    /// Puts a chain that was made anew back into the pool. One that is gone is no error.
    pub async fn pool_return(&self, chain: &ChainName, template: &TemplateName) -> Result<(), StoreError> {
        let text = "UPDATE type::record('chain', $chain) SET pool = $pool";
        let bindings = json!({ "chain": chain.as_str(), "pool": template.as_str() });
        self.write(Query::new(text, bindings)).await
    }

    /// Takes a running chain from its owner and from everybody who was granted something; its ledger stays, and whoever
    /// gets it next is told so. Until its identities are revoked it is not free: it is `updating`.
    pub async fn pool_set_free(&self, chain: &ChainName, now_ms: i64) -> Result<(), StoreError> {
        let text = format!(
            "UPDATE type::record('chain', $chain) SET {UNOWNED}, inherited_ms = $now_ms, state = 'updating'
                WHERE state IN ['running', 'updating'];
            DELETE chain_grant WHERE chain = $chain"
        );
        self.write(Query::new(text, json!({ "chain": chain.as_str(), "now_ms": now_ms }))).await
    }

    /// Gives a chain that was set free, or given to `holder`, back to whoever had it, with what others were granted; one
    /// that somebody else has got meanwhile stays theirs.
    ///
    /// # Errors
    /// `NotFound` if whoever had it is not there any more: then nothing changes.
    pub async fn pool_restore(
        &self,
        chain: &ChainName,
        holder: Option<&UserId>,
        owner: Option<&UserId>,
        tenure: &Tenure,
        grants: &[(UserId, Grant)],
    ) -> Result<(), StoreError> {
        // Where nobody had it nobody has to be there.
        let whose = if owner.is_some() { [GUARD, PERSON].concat() } else { String::new() };
        let text = format!(
            "{whose}
            LET $back = (UPDATE type::record('chain', $chain) SET owner = $user ?? NONE,
                claimed_ms = $claimed_ms ?? NONE, claim_key = $claim_key ?? NONE,
                expires_ms = $expires_ms ?? NONE, warned_ms = $warned_ms ?? NONE,
                inherited_ms = $inherited_ms ?? NONE, state = 'running'
                WHERE owner = ($holder ?? NONE) AND state IN ['updating', 'running'] RETURN AFTER);
            IF array::len($back) > 0 {{
                FOR $grant IN $grants {{ UPSERT type::record('chain_grant', $grant.key) SET chain = $chain,
                    user = $grant.user, level = $grant.level }}
            }}"
        );
        let rows = grants.iter().map(
            |(user, level)| json!({ "key": grant_key(chain, user), "user": user.as_str(), "level": level }),
        );
        let bindings = json!({
            "chain": chain.as_str(),
            "holder": holder.map(UserId::as_str),
            "user": owner.map(UserId::as_str),
            "claimed_ms": tenure.claimed_ms,
            "claim_key": tenure.claim_key,
            "expires_ms": tenure.expires_ms,
            "warned_ms": tenure.warned_ms,
            "inherited_ms": tenure.inherited_ms,
            "grants": rows.collect::<Vec<_>>(),
        });
        nobody(self.write(Query::new(text, bindings)).await)
    }
}

fn grant_key(chain: &ChainName, user: &UserId) -> String {
    format!("{chain}/{user}")
}

/// Why somebody was not given a chain; any other failure stays one.
fn refusal(written: Result<(), StoreError>) -> Result<Result<(), GiveRefusal>, StoreError> {
    match written {
        Err(error) if error.thrown("nobody") => Ok(Err(GiveRefusal::Nobody)),
        Err(error) if error.thrown("owned") => Ok(Err(GiveRefusal::Owned)),
        Err(error) if error.thrown("absent") => Err(StoreError::NotFound),
        other => other.map(Ok),
    }
}

fn nobody(written: Result<(), StoreError>) -> Result<(), StoreError> {
    match written {
        Err(error) if error.thrown("nobody") => Err(StoreError::NotFound),
        other => other,
    }
}
