//! Operations as their owners and keepers see them, and what may be done with them.

use domain::id::{HostId, OperationId};
use domain::name::ChainName;
use domain::operation::{
    EventView, FailureView, KeptView, OperationState, OperationVerb, OperationView, StepState, StepView,
    TroubleView,
};
use domain::permission::{Action, Grant, Noun};
use domain::{Code, Error, ErrorKind};
use store::StepCount;
use workflow::{EventBody, EventRecord, Log, LogError, OperationRecord, Stored};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::error::internal;
use crate::policy::{self, Resource};

mod page;

/// Lines of its record that an operation's page starts with.
const EVENTS: u32 = 2_000;

impl ControlPlane {
    /// One operation with its steps and the newest lines of its record.
    pub async fn operation_read(&self, caller: &Caller, id: &OperationId) -> Result<OperationView, Error> {
        caller.require_user()?;
        let stored = self.stored(id.as_str()).await?;
        self.operation_allows(caller, Action::Read, &stored.operation).await?;
        let events = self.services.store.events_last(id.as_str(), EVENTS).await.map_err(log_error)?;
        let steerable = self.operation_allows(caller, Action::Steer, &stored.operation).await.is_ok();
        let verbs = if steerable { verbs(&stored.operation) } else { Vec::new() };
        let failure = stored.operation.error.as_ref().map(|failure| FailureView {
            step: failure.step.clone().unwrap_or_default(),
            code: failure.code.clone(),
            values: failure.values.clone(),
            message: failure.message.clone(),
            evidence: failure.evidence.clone(),
        });
        let subject = stored.operation.subject.as_deref().unwrap_or_default();
        let is_there = self.is_there(caller, subject).await?;
        Ok(OperationView {
            summary: self.summary(&stored.operation, step_count(&stored), is_there).await?,
            steps: stored.steps.iter().map(step_view).collect(),
            events: events.iter().filter_map(event_view).collect(),
            failure,
            left_behind: left_behind(&events),
            verbs,
        })
    }

    /// Lets the current step end, then undoes.
    pub async fn operation_cancel(&self, caller: &Caller, id: &OperationId) -> Result<(), Error> {
        self.steer(caller, id, OperationVerb::Cancel).await
    }

    /// Goes on from the failed step.
    pub async fn operation_resume(&self, caller: &Caller, id: &OperationId) -> Result<(), Error> {
        self.steer(caller, id, OperationVerb::Resume).await
    }

    /// Undoes a failed operation.
    pub async fn operation_undo(&self, caller: &Caller, id: &OperationId) -> Result<(), Error> {
        self.steer(caller, id, OperationVerb::Undo).await
    }

    async fn steer(&self, caller: &Caller, id: &OperationId, verb: OperationVerb) -> Result<(), Error> {
        let what = match verb {
            OperationVerb::Cancel => "operation-cancel",
            OperationVerb::Resume => "operation-resume",
            OperationVerb::Undo => "operation-undo",
        };
        let result = self.steer_checked(caller, id, verb, what).await;
        let object = self.audit_object(id, result.as_ref().err()).await;
        self.audit.record(caller, what, &object, &result).await;
        result
    }

    /// Under which name an operation stands in the audit: below its chain, so that whoever reads of the chain reads of
    /// this. Of what does not exist for the caller nothing more is told than was asked for.
    async fn audit_object(&self, id: &OperationId, error: Option<&Error>) -> String {
        let own = format!("operation/{id}");
        if error.is_some_and(|error| error.kind == ErrorKind::NotFound) {
            return own;
        }
        match self.subject_of(id).await {
            Some(subject) if chain_of(&subject).is_some() => format!("{subject}/{own}"),
            _ => own,
        }
    }

    /// What an operation is on, for its record.
    pub(crate) async fn subject_of(&self, id: &OperationId) -> Option<String> {
        self.stored(id.as_str()).await.ok().and_then(|stored| stored.operation.subject)
    }

