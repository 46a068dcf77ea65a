//! The pool of a host: filling it, keeping it full, cleaning it, and removing what belongs to nobody.

use domain::host::pool::{AutofillPause, HostPoolView, PoolRow, PoolRun, PooledChain};
use domain::id::{HostId, OperationId};
use domain::name::TemplateName;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use store::{ChainRecord, HostRecord, OperationFilter, StoreError};
use workflow::{Log, Operation, OperationRecord, OperationState, Start, StepOutput, Stored};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::operation::{log_error, state_view};
use crate::operations::chaincode_deploy::Starter;
use crate::operations::children;
use crate::operations::host_reset::HostReset;
use crate::operations::pool_clean::{Cleaned, PoolClean};
use crate::operations::pool_fill::{Chosen, Filled, MadeRoom, PoolFill};
use crate::policy::{self, Resource};
use crate::services::Services;

/// Fillups and cleans of all hosts at once. Each waits for its children in a place in the engine that they need, too.
const RUNS_MAX: usize = 4;
/// Operations under way among which fillups and cleans are counted.
const OPEN_MAX: u32 = 1_000;
/// Newest operations on a pool that are looked at: as many as the longest pause needs.
const HISTORY: u32 = 8;
/// Pause after a first failure; it doubles with each further one in a row.
const PAUSE_FIRST_MS: i64 = 60_000;
/// Longest pause.
const PAUSE_MAX_MS: i64 = 30 * 60_000;

/// What was done to a pool lately.
#[derive(Default)]
pub(crate) struct History {
    /// An operation holds the pool: it is under way, or failed and waits for a person.
    pub(crate) is_held: bool,
    /// After fillups that failed.
    pub(crate) pause: Option<AutofillPause>,
}

/// The subject on which what is done to a pool excludes each other.
pub(crate) fn pool_of(host: &HostId) -> String {
    format!("host/{host}/pool")
}

