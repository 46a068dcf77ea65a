//! The control plane over a host and a network in memory: reconcilers, faults of the host, deployments that do not go
//! well, what organizations agree on, starts of chains that are not whole, ports that others take, keys that are used
//! twice, what is told to whom, what is written to them, what is recorded, how guesses of passwords are slowed down,
//! and how people are kept.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "plane/account.rs"]
mod account;
#[path = "plane/agree.rs"]
mod agree;
#[path = "plane/audit.rs"]
mod audit;
#[path = "plane/bed.rs"]
#[expect(dead_code, reason = "shared with the tests of the operations")]
mod bed;
#[path = "plane/beside.rs"]
mod beside;
#[path = "plane/clock.rs"]
mod clock;
#[path = "plane/demo.rs"]
mod demo;
#[path = "plane/deploy.rs"]
mod deploy;
#[path = "plane/faults.rs"]
mod faults;
#[path = "plane/history.rs"]
mod history;
#[path = "plane/hosts.rs"]
mod hosts;
#[path = "plane/keys.rs"]
mod keys;
#[path = "plane/killed.rs"]
mod killed;
#[path = "plane/lists.rs"]
mod lists;
#[path = "plane/mail.rs"]
mod mail;
#[path = "plane/offer.rs"]
mod offer;
#[path = "plane/overview.rs"]
mod overview;
#[path = "plane/people.rs"]
mod people;
#[path = "plane/pool.rs"]
mod pool;
#[path = "plane/ports.rs"]
mod ports;
#[path = "plane/pulls.rs"]
mod pulls;
#[path = "plane/reconcile.rs"]
mod reconcile;
#[path = "plane/recorded.rs"]
mod recorded;
#[path = "plane/records.rs"]
mod records;
#[path = "plane/resize.rs"]
mod resize;
#[path = "plane/restart.rs"]
mod restart;
#[path = "plane/rights.rs"]
mod rights;
#[path = "plane/search.rs"]
mod search;
#[path = "plane/sign_in.rs"]
mod sign_in;
#[path = "plane/standing.rs"]
mod standing;
#[path = "plane/starts.rs"]
mod starts;
#[path = "plane/template.rs"]
mod template;

use std::sync::Arc;

use bed::caller;
use control::ControlPlane;
use control::services::Services;
use workflow::Settings;
use zeroize::Zeroizing;

/// A façade over services.
fn plane(services: Arc<Services>) -> Arc<ControlPlane> {
    let key = Zeroizing::new(vec![1; 32]);
    Arc::new(ControlPlane::new(services, Settings::new("test"), key).unwrap())
}
