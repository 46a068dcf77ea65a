//! The control plane over a host and a network in memory: reconcilers, faults of the host, ports that others take, keys that are used
//! twice.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "plane/bed.rs"]
#[expect(dead_code, reason = "shared with the tests of the operations")]
mod bed;
#[path = "plane/faults.rs"]
mod faults;
#[path = "plane/keys.rs"]
mod keys;
#[path = "plane/ports.rs"]
mod ports;
#[path = "plane/reconcile.rs"]
mod reconcile;

use std::sync::Arc;

use control::ControlPlane;
use control::services::Services;
use workflow::Settings;
use zeroize::Zeroizing;

/// A façade over services.
fn plane(services: Arc<Services>) -> Arc<ControlPlane> {
    let key = Zeroizing::new(vec![1; 32]);
    Arc::new(ControlPlane::new(services, Settings::new("test"), key).unwrap())
}
