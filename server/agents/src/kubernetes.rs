//! Runs nodes on one Kubernetes cluster.
//!
//! Manifests are built by pure functions (`manifest`), applied by small ones (`nodes`, `space`). Every object is
//! found by its name and then proven ours by its labels before anything is done to it. This module must never touch
//! an object without our labels, or take a manifest from outside.

mod answer;
mod client;
mod dial;
mod endpoint;
mod failure;
pub mod kubeconfig;
mod machines;
mod probe;
pub mod rbac;
mod tls;
mod way;

pub use self::endpoint::{KubernetesEndpoint, KubernetesOptions};