    async fn steer_checked(
        &self,
        caller: &Caller,
        id: &OperationId,
        verb: OperationVerb,
        what: &str,
    ) -> Result<(), Error> {
        caller.require_user()?;
        let stored = self.stored(id.as_str()).await?;
        self.operation_allows(caller, Action::Read, &stored.operation).await?;
        self.operation_allows(caller, Action::Steer, &stored.operation).await?;
        self.audit.begin(caller, what, &self.audit_object(id, None).await).await;
        let steered = match verb {
            OperationVerb::Cancel => self.workflow.cancel(id.as_str()).await.map(drop),
            OperationVerb::Resume => self.workflow.resume(id.as_str()).await,
            OperationVerb::Undo => self.workflow.undo(id.as_str()).await,
        };
        steered.map_err(|error| match error {
            LogError::NotAllowed { state, .. } => Error::conflict(Code::OperationState).with("state", state),
            other => log_error(other),
        })?;
        self.services.changed("operation", id);
        Ok(())
    }

    /// Whether the caller may do this with an operation: it is theirs, or on a chain in their reach.
    pub(crate) async fn operation_allows(
        &self,
        caller: &Caller,
        action: Action,
        record: &OperationRecord,
    ) -> Result<(), Error> {
        let own = caller.user.as_ref().is_some_and(|user| user.id.as_str() == record.owner);
        let grant = self.grant_since(caller, record.subject.as_deref(), record.created_ms).await?;
        policy::authorize(caller, action, Resource::owned(Noun::Operation, own, grant))
            .map_err(|error| error.about(format_args!("operation/{}", record.id)))
    }

    /// What the caller holds on the chain of an operation of some time: nothing where its owner has the chain only since.
    async fn grant_since(
        &self,
        caller: &Caller,
        subject: Option<&str>,
        at_ms: i64,
    ) -> Result<Option<Grant>, Error> {
        let Some(chain) = subject.and_then(chain_of) else { return Ok(None) };
        let record = self.services.store.chain_read(&chain).await.map_err(crate::error::store)?;
        match record {
            Some(record) if record.tenure.claimed_ms.is_none_or(|claimed_ms| claimed_ms <= at_ms) => {
                self.grant_on(caller, &record).await
            }
            Some(_) | None => Ok(None),
        }
    }

    async fn stored(&self, id: &str) -> Result<Stored, Error> {
        self.services.store.load(id).await.map_err(log_error)?.ok_or_else(Error::not_found)
    }

