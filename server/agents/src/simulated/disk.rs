//! What stands in for the processes and disks of simulated nodes: whoever simulates what runs *inside* a node keeps
//! its state here, so that it lives and dies with the node's process and data. Nothing here is a call of the portal:
//! it is not counted and never fails as planned.

use std::collections::BTreeMap;

use super::SimulatedAgent;
use super::world::World;
use crate::{NodeRef, NodeState, Removed};

/// A node's data: how often it was started with it, and what its process wrote.
#[derive(Clone, Default)]
pub(crate) struct Data {
    pub(crate) boots: u32,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl World {
    /// Removes a chain whose data is put aside: it lies in a folder then that no node finds.
    pub(crate) fn release_space(
        &mut self,
        installation: &str,
        chain: &str,
        mark: &str,
        only_part: bool,
    ) -> Removed {
        let mut of_chain =
            self.data.keys().filter(|node| node.installation == installation && node.chain == chain);
        let had_data = of_chain.next().is_some();
        let mut removed = self.remove_space(installation, chain, only_part);
        if had_data && !only_part {
            let folder = kept_place(installation, chain, mark);
            removed.kept.push(folder.clone());
            self.kept.insert(folder);
        }
        removed
    }
}

/// Where the data of a chain comes that is kept.
pub(crate) fn kept_place(installation: &str, chain: &str, mark: &str) -> String {
    format!("{installation}-{chain}--kept-{mark}")
}

impl SimulatedAgent {
    /// Another host on which everything is as on this one now; planned failures are not taken over.
    pub fn fork(&self) -> Self {
        let other = Self::new();
        self.world().copy_to(&mut other.world());
        other
    }

    /// Whether a node's process runs and the host can be reached.
    pub fn runs(&self, node: &NodeRef) -> bool {
        let world = self.world();
        world.reachable && world.nodes.get(node).is_some_and(|found| found.state == NodeState::Running)
    }

    /// Whether a process of the chain runs with this environment variable, and answers.
    pub fn runs_with(&self, installation: &str, chain: &str, variable: &str, value: &str) -> bool {
        let world = self.world();
        world.nodes.iter().any(|(node, found)| {
            let fits = found.spec.environment.get(variable).is_some_and(|own| own == value);
            fits && node.installation == installation
                && node.chain == chain
                && found.state == NodeState::Running
                && world.flaw(node).is_none()
        })
    }

    /// How often a node's process was started on its present data.
    pub fn boots(&self, node: &NodeRef) -> u32 {
        self.world().data.get(node).map_or(0, |data| data.boots)
    }

    /// What the node's process wrote under a name.
    pub fn disk_read(&self, node: &NodeRef, name: &str) -> Option<Vec<u8>> {
        self.world().data.get(node).and_then(|data| data.files.get(name).cloned())
    }

    /// Writes as the node's process; false when it has no data to write to.
    pub fn disk_write(&self, node: &NodeRef, name: &str, content: Vec<u8>) -> bool {
        let mut world = self.world();
        let data = world.data.get_mut(node);
        data.map(|data| data.files.insert(name.to_owned(), content)).is_some()
    }

    /// Names of what the node's process wrote, with this beginning.
    pub fn disk_names(&self, node: &NodeRef, prefix: &str) -> Vec<String> {
        let world = self.world();
        let files = world.data.get(node).map(|data| data.files.keys().cloned().collect::<Vec<_>>());
        files.unwrap_or_default().into_iter().filter(|name| name.starts_with(prefix)).collect()
    }
}
