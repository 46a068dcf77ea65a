//! The portal under measurement: the release build with a data folder that is thrown away, and calls of its server
//! functions as its own pages make them.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::http::Connection;
use crate::paths::Paths;
use crate::process::{self, BUILD};

const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(15);
/// An operation takes seconds; one that hangs must not hold the bench for ever.
const OPERATION: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(5);
const FIRST_ADMIN: &str = "bench";
const PASSWORD: &str = "sixteen-looms-and-a-shuttle";

/// A running portal with an admin who is signed in.
pub struct Portal {
    child: Child,
    pub address: SocketAddr,
    /// Thrown away at the end, with whatever is put there.
    pub folder: PathBuf,
    cookie: Option<String>,
    /// From the start of the process until it was ready.
    pub ready: Duration,
}

/// Which build of the portal is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// What is shipped.
    Release,
    /// What `cargo xtask run` starts.
    Run,
}

/// Builds the portal's binary; `features` are those of the crate `server`.
pub fn build(paths: &Paths, build: Build, features: &[&str]) -> Result<PathBuf> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--package", "server"]);
    let folder = match build {
        Build::Release => "release",
        Build::Run => "debug",
    };
    if build == Build::Release {
        cargo.arg("--release");
    }
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
    }
    process::run(cargo.current_dir(&paths.root).env("CARGO_TARGET_DIR", &paths.target), BUILD)?;
    Ok(paths.target.join(folder).join("heddle"))
}

impl Portal {
    /// Starts a portal on an empty database and waits until it is ready.
    pub fn start(paths: &Paths, program: &Path, engine: Option<&str>) -> Result<Self> {
        let address = free_address()?;
        let folder =
            std::env::temp_dir().join(format!("heddle-bench-{}-{}", std::process::id(), address.port()));
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let log = fs::File::create(folder.join("log")).context("the portal's log cannot be written")?;
        let mut command = Command::new(program);
        command
            .args(["--listen", &address.to_string(), "--data"])
            .arg(folder.join("data"))
            .env("LEPTOS_OUTPUT_NAME", "heddle")
            .env("LEPTOS_SITE_ROOT", paths.site())
            .env("HEDDLE_SITE", paths.site())
            .stdout(Stdio::null())
            .stderr(log);
        if let Some(engine) = engine {
            command.args(["--local-engine", engine]);
        }
        let begin = Instant::now();
        let child = process::start(&mut command)?;
        let mut portal = Self { child, address, folder, cookie: None, ready: Duration::ZERO };
        loop {
            if portal.is_ready() {
                portal.ready = begin.elapsed();
                return Ok(portal);
            }
            if begin.elapsed() > START || process::stopping() || portal.child.try_wait()?.is_some() {
                bail!("the portal did not become ready: {}", process::last_lines(&portal.log(), 10));
            }
            thread::sleep(POLL);
        }
    }

    fn is_ready(&self) -> bool {
        let answer =
            Connection::open(self.address, None).and_then(|mut connection| connection.get("/readyz"));
        answer.is_ok_and(|answer| answer.status == 200)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything that it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Makes the first admin with the token that the portal printed, and stays signed in.
    pub fn sign_in(&mut self) -> Result<()> {
        let log = self.log();
        let (_, rest) = log.split_once("setup token ").context("the portal printed no setup token")?;
        let token: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
        let form = format!("token={token}&name={FIRST_ADMIN}&password={PASSWORD}");
        let mut connection = Connection::open(self.address, None)?;
        let answer =
            connection.post("/api/setup_admin", "application/x-www-form-urlencoded", form.as_bytes())?;
        if answer.cookie.is_none() {
            bail!("set-up is refused: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        self.cookie = answer.cookie;
        Ok(())
    }

    /// The installation's id, which stands in the name of the cookie of whoever is signed in.
    pub fn installation(&self) -> Result<&str> {
        let name = self.cookie.as_deref().and_then(|cookie| cookie.strip_prefix("heddle_sid_"));
        let id = name.and_then(|name| name.split_once('=')).map(|(id, _)| id);
        id.context("nobody is signed in, or the cookie has another name")
    }

    /// A connection of the signed-in admin.
    pub fn connect(&self) -> Result<Connection> {
        Connection::open(self.address, self.cookie.clone())
    }

    /// Calls a server function once.
    pub fn call(&self, function: &str, arguments: &Value) -> Result<Value> {
        call(&mut self.connect()?, function, arguments)
    }

    /// The same for what asks for the password again: as somebody who has just signed in.
    pub fn call_proved(&self, function: &str, arguments: &Value) -> Result<Value> {
        let form = format!("name={FIRST_ADMIN}&password={PASSWORD}&next=/");
        let mut connection = Connection::open(self.address, None)?;
        let answer =
            connection.post("/api/session_create", "application/x-www-form-urlencoded", form.as_bytes())?;
        if answer.cookie.is_none() {
            bail!("the sign-in is refused: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        call(&mut Connection::open(self.address, answer.cookie)?, function, arguments)
    }

    /// Adds the engine that the portal was started with, and returns the host's id.
    pub fn add_host(&self) -> Result<Value> {
        let offers = self.call("host_local_offer", &json!({}))?;
        Ok(self.call("host_add", &json!({ "spec": offers[0], "credentials": null }))?["id"].clone())
    }

    /// Waits until an operation is done; an operation that fails fails the bench.
    pub fn finish(&self, operation: &Value) -> Result<()> {
        let begin = Instant::now();
        let mut connection = self.connect()?;
        loop {
            let view = call(&mut connection, "operation_read", &json!({ "id": operation }))?;
            match view["summary"]["state"].as_str() {
                Some("done") => return Ok(()),
                Some("failed" | "undone") => bail!("an operation failed: {}", view["failure"]),
                _ => {}
            }
            if begin.elapsed() > OPERATION || process::stopping() {
                bail!("an operation is not done after {} s: {}", begin.elapsed().as_secs(), view["steps"]);
            }
            thread::sleep(POLL);
        }
    }

    /// Names of an operation's steps with the seconds that each took.
    pub fn steps(&self, operation: &Value) -> Result<Vec<(String, f64)>> {
        let view = self.call("operation_read", &json!({ "id": operation }))?;
        let mut steps = Vec::new();
        for step in view["steps"].as_array().into_iter().flatten() {
            let (Some(begin), Some(end)) = (step["started_ms"].as_f64(), step["ended_ms"].as_f64()) else {
                continue;
            };
            steps.push((step["name"].as_str().unwrap_or_default().to_owned(), (end - begin) / 1_000.0));
        }
        Ok(steps)
    }

    /// Resident memory, in MB (proc(5): VmRSS).
    pub fn memory(&self) -> Result<f64> {
        let file = format!("/proc/{}/status", self.id());
        let text = fs::read_to_string(&file).with_context(|| format!("{file} cannot be read"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().context("VmRSS is no number")?;
        Ok(kib * 1_024.0 / 1e6)
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        // Nothing can be done about a folder or a process that stays; the bench's figures are what matters.
        let _ = process::end(&mut self.child, STOP);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Calls a server function over an open connection and demands success.
pub fn call(connection: &mut Connection, function: &str, arguments: &Value) -> Result<Value> {
    let answer =
        connection.post(&format!("/api/{function}"), "application/json", arguments.to_string().as_bytes())?;
    if answer.status != 200 {
        bail!("{function}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    serde_json::from_slice(&answer.body).with_context(|| format!("the answer of {function} is no JSON"))
}

/// An address that was free a moment ago.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no free port")?;
    listener.local_addr().context("no free port")
}