    /// Whether the subject of an operation exists for the caller: one that was deleted has no page any more.
    async fn is_there(&self, caller: &Caller, subject: &str) -> Result<bool, Error> {
        let found = if let Some(chain) = chain_of(subject) {
            self.chain_for(caller, Action::Read, Noun::Chain, &chain).await.map(drop)
        } else if let Some(host) = subject.strip_prefix("host/") {
            // What is done to its pool is on a part of it: `host/1f/pool`.
            let host = host.strip_suffix("/pool").unwrap_or(host);
            match policy::authorize(caller, Action::Read, Resource::any(Noun::Host)) {
                Ok(()) => self.host_record(&HostId::new(host)).await.map(drop),
                Err(error) => Err(error),
            }
        } else {
            Err(Error::not_found())
        };
        match found {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Number of the newest line of all operations' records: where a new stream begins.
    pub async fn last_event(&self, caller: &Caller) -> Result<u64, Error> {
        caller.require_user()?;
        self.services.store.last_sequence().await.map_err(log_error)
    }

    /// Lines of operations' records after a sequence number, as far as the caller may see them; and the number up to
    /// which was looked.
    pub async fn events_since(&self, caller: &Caller, after: u64) -> Result<(Vec<EventView>, u64), Error> {
        caller.require_user()?;
        let records = self.services.store.events_since(after, EVENTS).await.map_err(log_error)?;
        let last = records.last().map_or(after, |record| record.sequence);
        let mut views = Vec::new();
        for record in records {
            if self.event_allowed(caller, &record).await? {
                views.extend(event_view(&record));
            }
        }
        Ok((views, last))
    }

    async fn event_allowed(&self, caller: &Caller, record: &EventRecord) -> Result<bool, Error> {
        let own = caller.user.as_ref().is_some_and(|user| user.id.as_str() == record.owner);
        let grant = self.grant_since(caller, record.subject.as_deref(), record.at_ms).await?;
        Ok(policy::authorize(caller, Action::Read, Resource::owned(Noun::Operation, own, grant)).is_ok())
    }
}

/// The subject under which operations on a chain exclude each other.
pub(crate) fn subject(chain: &ChainName) -> String {
    format!("chain/{chain}")
}

/// The chain of a subject.
pub(crate) fn chain_of(subject: &str) -> Option<ChainName> {
    subject.strip_prefix("chain/").and_then(|name| ChainName::parse(name).ok())
}

pub(crate) fn log_error(error: LogError) -> Error {
    match error {
        LogError::NotFound { .. } => Error::not_found(),
        other => internal("operation log", other),
    }
}

fn verbs(record: &OperationRecord) -> Vec<OperationVerb> {
    match record.state {
        workflow::OperationState::Failed => vec![OperationVerb::Resume, OperationVerb::Undo],
        workflow::OperationState::Pending
        | workflow::OperationState::Running
        | workflow::OperationState::Waiting
            if !record.cancel_requested =>
        {
            vec![OperationVerb::Cancel]
        }
        _ => Vec::new(),
    }
}

fn step_count(stored: &Stored) -> StepCount {
    let done = stored.steps.iter().filter(|step| step.state == workflow::StepState::Done).count();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    StepCount { done: count(done), all: count(stored.steps.len()) }
}

pub(crate) fn state_view(state: workflow::OperationState) -> OperationState {
    match state {
        workflow::OperationState::Pending => OperationState::Pending,
        workflow::OperationState::Running => OperationState::Running,
        workflow::OperationState::Waiting => OperationState::Waiting,
        workflow::OperationState::Undoing => OperationState::Undoing,
        workflow::OperationState::Done => OperationState::Done,
        workflow::OperationState::Undone => OperationState::Undone,
        workflow::OperationState::Failed => OperationState::Failed,
    }
}

fn step_view(step: &workflow::StepRecord) -> StepView {
    StepView {
        name: step.name.clone(),
        state: match step.state {
            workflow::StepState::Pending => StepState::Pending,
            workflow::StepState::Running => StepState::Running,
            workflow::StepState::Waiting => StepState::Waiting,
            workflow::StepState::Done => StepState::Done,
            workflow::StepState::Undoing => StepState::Undoing,
            workflow::StepState::Undone => StepState::Undone,
            workflow::StepState::Failed => StepState::Failed,
            workflow::StepState::Skipped => StepState::Skipped,
        },
        attempt: step.attempt,
        started_ms: step.started_ms,
        ended_ms: step.ended_ms,
        progress: (step.total > 0).then_some((step.done, step.total)),
        trouble: step
            .error
            .as_ref()
            .filter(|_| is_tried_again(step))
            .map(|error| TroubleView { code: error.code.clone(), values: error.values.clone() }),
    }
}

/// Whether another attempt of a step is waited for or under way. The error of a step whose undo has just begun is older.
fn is_tried_again(step: &workflow::StepRecord) -> bool {
    match step.state {
        workflow::StepState::Waiting => true,
        workflow::StepState::Running | workflow::StepState::Undoing => {
            step.attempt > 1 || step.retry_at_ms.is_some()
        }
        workflow::StepState::Pending
        | workflow::StepState::Done
        | workflow::StepState::Undone
        | workflow::StepState::Failed
        | workflow::StepState::Skipped => false,
    }
}

/// What an undo said that it leaves; one that is tried again says it again.
fn left_behind(events: &[EventRecord]) -> Vec<KeptView> {
    let mut kept = Vec::new();
    for event in events {
        let EventBody::Note { told: Some(told), .. } = &event.body else { continue };
        let one = KeptView { code: told.code.clone(), values: told.values.clone() };
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

/// A record's line; state changes of steps come as the steps themselves.
fn event_view(record: &EventRecord) -> Option<EventView> {
    let (step, text) = match &record.body {
        EventBody::Note { step, text, .. } => (Some(step.clone()), text.clone()),
        EventBody::Progress { step, done, total } => (Some(step.clone()), format!("{done}/{total}")),
        EventBody::Step { step, state, .. } => (Some(step.clone()), state.to_string()),
        EventBody::State { state, .. } => (None, state.to_string()),
    };
    Some(EventView {
        sequence: i64::try_from(record.sequence).ok()?,
        operation: OperationId::new(record.operation.clone()),
        at_ms: record.at_ms,
        step,
        text,
    })
}
