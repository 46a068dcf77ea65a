//! Hosts. A guard record per name and per endpoint keeps both unique.

use domain::chain::Ailment;
use domain::host::{HostSpec, HostStatus};
use domain::id::HostId;
use serde::Deserialize;
use serde_json::json;

use crate::claim::{ClaimRecord, changed};
use crate::database::{Query, decode, encode};
use crate::history::{self, Seen};
use crate::secret::{self, SealedSecret};
use crate::{Store, StoreError, setting};
use page::{kind_word, state_word};

mod page;

/// A host as it is kept; its credentials are a secret of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostRecord {
    pub id: HostId,
    pub spec: HostSpec,
    pub status: HostStatus,
    pub created_ms: i64,
}

#[derive(Deserialize)]
struct Row {
    id_text: String,
    spec: String,
    status: String,
    created_ms: i64,
}

impl TryFrom<Row> for HostRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: HostId::new(row.id_text),
            spec: decode(&row.spec)?,
            status: decode(&row.status)?,
            created_ms: row.created_ms,
        })
    }
}

const CREATE: &str = "IF record::exists(type::record('host_guard', $endpoint)) { THROW 'heddle:endpoint' };
    IF record::exists(type::record('host_guard', $name)) { THROW 'heddle:name' };
    CREATE type::record('host_guard', $endpoint) SET host = $id;
    CREATE type::record('host_guard', $name) SET host = $id;
    CREATE type::record('host', $id) SET id_text = $id, spec = $spec, status = $status,
        name = $plain_name, state = $state, kind = $kind, created_ms = $created_ms, claims = 0;
    FOR $row IN $secrets { UPSERT type::record('secret', $row.key) CONTENT $row }";
/// What is kept below a host goes with it. Whoever writes there touches the host's record, too, so that nothing is
/// written below a host that is gone.
const REMOVE: &str = "IF count(SELECT id FROM claim WHERE host = $id LIMIT 1) > 0 { THROW 'heddle:claims' };
    UPDATE type::record('host', $id) SET claims += 1;
    DELETE host_guard WHERE host = $id;
    DELETE secret WHERE key >= $below AND key < $after;
    DELETE setting WHERE record::id(id) >= $settings_below AND record::id(id) < $settings_after;
    DELETE state_change WHERE subject = $subject;
    DELETE type::record('host', $id)";
const PUT_SECRET: &str = "LET $host_now = (UPDATE type::record('host', $id) SET claims += 1 RETURN AFTER);
    IF array::len($host_now) = 0 { THROW 'heddle:no-host' };
    UPSERT type::record('secret', $row.key) CONTENT $row";

/// A look takes seconds: what it saw counts only while the host is the one that was looked at.
const SAVE_STATUS: &str = "LET $now = (SELECT spec, state FROM type::record('host', $id));
    IF array::len($now) = 0 { THROW 'heddle:no-host' };
    IF $now[0].spec != $spec { THROW 'heddle:changed' };
    LET $was = $now[0].state ?? 'unknown';
    UPDATE type::record('host', $id) SET status = $status, state = $became";

/// Moves the guards if name or endpoint change. Touching the host's record makes an edit and a parallel claim overtake
/// each other, so that what the edit was checked against still holds when it is written.
const UPDATE: &str = "LET $now = (SELECT VALUE claims FROM type::record('host', $id));
    IF array::len($now) = 0 { THROW 'heddle:no-host' };
    IF $now[0] != $claims { THROW 'heddle:stale' };
    FOR $guard IN [$endpoint, $name] {
        IF count(SELECT id FROM type::record('host_guard', $guard) WHERE host != $id) > 0 {
            IF $guard = $endpoint { THROW 'heddle:endpoint' } ELSE { THROW 'heddle:name' }
        }
    };
    DELETE host_guard WHERE host = $id;
    CREATE type::record('host_guard', $endpoint) SET host = $id;
    CREATE type::record('host_guard', $name) SET host = $id;
    FOR $row IN $secrets { UPSERT type::record('secret', $row.key) CONTENT $row };
    UPDATE type::record('host', $id) SET spec = $spec, name = $plain_name, kind = $kind, claims += 1";
/// A change that met this many claims in a row gives up.
const UPDATE_TRIES: u32 = 16;

#[derive(Deserialize)]
struct ClaimCount {
    claims: i64,
}

