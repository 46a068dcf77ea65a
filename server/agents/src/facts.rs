//! What a host tells about itself.

use std::time::SystemTime;

/// Facts about a host that answered; what it did not tell is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineFacts {
    /// The engine's own identity; two endpoints with the same one lead to the same host.
    pub id: String,
    /// The host's own name.
    pub name: String,
    /// Version of the engine.
    pub version: String,
    /// The API version that both sides agreed on.
    pub api_version: String,
    /// The newest API version of the host.
    pub api_version_max: String,
    /// Operating system, for people.
    pub operating_system: String,
    /// CPU architecture in Go's words: `amd64`, `arm64`.
    pub architecture: String,
    /// Number of processors.
    pub cpus: Option<u32>,
    /// Memory in bytes.
    pub memory_bytes: Option<u64>,
    /// Memory of its largest machine in bytes: no node gets more than that. The same where the host is one machine.
    pub memory_largest_bytes: Option<u64>,
    /// Free space where data lives, in bytes.
    pub disk_free_bytes: Option<u64>,
    /// Permissions that were asked about and that it gives; `None` on a host that knows none.
    pub permissions: Option<usize>,
    /// Where the data of nodes will be, for people; `None` where the host keeps it in its own way.
    pub storage: Option<String>,
    /// Containers that run at this moment, ours and others'.
    pub containers_running: Option<u32>,
    /// The host's clock when it answered.
    pub clock: Option<SystemTime>,
    /// The portal's clock at the same moment, for the skew.
    pub asked_at: SystemTime,
    /// What the host complains about.
    pub warnings: Vec<String>,
}
