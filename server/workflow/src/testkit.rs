//! What other crates test with (feature `testkit`): a kit that every operation must pass, and a suite that every log must.
//!
//! The kit runs an operation in fresh worlds and breaks it in every way that a plan can be broken: each step twice, an
//! error at each step and each undo, a crash before, after and within each of them, and at each write of the log. After
//! each case it asks the operation's own [`Trial::check`] whether the world is complete or clean. Nothing in here panics;
//! problems come back as a [`Report`].

mod clock;
mod faults;
mod kit;
pub mod log_suite;

pub use clock::JumpClock;
pub use kit::{Expect, Finding, Options, Report, Trial, World, run};
