//! Where a cluster of the test bed lies, and which processes are its own.
//!
//! Every process is written down as soon as it runs, so that a later run ends a cluster of which this program saw only
//! the beginning. Nothing here starts or ends anything.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::fingerprint::sha256;
use crate::outliving::{alive, began};
use crate::paths::Paths;

/// How many clusters can run at once, each for a clone of its own.
pub const SLOTS: usize = 4;

/// The most nodes of one cluster.
pub const NODES_MAX: usize = 4;

/// The place of one cluster: folders, addresses, and the names by which the kernel knows what is its own.
#[derive(Clone, Debug)]
pub struct Slot {
    number: usize,
    /// In the cache folder: state, logs, the database and the nodes' data.
    pub folder: PathBuf,
    /// Private and short-lived: sockets, keys, configurations.
    pub runtime: PathBuf,
    key: String,
}

impl Slot {
    pub fn new(paths: &Paths, number: usize) -> Self {
        let folder = paths.cache.join("cluster").join(number.to_string());
        // Short, because the address of a socket has at most 107 bytes; per cache folder, because two users must not
        // meet under one name.
        let key = sha256(folder.as_os_str().as_encoded_bytes())[..8].to_owned();
        let runtime = PathBuf::from(format!("/tmp/heddle-cluster-{key}"));
        Self { number, folder, runtime, key }
    }

    pub fn all(paths: &Paths) -> Vec<Self> {
        (0..SLOTS).map(|number| Self::new(paths, number)).collect()
    }

    /// An address of the network that joins this machine, the control plane and the nodes. The range is one that is set
    /// aside for measurements and never routed: RFC 2544.
    pub fn address(&self, host: usize) -> String {
        format!("198.19.{}.{host}", self.number)
    }

    /// The cluster's interface on this machine; at most 15 characters.
    pub fn link(&self) -> String {
        format!("hdl-{}", self.key)
    }

    /// Under this name the kernel counts what pods use.
    pub fn group(&self) -> String {
        format!("heddle-cluster-{}", self.key)
    }

    /// An argument of every process that holds namespaces: by it those are found of which nothing was written down.
    pub fn marker(&self) -> String {
        format!("heddle-cluster-{}-holder", self.key)
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.runtime.join("admin.yaml")
    }

    pub fn log(&self, space: &str, program: &str) -> PathBuf {
        self.folder.join("log").join(format!("{space}-{program}.log"))
    }

    fn file(&self) -> PathBuf {
        self.folder.join("state.json")
    }
}

/// What is written down of a cluster.
#[derive(Debug, Default)]
pub struct State {
    /// The clone whose cluster it is.
    pub root: String,
    pub nodes: usize,
    /// False until everything answered once.
    pub ready: bool,
    /// Which set of images the nodes have.
    pub images: String,
    processes: Vec<Value>,
}

impl State {
    pub fn read(slot: &Slot) -> Self {
        let text = fs::read_to_string(slot.file()).unwrap_or_default();
        Self::parse(&serde_json::from_str(&text).unwrap_or_default())
    }

    fn parse(value: &Value) -> Self {
        let nodes = value["nodes"].as_u64().and_then(|count| usize::try_from(count).ok());
        Self {
            root: value["root"].as_str().unwrap_or_default().to_owned(),
            nodes: nodes.unwrap_or_default(),
            ready: value["ready"].as_bool().unwrap_or_default(),
            images: value["images"].as_str().unwrap_or_default().to_owned(),
            processes: value["processes"].as_array().cloned().unwrap_or_default(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "root": self.root,
            "nodes": self.nodes,
            "ready": self.ready,
            "images": self.images,
            "processes": self.processes,
        })
    }

    /// Those of the cluster's processes that still run.
    pub fn alive(&self) -> Vec<u32> {
        self.processes.iter().filter_map(alive).collect()
    }

    /// True when everything answered once and runs still.
    pub fn is_whole(&self) -> bool {
        self.ready && self.is_intact()
    }

