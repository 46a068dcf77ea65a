//! Runs nodes on one Kubernetes cluster.
//!
//! Manifests are built by pure functions (`manifest`), applied by small ones (`nodes`, `space`). Every object is
//! found by its name and then proven ours by its labels before anything is done to it. This module must never touch
//! an object without our labels, or take a manifest from outside.

mod endpoint;
mod manifest;
mod names;

pub use self::endpoint::{KubernetesEndpoint, KubernetesOptions};
