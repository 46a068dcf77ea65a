//! The second factor of a sign-in: codes of an app that change every half minute, and what replaces it when it is lost.

use serde::{Deserialize, Serialize};

use crate::permission::Role;

/// Seconds in which a code is the same.
pub const STEP_SECONDS: i64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Recovery codes that come with a second factor.
pub const RECOVERY_CODES: usize = 10;

/// Somebody's own second factor. It holds what is secret while it is being set up, and is therefore never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactorView {
    /// Since when there is one, unix milliseconds.
    pub since_ms: Option<i64>,
    /// Recovery codes that are not used yet.
    pub recovery_left: usize,
    /// The role needs one.
    pub is_required: bool,
    /// Who they are was proved lately, so that it may be changed.
    pub is_proved: bool,
    /// What is being set up.
    pub enrolment: Option<Enrolment>,
    /// The roles that need one, for who may set them.
    pub required_roles: Option<Vec<Role>>,
}

/// What goes into the app and onto paper. Shown to its owner until the first code has confirmed it, and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// For whoever types it: letters and digits in groups of four.
    pub secret: String,
    pub picture: Picture,
    /// Each signs in once, in place of a code.
    pub recovery: Vec<String>,
}

/// The drawing that an app reads with the camera: dark squares on a light ground.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Squares of one side, margin included.
    pub side: i32,
    /// The dark ones, as data of an SVG path.
    pub path: String,
}
