//! Resumable operations.
#![warn(missing_docs)]

pub mod log;
pub mod record;

pub use log::{
    Change, Created, Fence, ListFilter, Log, LogError, NewOperation, Renewed, StateChange, Stored,
};
pub use record::{
    EventBody, EventRecord, FailureRecord, NewEvent, OperationRecord, OperationState, StepRecord, StepState,
    Wanted,
};
