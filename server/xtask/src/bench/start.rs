//! How long an empty portal takes to be ready, and how much memory it holds when nobody uses it.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::figures::{self, Samples};
use super::portal::{self, Build, Portal};
use crate::paths::Paths;
use crate::report::say;

const READY_S: f64 = 2.0;
const MEMORY_MB: f64 = 150.0;
/// What a start needs only once has been given back by then.
const SETTLE: Duration = Duration::from_secs(10);

/// Starts several portals one after another; fails when the median misses a promise.
pub fn run(paths: &Paths, build: Build, rounds: usize) -> Result<()> {
    let program = portal::build(paths, build, &[])?;
    let (mut ready, mut memory) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        let mut portal = Portal::start(paths, &program, None)?;
        ready.push(portal.ready.as_secs_f64());
        portal.sign_in()?;
        for page in ["/", "/chains", "/hosts", "/operations"] {
            portal.connect()?.get(page)?;
        }
        thread::sleep(SETTLE);
        memory.push(portal.memory()?);
    }
    say(format!("ready on an empty database  {}", ready.shown("s")));
    say(format!("memory when idle            {}", memory.shown("MB")));
    figures::at_most("seconds until ready", ready.median(), READY_S)?;
    figures::at_most("megabytes when idle", memory.median(), MEMORY_MB)
}
