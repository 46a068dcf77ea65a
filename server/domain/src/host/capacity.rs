//! How full a host is: by chains, which an admin bounds, and by what its nodes may use of the machine. What an engine does
//! not tell is missing and never taken for nothing.

use serde::{Deserialize, Serialize};

use super::{HostFacts, HostState};
use crate::id::HostId;
use crate::name::HostName;

/// What is given to nodes, beside what there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// The limits of all nodes together. A limit is no reservation: it may be more than there is.
    pub limits: u64,
    /// None: the engine does not tell.
    pub has: Option<u64>,
}

/// What the nodes on a host use at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostUsage {
    /// Nodes that run, containers of chaincode among them …
    pub running: u32,
    /// … and those of them of which the engine told what they use.
    pub measured: u32,
    /// Thousandths of a core, of those that were measured.
    pub cpu_milli: u64,
    pub memory_mib: u64,
}

/// How full a host is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCapacity {
    pub id: HostId,
    pub name: HostName,
    pub state: HostState,
    pub schedulable: bool,
    /// Most chains at once.
    pub capacity: u16,
    /// Places that chains take.
    pub held: u16,
    /// Chains of the pool without an owner.
    pub free: u16,
    /// Chains that have an owner.
    pub owned: u16,
    /// Chains that were not made for the pool and have none.
    pub others: u16,
    /// Nodes of all these chains, whether they run or not; containers of chaincode are none of them.
    pub nodes: u32,
    /// Thousandths of a core.
    pub cpu_milli: Given,
    pub memory_mib: Given,
    /// Free space where data lies; none: the engine does not tell.
    pub disk_free_mib: Option<u64>,
    /// None: nobody has asked, or the host does not answer.
    pub used: Option<HostUsage>,
}

impl HostFacts {
    /// Thousandths of all cores; none: the engine does not tell.
    pub fn cpu_milli(&self) -> Option<u64> {
        (self.cpus > 0).then(|| u64::from(self.cpus).saturating_mul(1_000))
    }

    /// All memory; none: the engine does not tell.
    pub fn memory_told_mib(&self) -> Option<u64> {
        (self.memory_mib > 0).then_some(self.memory_mib)
    }
}