impl Store {
    /// Changes what an admin decided about a host, and its credentials with it. `check` judges the change against what
    /// chains hold at that moment; no claim can slip in between. Its autofill stays: that has a change of its own.
    ///
    /// # Errors
    /// `Taken` tells whether the name or the endpoint is another host's; the error of `check` comes back inside.
    pub async fn host_update<E>(
        &self,
        id: &HostId,
        spec: &HostSpec,
        credentials: Option<&SealedSecret>,
        check: impl Fn(&[ClaimRecord]) -> Result<(), E>,
    ) -> Result<Result<(), E>, StoreError> {
        let text = "SELECT claims FROM type::record('host', $id)";
        for _ in 0..UPDATE_TRIES {
            let query = Query::new(text, json!({ "id": id.as_str() }));
            let count = self.read_one::<ClaimCount>(query).await?.ok_or(StoreError::NotFound)?;
            if let Err(refusal) = check(&self.host_claims(id).await?) {
                return Ok(Err(refusal));
            }
            // From what it is kept full is decided elsewhere, perhaps since the form was opened.
            let autofill = self.host_decided(id).await?.spec.autofill;
            let spec = HostSpec { autofill, ..spec.clone() };
            let bindings = json!({
                "id": id.as_str(),
                "name": format!("name {}", spec.name),
                "endpoint": format!("endpoint {}", spec.endpoint.canonical()),
                "spec": encode(&spec)?,
                "plain_name": spec.name.as_str(),
                "kind": kind_word(&spec.endpoint),
                "claims": count.claims,
                "secrets": credentials.map(secret::row).into_iter().collect::<Vec<_>>(),
            });
            match self.write(Query::new(UPDATE, bindings)).await {
                Ok(()) => return Ok(Ok(())),
                Err(error) if error.thrown("stale") => {}
                Err(error) if error.thrown("endpoint") => return Err(StoreError::Taken { what: "endpoint" }),
                Err(error) if error.thrown("name") => return Err(StoreError::Taken { what: "name" }),
                Err(error) if error.thrown("no-host") => return Err(StoreError::NotFound),
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Conflict { reason: "the host is claimed without a pause".to_owned() })
    }

    /// Adds a host with its credentials; `Taken` tells whether its name or its endpoint exists.
    pub async fn host_create(
        &self,
        host: &HostRecord,
        credentials: Option<&SealedSecret>,
    ) -> Result<(), StoreError> {
        let bindings = json!({
            "id": host.id.as_str(),
            "name": format!("name {}", host.spec.name),
            "endpoint": format!("endpoint {}", host.spec.endpoint.canonical()),
            "spec": encode(&host.spec)?,
            "status": encode(&host.status)?,
            "plain_name": host.spec.name.as_str(),
            "state": state_word(host.status.state),
            "kind": kind_word(&host.spec.endpoint),
            "created_ms": host.created_ms,
            "secrets": credentials.map(secret::row).into_iter().collect::<Vec<_>>(),
        });
        match self.write(Query::new(CREATE, bindings)).await {
            Err(error) if error.thrown("endpoint") => Err(StoreError::Taken { what: "endpoint" }),
            Err(error) if error.thrown("name") => Err(StoreError::Taken { what: "name" }),
            Err(error) if error.is_existing() => Err(StoreError::Taken { what: "endpoint" }),
            other => other,
        }
    }

    /// One host.
    pub async fn host_read(&self, id: &HostId) -> Result<Option<HostRecord>, StoreError> {
        let query =
            Query::new("SELECT * OMIT id FROM type::record('host', $id)", json!({ "id": id.as_str() }));
        self.read_one::<Row>(query).await?.map(HostRecord::try_from).transpose()
    }

    /// Every host, oldest first.
    pub async fn host_list(&self) -> Result<Vec<HostRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM host ORDER BY created_ms, id_text";
        let rows: Vec<Row> = self.read(Query::new(text, json!({}))).await?;
        rows.into_iter().map(HostRecord::try_from).collect()
    }

    /// Saves what was seen of a host at a moment, unix milliseconds, and keeps it in the host's history if its state is
    /// another one than before. `looked_at` is the host as it was when it was looked at.
    ///
    /// # Errors
    /// `Conflict` if it is another one by now: what was seen may be another engine.
    pub async fn host_status_save(
        &self,
        id: &HostId,
        looked_at: &HostSpec,
        status: &HostStatus,
        at_ms: i64,
    ) -> Result<(), StoreError> {
        let decided = self.host_decided(id).await?;
        if decided.spec != *looked_at {
            return Err(changed());
        }
        let bindings = json!({ "id": id.as_str(), "status": encode(status)?, "spec": decided.text });
        let whole = |why| Ailment { node: None, why, reason: None };
        let reasons: Vec<Ailment> = status.reason.iter().cloned().map(whole).collect();
        let (subject, became) = (history::of_host(id), state_word(status.state));
        let seen = Seen { subject, became, at_ms, reasons: &reasons };
        match self.write(seen.keeping(SAVE_STATUS, bindings)?).await {
            Err(error) if error.thrown("no-host") => Err(StoreError::NotFound),
            Err(error) if error.thrown("changed") => Err(changed()),
            other => other,
        }
    }

    /// Creates or replaces a secret below a host, such as `host/1f/registry/…`; `NotFound` if the host is gone.
    pub async fn host_secret_put(&self, id: &HostId, secret: &SealedSecret) -> Result<(), StoreError> {
        let bindings = json!({ "id": id.as_str(), "row": secret::row(secret) });
        match self.write(Query::new(PUT_SECRET, bindings)).await {
            Err(error) if error.thrown("no-host") => Err(StoreError::NotFound),
            other => other,
        }
    }

    /// Removes a host with its history, and every secret and setting below `host/<id>/`; `Conflict` while a chain is on it.
    pub async fn host_remove(&self, id: &HostId) -> Result<(), StoreError> {
        if self.host_read(id).await?.is_none() {
            return Err(StoreError::NotFound);
        }
        let (below, settings_below) = (format!("host/{id}/"), setting::record_key(&format!("host/{id}/")));
        let bindings = json!({
            "id": id.as_str(),
            "below": below,
            "after": secret::after(&below),
            "settings_below": settings_below,
            "settings_after": secret::after(&settings_below),
            "subject": history::of_host(id),
        });
        match self.write(Query::new(REMOVE, bindings)).await {
            Err(error) if error.thrown("claims") => {
                Err(StoreError::Conflict { reason: "chains are on the host".to_owned() })
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
