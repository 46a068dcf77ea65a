//! Durable operations: long work as a named, versioned, linear list of steps that survives the death of its process.
//!
//! This crate knows nothing about what the steps do. It decides which step runs when, writes that down before and after,
//! tries again, undoes, and hands over. It depends on no other crate of the house, reads no clock but the one passed in,
//! and keeps nothing that is not in the [`Log`].
//!
//! # An operation
//! A type that is its own parameters, with a [`Plan`] of steps and undos. Both are async functions that take an owned
//! [`Context`]; what a step returns is stored and is all that later steps see of it.
//! ```
//! use serde::{Deserialize, Serialize};
//! use workflow::{Context, Operation, Plan, StepError, StepOutput, keep};
//!
//! struct Services {}
//!
//! #[derive(Clone, Serialize, Deserialize)]
//! struct ChainCreate {
//!     name: String,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct PortsReserved {
//!     first: u16,
//! }
//!
//! impl StepOutput for PortsReserved {
//!     const STEP: &'static str = "reserve-ports";
//! }
//!
//! impl Operation for ChainCreate {
//!     type Env = Services;
//!
//!     fn plan() -> Plan<Self> {
//!         Plan::named("chain-create", 1)
//!             .step("reserve-ports", reserve_ports, release_ports)
//!             .step("ensure-images", ensure_images, keep)
//!             .timeout_ms(1_800_000)
//!     }
//! }
//!
//! async fn reserve_ports(context: Context<ChainCreate>) -> Result<PortsReserved, StepError> {
//!     context.note(format!("ports for {}", context.params().name)).await;
//!     Ok(PortsReserved { first: 31_000 })
//! }
//!
//! async fn release_ports(context: Context<ChainCreate>) -> Result<(), StepError> {
//!     // The step may not have finished: ask, do not insist.
//!     let _ports: Option<PortsReserved> = context.try_output()?;
//!     Ok(())
//! }
//!
//! async fn ensure_images(context: Context<ChainCreate>) -> Result<(), StepError> {
//!     let ports: PortsReserved = context.output()?;
//!     if ports.first == 0 {
//!         return Err(StepError::stop("ports.none", "There are no ports."));
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What a step must bear
//! - It runs at least once, perhaps often, perhaps after an attempt that was cut off anywhere, perhaps on another replica:
//!   it *ensures* under names that follow from the parameters, and adopts what it finds.
//! - Its undo runs when the step began, even if it never finished, and perhaps twice.
//! - It may be dropped at any `await`: at its time-out, when the lease is lost, at a drain's deadline.
//! - Nothing secret goes into parameters, outputs, notes or errors: all of them are written to the log.
//!
//! # What the engine promises
//! - **Intent first.** "Attempt n runs, under epoch e" is stored before the attempt begins, its result after it ended.
//! - **One at a time.** A [`Workflow`] claims an operation for a lease that it renews. Who claims next raises the epoch;
//!   writes of the old one are refused with [`LogError::Fenced`] and that run is dropped. A replica that restarts under
//!   its old name gets its operations back at once; others wait until the lease ends.
//! - **One per subject.** A subject (`chain:demo`) is locked from the start until `done` or `undone`. A `failed` operation
//!   keeps it, so that only resume and undo act on the subject, or an operation that names it in
//!   [`Start::superseding`].
//! - **Errors.** [`StepError::Retry`] is tried again with a doubling, capped wait, up to the step's limit; attempts that a
//!   crash cut off do not count, but have a limit of their own. [`StepError::Stop`], used up attempts and panics make the
//!   operation `failed`, with code, step, values and evidence. A failed undo does the same, never silently.
//! - **Cancel** lets the present step end (or time out), then undoes what began, last step first.
//! - **Events** are rows of the log with one rising sequence. [`Workflow::subscribe`] gives them after they are stored, in
//!   that order, from all replicas; `events_since` gives those that a client missed.
//! - **A store that does not answer** delays: writes are repeated while the lease lasts, then the run is dropped and taken
//!   up again later.
//!
//! # States
//! Operation: `pending → running ⇄ waiting → done`, or `→ undoing → undone`, or `→ failed → pending` by resume or undo.
//! Step: `pending → running ⇄ waiting → done`, or `→ failed`; backward `→ undoing → undone`; `skipped` if it never began.
//!
//! # Where to look
//! `plan` and `context` are what operations use; `workflow` is what the control plane uses; `engine` picks operations up,
//! `run` takes one along its steps, `attempt` one step along its attempts, `lease` keeps the claim, `events` publishes;
//! `log` and `record` are what a store implements. With the feature `testkit`, `testkit::run` breaks an operation in every
//! way that it must survive, and `testkit::log_suite::run` tests a log.
#![warn(missing_docs)]

mod attempt;
mod clock;
mod context;
mod engine;
mod error;
mod events;
mod lease;
mod memory;
mod plan;
mod run;
mod settings;
mod workflow;

pub mod log;
pub mod record;

pub use clock::{Clock, ManualClock, SystemClock};
pub use context::Context;
pub use error::{StepError, codes};
pub use log::{
    Change, Created, Fence, ListFilter, Log, LogError, NewOperation, Reach, Renewed, StateChange, Stored,
};
pub use memory::MemoryLog;
pub use plan::{Operation, Plan, PlanError, StepOutput, keep};
pub use record::{
    EventBody, EventRecord, FailureRecord, NewEvent, OperationRecord, OperationState, StepRecord, StepState,
    Told, Wanted,
};
pub use settings::Settings;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use workflow::{Drained, Start, StartError, Started, Workflow};
