//! Resumable operations.
#![warn(missing_docs)]

mod clock;
mod context;
mod error;
mod events;
mod plan;

pub mod log;
pub mod record;

pub use clock::{Clock, ManualClock, SystemClock};
pub use context::Context;
pub use error::{StepError, codes};
pub use log::{
    Change, Created, Fence, ListFilter, Log, LogError, NewOperation, Renewed, StateChange, Stored,
};
pub use plan::{Operation, Plan, PlanError, StepOutput, keep};
pub use record::{
    EventBody, EventRecord, FailureRecord, NewEvent, OperationRecord, OperationState, StepRecord, StepState,
    Wanted,
};
