//! Runs nodes on a host.
//!
//! One trait, [`Agent`], with declarative verbs; one implementation per kind of host. Whoever calls it never
//! learns which one answers, so nothing that only one kind of host knows may appear in the types of this level.
//! This crate must never decide what a chain looks like, keep state of its own, or touch an object that does not
//! carry its installation's label.

mod address;
mod agent;
mod archive;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod dial;
pub mod docker;
mod error;
mod facts;
mod image;
pub mod kubernetes;
mod labels;
mod node;
mod observe;
mod rehearsal;
pub mod simulated;
mod tls;

pub use agent::{Agent, BoxedStream, DuplexStream};
pub use archive::{ARCHIVE_MAX, ArchiveError, ArchivedImage, CheckedArchive, receive_archive};
pub use error::{AgentError, MissingWhy, ProbeFailure, ProbeStage, Remedy};
pub use facts::EngineFacts;
pub use image::{ImageFacts, ImageProgress, PullCredentials, is_local_only_name, split_reference};
pub use node::{
    InvalidSpec, Limits, NodeFile, NodeNetwork, NodeRef, NodeSpec, ObjectLabels, PortSpec, Publish, Selector,
    SpaceSpec,
};
pub use observe::{
    DataVolume, LogLine, LogOptions, LogSource, NodeChange, NodeEvent, NodeState, NodeStats, NodeStatus,
    Removed,
};
pub use rehearsal::{Refusal, Rehearsal, Room, Share};
