//! Resumable operations.
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
    Change, Created, Fence, ListFilter, Log, LogError, NewOperation, Renewed, StateChange, Stored,
};
pub use memory::MemoryLog;
pub use plan::{Operation, Plan, PlanError, StepOutput, keep};
pub use record::{
    EventBody, EventRecord, FailureRecord, NewEvent, OperationRecord, OperationState, StepRecord, StepState,
    Wanted,
};
pub use settings::Settings;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use workflow::{Drained, Start, StartError, Started, Workflow};
