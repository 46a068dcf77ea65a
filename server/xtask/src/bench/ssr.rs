//! Rendering a page of a thousand rows for every request: the portal, with everything that stands in front of its pages,
//! against the same page in Astro's Node adapter (`end2end/bench/astro`).

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::figures::{self, Samples};
use super::http::Connection;
use super::portal::{self, Build, Portal};
use crate::machine;
use crate::paths::Paths;
use crate::process::{self, LONG};
use crate::report::say;

/// Processor time of one request, in milliseconds.
const COST_MS: f64 = 1.3;
/// Requests a second, relative to Astro's.
const RATIO: f64 = 2.0;
/// The slowest hundredth with so many connections takes at most so many milliseconds.
const SLOWEST_MS: f64 = 40.0;
const CONNECTIONS: usize = 25;
const ROUND: Duration = Duration::from_secs(4);
/// Two UUIDs a row.
const PAGE_BYTES_MIN: usize = 72_000;
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(5);

/// What one side showed, round by round.
#[derive(Default)]
struct Side {
    per_second: Samples,
    cpu_ms: Samples,
    slowest_ms: Samples,
}

/// Measures, and fails when a promise is missed.
pub fn run(paths: &Paths, build: Build, rounds: usize) -> Result<()> {
    let astro = Astro::start(paths)?;
    let program = portal::build(paths, build, &["bench"])?;
    let portal = Portal::start(paths, &program, None)?;
    let (mut ours, mut theirs) = (Side::default(), Side::default());
    // What is compiled or filled at first use is no part of it.
    load(portal.address, "/bench/rows", Duration::from_secs(1))?;
    load(astro.address, "/", Duration::from_secs(3))?;
    figures::in_turn(
        rounds,
        |_| ours.round(portal.address, "/bench/rows", portal.id()),
        |_| theirs.round(astro.address, "/", astro.child.id()),
    )?;
    ours.tell("portal");
    theirs.tell("Astro ");
    figures::at_most("milliseconds of processor time a request", ours.cpu_ms.median(), COST_MS)?;
    let ratio = ours.per_second.median() / theirs.per_second.median();
    figures::demand("requests a second relative to Astro", ratio, RATIO)?;
    figures::at_most("milliseconds of the slowest hundredth", ours.slowest_ms.median(), SLOWEST_MS)
}

impl Side {
    fn round(&mut self, address: SocketAddr, path: &str, process: u32) -> Result<()> {
        let before = figures::process_cpu(process)?;
        let mut times = load(address, path, ROUND)?;
        let cpu = figures::process_cpu(process)? - before;
        let count = u32::try_from(times.len()).map_or(f64::NAN, f64::from);
        times.sort();
        let slowest = times.get(times.len() * 99 / 100).context("no request was answered")?;
        self.per_second.push(figures::per_second(times.len(), ROUND));
        self.cpu_ms.push(cpu / count * 1e3);
        self.slowest_ms.push(figures::seconds(*slowest) * 1e3);
        Ok(())
    }

    fn tell(&self, name: &str) {
        say(format!("{name}  {}", self.per_second.shown("requests/s")));
        say(format!("{name}  {}", self.cpu_ms.shown("ms of processor time a request")));
        say(format!("{name}  {}", self.slowest_ms.shown("ms for the slowest hundredth")));
    }
}

/// Asks again and again over several connections, and returns how long each answer took.
fn load(address: SocketAddr, path: &str, time: Duration) -> Result<Vec<Duration>> {
    let all = Mutex::new(Vec::new());
    let end = Instant::now() + time;
    let work = || -> Result<()> {
        let mut connection = Connection::open(address, None)?;
        let mut times = Vec::new();
        while Instant::now() < end && !process::stopping() {
            let begin = Instant::now();
            let answer = connection.get(path)?;
            times.push(begin.elapsed());
            if answer.status != 200 || answer.body.len() < PAGE_BYTES_MIN {
                bail!("{path}: {} with {} bytes", answer.status, answer.body.len());
            }
        }
        all.lock().map_err(|_| anyhow!("another connection failed"))?.extend(times);
        Ok(())
    };
    thread::scope(|scope| {
        let started: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        started.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow!("a connection ended early"))?)
    })?;
    all.into_inner().map_err(|_| anyhow!("a connection failed"))
}

/// The other side.
struct Astro {
    child: Child,
    address: SocketAddr,
}

impl Astro {
    fn start(paths: &Paths) -> Result<Self> {
        machine::ensure_programs(&["node", "npm"], &["nodejs", "npm"], "the page to compare with")?;
        let folder = paths.root.join("end2end/bench/astro");
        say("building the page to compare with");
        for words in [&["ci", "--no-audit", "--no-fund"][..], &["run", "build"]] {
            let mut npm = Command::new("npm");
            npm.args(words).current_dir(&folder).env("ASTRO_TELEMETRY_DISABLED", "1");
            process::logged(&mut npm, &paths.cache.join("astro.log"), LONG)?;
        }
        let address = portal::free_address()?;
        let mut node = Command::new("node");
        node.arg(folder.join("dist/server/entry.mjs")).stdout(Stdio::null());
        node.env("HOST", address.ip().to_string()).env("PORT", address.port().to_string());
        let mut astro = Self { child: process::start(&mut node)?, address };
        if process::until(START, || astro.answers()) {
            return Ok(astro);
        }
        bail!("Astro does not answer: {:?}", astro.child.try_wait())
    }

    fn answers(&self) -> bool {
        let answer = Connection::open(self.address, None).and_then(|mut connection| connection.get("/"));
        answer.is_ok_and(|answer| answer.status == 200)
    }
}

impl Drop for Astro {
    fn drop(&mut self) {
        // The figures are what matters; a process that stays is ended with this one.
        let _ = process::end(&mut self.child, STOP);
    }
}
