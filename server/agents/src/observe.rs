//! What is seen of nodes: status, events, log lines, usage.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::SystemTime;

use domain::node::{Machine, NodeReason};

use crate::NodeRef;

/// What a node does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeState {
    /// It is made but was never started.
    Created,
    /// Its process runs.
    Running,
    /// Its process ended and the host starts it again.
    Restarting,
    /// It ended or was stopped.
    Stopped,
    /// Only its data or its files are on the host.
    Missing,
}

/// Is the data there that the node works on?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DataVolume {
    /// The node keeps none.
    None,
    /// It is there.
    Present,
    /// The node had some and it is gone.
    Missing,
}

/// A node as it is seen on its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// Which node.
    pub node: NodeRef,
    /// What it is, as the specification said.
    pub kind: String,
    /// The operation that made it.
    pub operation: String,
    /// What it does.
    pub state: NodeState,
    /// When its process started last, RFC 3339.
    pub started_at: Option<String>,
    /// How its last process ended; only when it is not running.
    pub exit_code: Option<i64>,
    /// Why it does not run, or what threatens it while it does, when the host told.
    pub reason: Option<NodeReason>,
    /// The machine that it runs on, of a host that is made of several.
    pub machine: Option<Machine>,
    /// Its data.
    pub data_volume: DataVolume,
    /// Node port → address at which it is published outside of its host. A port that is only assigned may have none:
    /// whatever the host, the portal reaches every port by `Agent::connect`.
    pub ports: BTreeMap<u16, SocketAddr>,
    /// Where clients reach its ports, where that is not the host's address: name or IP and port, by the node's own port.
    pub reached: BTreeMap<u16, (String, u16)>,
    /// Content id of the image it runs.
    pub image_id: Option<String>,
    /// How often the host started it again by itself.
    pub restarts: u32,
    /// Fingerprint of the specification it was made from.
    pub fingerprint: Option<String>,
}

/// What happened to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeChange {
    /// It was made.
    Created,
    /// Its process started.
    Started,
    /// While its process runs it began, or ceased, to say that it is well. Only hosts that ask their nodes tell it.
    Readiness,
    /// Its process ended, with the exit code when the host told it.
    Ended(Option<i64>),
    /// It was killed for want of memory.
    OutOfMemory,
    /// It was removed.
    Removed,
}

/// A message of `watch_nodes`. Never act on its content alone: list, then compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeEvent {
    /// The watch began, or began anew after an interruption: list now.
    Resync,
    /// Something happened to a node.
    Changed {
        /// Which node.
        node: NodeRef,
        /// What happened.
        change: NodeChange,
    },
    /// The host cannot be watched at this moment; a `Resync` follows when it can.
    Interrupted(String),
}

/// Which lines to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Only so many last lines; `None` reads all that the host kept.
    pub tail: Option<u32>,
    /// Go on with new lines until the stream is dropped or the node is removed.
    pub follow: bool,
    /// Only lines from this moment on.
    pub since: Option<SystemTime>,
    /// The lines of the process before the one that runs now, where the host keeps them apart; none of its own then. A
    /// host that has all of a node's lines in one stream shows that.
    pub previous: bool,
}

/// Which of its two outputs a node printed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogSource {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// One line that a node printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Which output.
    pub source: LogSource,
    /// When the host received it, RFC 3339 with nanoseconds.
    pub time: Option<String>,
    /// The line without its end; bytes that are not UTF-8 are replaced.
    pub text: String,
}

/// What a node uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeStats {
    /// Thousandths of one processor, averaged since the last look (or over about a second at the first).
    pub cpu_milli: u32,
    /// Memory in bytes without file cache that can be dropped.
    pub memory_bytes: u64,
    /// The most it may use, in bytes.
    pub memory_limit: u64,
}

/// What was removed, for the operation's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Names of nodes' containers or pods.
    pub nodes: Vec<String>,
    /// Names of volumes.
    pub volumes: Vec<String>,
    /// Names of networks or of what else the nodes shared.
    pub networks: Vec<String>,
    /// What was not removed because it was to be kept: where it is now, for people.
    pub kept: Vec<String>,
}

impl Removed {
    /// True when there was nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.volumes.is_empty() && self.networks.is_empty() && self.kept.is_empty()
    }
}