    /// True while every process runs that was ever started.
    fn is_intact(&self) -> bool {
        self.alive().len() == self.processes.len()
    }

    /// The process of this name, if it runs.
    pub fn process(&self, name: &str) -> Option<u32> {
        self.processes.iter().filter(|process| process["name"].as_str() == Some(name)).find_map(alive)
    }
}

/// The state of a cluster that is being raised, on disk at every moment.
pub struct Record {
    pub slot: Slot,
    state: Mutex<State>,
}

impl Record {
    /// Begins anew.
    pub fn begin(slot: Slot, root: &Path, nodes: usize) -> Result<Self> {
        let state = State { root: root.display().to_string(), nodes, ..State::default() };
        let record = Self { slot, state: Mutex::new(state) };
        record.change(|_| {})?;
        Ok(record)
    }

    /// Goes on with what is written down.
    pub fn resume(slot: Slot) -> Self {
        let state = Mutex::new(State::read(&slot));
        Self { slot, state }
    }

    /// Writes down a process that was just started.
    pub fn add(&self, name: &str, pid: u32) -> Result<()> {
        self.change(|state| {
            state.processes.push(json!({ "name": name, "pid": pid, "began": began(pid) }));
        })
    }

    /// True while every process runs that was ever started.
    pub fn is_intact(&self) -> bool {
        self.state.lock().is_ok_and(|state| state.is_intact())
    }

    /// Changes the state, on disk too. The file is whole at every moment.
    pub fn change(&self, change: impl FnOnce(&mut State)) -> Result<()> {
        let mut state = self.state.lock().map_err(|_| anyhow::anyhow!("another thread failed"))?;
        change(&mut state);
        let fresh = self.slot.file().with_extension("new");
        fs::write(&fresh, state.json().to_string()).context("the cluster's state cannot be written")?;
        fs::rename(&fresh, self.slot.file()).context("the cluster's state cannot be moved into place")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(folder: &Path, number: usize) -> Slot {
        let folder = folder.to_owned();
        Slot::new(&Paths { root: folder.clone(), cache: folder.clone(), target: folder }, number)
    }

    #[test]
    fn names_are_short_and_no_two_are_alike() {
        let deep = PathBuf::from(format!("/{}", "deep/".repeat(40)));
        let all: Vec<Slot> = (0..SLOTS).map(|number| slot(&deep, number)).collect();
        for (number, one) in all.iter().enumerate() {
            assert!(one.link().len() <= 15 && one.runtime.as_os_str().len() < 60, "{one:?}");
            assert_eq!(one.address(10), format!("198.19.{number}.10"));
            let others = all.iter().filter(|other| other.number != number);
            assert!(others.into_iter().all(|other| other.link() != one.link()));
        }
        assert_ne!(slot(Path::new("/a"), 0).link(), slot(Path::new("/b"), 0).link());
    }

    #[test]
    fn what_was_started_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let slot = slot(folder.path(), 0);
        fs::create_dir_all(&slot.folder).unwrap();
        let record = Record::begin(slot.clone(), Path::new("/clone"), 2).unwrap();
        let own = std::process::id();
        record.add("holder", own).unwrap();
        assert!(!State::read(&slot).is_whole(), "it never answered");
        record.change(|state| state.ready = true).unwrap();
        let state = State::read(&slot);
        assert_eq!((state.root.as_str(), state.nodes, state.alive()), ("/clone", 2, vec![own]));
        assert!(state.is_whole());
        assert_eq!((state.process("holder"), state.process("other")), (Some(own), None));
        // A number that no process can have.
        Record::resume(slot.clone()).add("ended", u32::MAX).unwrap();
        let state = State::read(&slot);
        assert!(!state.is_whole());
        assert_eq!(state.alive(), [own]);
    }

    #[test]
    fn nothing_written_down_is_nothing_running() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::read(&slot(folder.path(), 0));
        assert!(state.alive().is_empty() && !state.is_whole() && state.root.is_empty());
    }
}
