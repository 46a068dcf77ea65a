//! How a cluster sees whether a node is well: it asks the node's operations endpoint.
//!
//! The kubelet checks no certificate and shows none. Nothing here may end a node that is only busy: only one that has
//! not answered for minutes is started anew.

use k8s_openapi::api::core::v1::{HTTPGetAction, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A node may take ten minutes to start: it reads its whole ledger where an index is gone.
pub(super) fn startup(port: u16) -> Probe {
    asked(port, Pace { period: 2, timeout: 3, failures: 300 })
}

/// A node that does not answer gets no more callers after ten seconds.
pub(super) fn readiness(port: u16) -> Probe {
    asked(port, Pace { period: 5, timeout: 3, failures: 2 })
}

/// A node that has not answered for three minutes is started anew.
pub(super) fn liveness(port: u16) -> Probe {
    asked(port, Pace { period: 30, timeout: 10, failures: 6 })
}

/// How often, how long and how many times; the first two in seconds.
struct Pace {
    period: i32,
    timeout: i32,
    failures: i32,
}

fn asked(port: u16, pace: Pace) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some("/healthz".to_owned()),
            port: IntOrString::Int(i32::from(port)),
            scheme: Some("HTTPS".to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(pace.period),
        timeout_seconds: Some(pace.timeout),
        failure_threshold: Some(pace.failures),
        ..Probe::default()
    }
}