impl ControlPlane {
    /// The pool of a host.
    pub async fn host_pool(&self, caller: &Caller, id: &HostId) -> Result<HostPoolView, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        self.pool_view(record).await
    }

    /// Starts chains from a template, up to the capacity of the host or to `count`. Returns the operation, of which the
    /// host's pool shows what came of each.
    pub async fn host_fill(
        &self,
        caller: &Caller,
        id: &HostId,
        template: &TemplateName,
        count: Option<u16>,
    ) -> Result<OperationId, Error> {
        let result = self.host_fill_checked(caller, id, template, count).await;
        self.audit.record(caller, "host-fill", &format!("host/{id} template/{template}"), &result).await;
        result
    }

    async fn host_fill_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        template: &TemplateName,
        count: Option<u16>,
    ) -> Result<OperationId, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Host))?;
        let host = self.host_record(id).await?;
        let template = self.named_template(template).await?;
        let capacity = host.spec.capacity;
        if count.is_some_and(|count| count == 0 || count > capacity) {
            let range = Error::invalid(Code::ValueOutOfRange).with("min", 1).with("max", capacity);
            return Err(range.on("count"));
        }
        if !host.spec.schedulable {
            return Err(Error::conflict(Code::HostNotSchedulable));
        }
        let held = self.services.store.host_claims(id).await.map_err(crate::error::store)?.len();
        if held >= usize::from(capacity) {
            return Err(Error::conflict(Code::HostFull).with("capacity", capacity));
        }
        let owner = caller.require_user()?.id.to_string();
        let starter = Some(Starter::of(caller)?);
        let params = PoolFill { host: id.clone(), template, count, replaces: None, owner, starter };
        self.begin_on_pool(caller, id, params).await
    }

    /// Removes the free chains of a host and switches its autofill off; chains that somebody owns stay.
    pub async fn host_clean(&self, caller: &Caller, id: &HostId) -> Result<OperationId, Error> {
        let result = self.host_clean_checked(caller, id).await;
        self.audit.record(caller, "host-clean", &format!("host/{id}"), &result).await;
        result
    }

    async fn host_clean_checked(&self, caller: &Caller, id: &HostId) -> Result<OperationId, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Host))?;
        self.host_record(id).await?;
        let owner = caller.require_user()?.id.to_string();
        self.begin_on_pool(caller, id, PoolClean { host: id.clone(), owner }).await
    }

    /// Keeps a host full of chains from a template, or stops that.
    pub async fn host_autofill(
        &self,
        caller: &Caller,
        id: &HostId,
        template: Option<TemplateName>,
    ) -> Result<HostPoolView, Error> {
        let to = template.as_ref().map_or_else(|| "off".to_owned(), ToString::to_string);
        let object = format!("host/{id} {to}");
        let result = self.host_autofill_checked(caller, id, template, &object).await;
        self.audit.record(caller, "host-autofill", &object, &result).await;
        result
    }

    async fn host_autofill_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        template: Option<TemplateName>,
        object: &str,
    ) -> Result<HostPoolView, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Host))?;
        self.host_record(id).await?;
        if let Some(name) = &template {
            self.named_template(name).await?;
        }
        self.audit.begin(caller, "host-autofill", object).await;
        let saved = self.services.store.host_autofill_save(id, template.as_ref()).await;
        if let (Err(StoreError::Conflict { .. }), Some(name)) = (&saved, &template) {
            // It may have been deleted since it was looked at.
            self.named_template(name).await?;
        }
        saved.map_err(crate::error::store)?;
        self.services.changed("host", id);
        self.pool_view(self.host_record(id).await?).await
    }

    /// Removes from a host what carries this installation's labels and belongs to no chain; the host's name must be typed.
    ///
    /// # Errors
    /// [`Code::HostChainsOwned`] while somebody owns a chain on it.
    pub async fn host_reset(&self, caller: &Caller, id: &HostId, typed: &str) -> Result<OperationId, Error> {
        let result = self.host_reset_checked(caller, id, typed).await;
        self.audit.record(caller, "host-reset", &format!("host/{id}"), &result).await;
        result
    }

    async fn host_reset_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        typed: &str,
    ) -> Result<OperationId, Error> {
        policy::authorize(caller, Action::Delete, Resource::any(Noun::Host))?;
        self.stepped_up(caller)?;
        let host = self.host_record(id).await?;
        if typed != host.spec.name.as_str() {
            let refusal = Error::invalid(Code::HostNameUnconfirmed).with("name", &host.spec.name);
            return Err(refusal.on("typed"));
        }
        let chains = self.services.store.chains_on(id).await.map_err(crate::error::store)?;
        if chains.iter().any(|chain| chain.owner.is_some()) {
            return Err(Error::conflict(Code::HostChainsOwned));
        }
        self.begin_on_pool(caller, id, HostReset { host: id.clone() }).await
    }

    async fn named_template(&self, name: &TemplateName) -> Result<domain::template::Template, Error> {
        self.template(name).await.map_err(|error| error.on("template"))
    }

    async fn begin_on_pool<P: Operation<Env = Services>>(
        &self,
        caller: &Caller,
        id: &HostId,
        params: P,
    ) -> Result<OperationId, Error> {
        let owner = caller.require_user()?.id.as_str();
        self.launch_on_pool(id, Start::new(owner, params)).await
    }

    /// Begins what the portal decided by itself; one that others were faster than is no error.
    pub(crate) async fn begin_by_itself(&self, id: &HostId, params: PoolFill) -> Result<(), Error> {
        match self.launch_on_pool(id, Start::new(params.owner.clone(), params)).await {
            Ok(_) => Ok(()),
            Err(error) if error.code == Code::PoolBusy => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Begins work on a pool, as long as there is room for more at once.
    async fn launch_on_pool<P: Operation<Env = Services>>(
        &self,
        id: &HostId,
        start: Start<P>,
    ) -> Result<OperationId, Error> {
        // What is counted is what there is until this one is begun: one process has the database.
        let _turn = self.filling.lock().await;
        if self.pool_runs().await? >= RUNS_MAX {
            return Err(Error::conflict(Code::PoolBusy));
        }
        let started = self.launch(start.on(pool_of(id))).await;
        self.services.changed("host", id);
        started.map_err(busy)
    }

    /// Fillups, cleans and resets under way, on all hosts.
    async fn pool_runs(&self) -> Result<usize, Error> {
        let open = self.services.store.operations_open(OPEN_MAX).await.map_err(log_error)?;
        let on_pool = |operation: &&OperationRecord| {
            operation.subject.as_ref().is_some_and(|s| s.starts_with("host/") && s.ends_with("/pool"))
        };
        Ok(open.iter().filter(on_pool).count())
    }

    /// The newest operations on a pool.
    async fn on_pool(&self, id: &HostId, limit: u32) -> Result<Vec<OperationRecord>, Error> {
        let filter = OperationFilter { subject: Some(pool_of(id)), limit, ..OperationFilter::default() };
        self.services.store.operation_page(&filter).await.map_err(log_error)
    }

    /// What was done to a pool lately. Failures are counted in the operations' record, so that no restart forgets them.
    pub(crate) async fn pool_history(&self, id: &HostId) -> Result<History, Error> {
        let mut history = History::default();
        let (mut failures, mut ended_ms) = (0_u32, 0);
        for operation in self.on_pool(id, HISTORY).await? {
            history.is_held |= !operation.state.is_final();
            if operation.name != PoolFill::plan().name() || !operation.state.is_final() {
                continue;
            }
            let stored = self.services.store.load(&operation.id).await.map_err(log_error)?;
            if !stored.is_some_and(|stored| has_failed(&stored)) {
                break;
            }
            failures += 1;
            ended_ms = ended_ms.max(operation.updated_ms);
        }
        history.pause =
            (failures > 0).then(|| AutofillPause { failures, until_ms: ended_ms + pause_ms(failures) });
        Ok(history)
    }

    async fn pool_view(&self, host: HostRecord) -> Result<HostPoolView, Error> {
        let store = &self.services.store;
        let chains = store.chains_on(&host.id).await.map_err(crate::error::store)?;
        let held = store.host_claims(&host.id).await.map_err(crate::error::store)?.len();
        let now = self.services.clock.now_ms();
        let history = self.pool_history(&host.id).await?;
        let autofill = host.spec.autofill.clone();
        let pause = history.pause.filter(|pause| autofill.is_some() && pause.until_ms > now);
        let count = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
        let pooled: Vec<PooledChain> = chains.iter().filter_map(pooled).collect();
        Ok(HostPoolView {
            free: count(pooled.iter().filter(|chain| chain.owner.is_none()).count()),
            owned: count(chains.iter().filter(|chain| chain.owner.is_some()).count()),
            held: count(held),
            capacity: host.spec.capacity,
            schedulable: host.spec.schedulable,
            autofill,
            pause,
            chains: pooled,
            last: self.last_run(&host.id).await?,
        })
    }

    /// The newest operation on a pool, with its rows.
    async fn last_run(&self, id: &HostId) -> Result<Option<PoolRun>, Error> {
        let Some(newest) = self.on_pool(id, 1).await?.into_iter().next() else { return Ok(None) };
        let stored = self.services.store.load(&newest.id).await.map_err(log_error)?;
        let Some(stored) = stored else { return Ok(None) };
        let rows = match ended_rows(&stored) {
            Some(rows) => rows,
            None => self.rows_so_far(&stored).await?,
        };
        let state = state_view(stored.operation.state);
        Ok(Some(PoolRun { operation: OperationId::new(newest.id), name: newest.name, state, rows }))
    }

    /// What has come of each chain until now, from the operations that were started for them.
    async fn rows_so_far(&self, stored: &Stored) -> Result<Vec<PoolRow>, Error> {
        let key = if stored.operation.name == PoolClean::plan().name() {
            children::removal_key
        } else {
            children::key
        };
        let mut rows = Vec::new();
        for chain in output::<Chosen>(stored).map_or_else(Vec::new, |chosen| chosen.chains) {
            let key = key(&stored.operation.id, &chain);
            let row = children::row(&self.services, &chain, &key).await;
            rows.push(row.map_err(log_error)?);
        }
        Ok(rows)
    }
}

/// A refusal in the words of the pool.
fn busy(error: Error) -> Error {
    if error.code == Code::ChainBusy { Error::conflict(Code::PoolBusy) } else { error }
}

/// A chain of the pool as it is shown.
fn pooled(chain: &ChainRecord) -> Option<PooledChain> {
    Some(PooledChain {
        name: chain.name.clone(),
        template: chain.pool.clone()?,
        state: chain.state,
        health: chain.health.clone(),
        owner: chain.owner.clone(),
    })
}

/// What a step left; none: it has not ended, or is another version's.
fn output<T: StepOutput>(stored: &Stored) -> Option<T> {
    let step = stored.steps.iter().find(|step| step.name == T::STEP)?;
    serde_json::from_value(step.output.clone()?).ok()
}

/// The rows of a fillup or a clean that has ended.
fn ended_rows(stored: &Stored) -> Option<Vec<PoolRow>> {
    let rows = output::<Filled>(stored).map(|filled| filled.rows);
    let mut rows = rows.or_else(|| output::<Cleaned>(stored).map(|cleaned| cleaned.rows))?;
    let replaced = output::<MadeRoom>(stored).and_then(|room| room.row);
    if let Some(row) = replaced {
        rows.insert(0, row);
    }
    Some(rows)
}

/// Whether a fillup did not make all that it was to make.
fn has_failed(stored: &Stored) -> bool {
    let rows = ended_rows(stored).unwrap_or_default();
    stored.operation.state != OperationState::Done || rows.iter().any(|row| row.failure.is_some())
}

/// How long nothing is made after so many failures in a row.
fn pause_ms(failures: u32) -> i64 {
    let doublings = failures.saturating_sub(1).min(16);
    (PAUSE_FIRST_MS << doublings).min(PAUSE_MAX_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_half_an_hour() {
        let minutes = [1, 2, 3, 5, 6, 40, 64, 1_000].map(|failures| pause_ms(failures) / 60_000);
        assert_eq!(minutes, [1, 2, 4, 16, 30, 30, 30, 30]);
        assert_eq!(pause_ms(HISTORY), PAUSE_MAX_MS, "as many as are looked at");
    }
}
