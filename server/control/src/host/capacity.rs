//! How full hosts are. What is given to nodes stands in the plans of their chains, what there is was told by the engine
//! when it was last looked at; neither asks a host. Only the page of one host asks it what its nodes use.

use std::sync::Arc;

use agents::{NodeRef, NodeStats, Selector};
use domain::Error;
use domain::host::HostState;
use domain::host::capacity::{Given, HostCapacity, HostUsage};
use domain::id::HostId;
use domain::list::{ListPage, ListQuery};
use domain::node::NodeState;
use domain::permission::{Action, Noun};
use store::{ChainRecord, HostRecord};

use super::page::{FILTERS, SORTS};
use super::probe::mib;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::chain::plan_of;
use crate::node::{listed, state_of};
use crate::operations::side_by_side;
use crate::policy::{self, Resource};

/// Most hosts of a page: the chains of each are read.
const HOSTS_MAX: u32 = 50;
/// Most nodes of a host that are asked about for one page. Of more none is: a part of a sum tells nothing.
const NODES_MAX: usize = 64;

impl ControlPlane {
    /// A page of the hosts with how full each is. What their nodes use is not asked for.
    pub async fn host_capacity_page(
        &self,
        caller: &Caller,
        query: ListQuery,
    ) -> Result<ListPage<HostCapacity>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Host))?;
        query.check(&SORTS, &FILTERS)?;
        let limit = query.limit().min(HOSTS_MAX);
        let page = self.services.store.host_page(&query, limit).await.map_err(crate::error::store)?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for host in &page.rows {
            rows.push(self.capacity_of(host).await?);
        }
        Ok(ListPage { rows, next: page.next })
    }

    /// How full a host is, and what its nodes use.
    pub async fn host_capacity(&self, caller: &Caller, id: &HostId) -> Result<HostCapacity, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Host))?;
        let host = self.host_record(id).await?;
        let (capacity, used) = futures::join!(self.capacity_of(&host), self.usage_on(&host));
        Ok(HostCapacity { used, ..capacity? })
    }

    async fn capacity_of(&self, host: &HostRecord) -> Result<HostCapacity, Error> {
        let store = &self.services.store;
        let chains = store.chains_on(&host.id).await.map_err(crate::error::store)?;
        let held = store.host_claims(&host.id).await.map_err(crate::error::store)?.len();
        let count = |of: fn(&ChainRecord) -> bool| small(chains.iter().filter(|chain| of(chain)).count());
        let (nodes, cpu_milli, memory_mib) = limits(&host.id, &chains);
        let facts = host.status.facts.as_ref();
        Ok(HostCapacity {
            id: host.id.clone(),
            name: host.spec.name.clone(),
            state: host.status.state,
            schedulable: host.spec.schedulable,
            capacity: host.spec.capacity,
            held: small(held),
            free: count(|chain| chain.owner.is_none() && chain.pool.is_some()),
            owned: count(|chain| chain.owner.is_some()),
            others: count(|chain| chain.owner.is_none() && chain.pool.is_none()),
            nodes,
            cpu_milli: Given { limits: cpu_milli, has: facts.and_then(|facts| facts.cpu_milli()) },
            memory_mib: Given { limits: memory_mib, has: facts.and_then(|facts| facts.memory_told_mib()) },
            disk_free_mib: facts.and_then(|facts| facts.disk_free_mib),
            used: None,
        })
    }

    /// What the nodes on a host use; none while the host does not answer.
    async fn usage_on(&self, host: &HostRecord) -> Option<HostUsage> {
        if host.status.state != HostState::Active {
            return None;
        }
        let agent = self.services.agent(&host.id).await.ok()?;
        let selector = Selector { installation: self.services.installation.clone(), chain: None };
        let statuses = listed(agent.as_ref(), &selector).await?;
        let running = statuses.into_iter().filter(|status| state_of(Some(status)) == NodeState::Running);
        let running: Vec<NodeRef> = running.map(|status| status.node).collect();
        let count = u32::try_from(running.len()).unwrap_or(u32::MAX);
        if running.len() > NODES_MAX {
            return Some(HostUsage { running: count, ..HostUsage::default() });
        }
        let looks =
            running.into_iter().map(|node| self.usages.read(&self.services, Arc::clone(&agent), node));
        let told = side_by_side(looks.collect()).await;
        Some(sum(count, told.into_iter().flatten()))
    }
}

/// How many nodes chains have on a host, and what these may use together: thousandths of a core, and MiB.
fn limits(host: &HostId, chains: &[ChainRecord]) -> (u32, u64, u64) {
    let (mut nodes, mut cpu_milli, mut memory_mib) = (0_u32, 0_u64, 0_u64);
    // A chain without a plan has no nodes yet.
    for plan in chains.iter().filter_map(|chain| plan_of(chain).ok().flatten()) {
        for node in plan.nodes.iter().filter(|node| node.host == *host) {
            let own = plan.resources_of(node);
            nodes = nodes.saturating_add(1);
            cpu_milli = cpu_milli.saturating_add(u64::from(own.cpu_milli));
            memory_mib = memory_mib.saturating_add(u64::from(own.memory_mib));
        }
    }
    (nodes, cpu_milli, memory_mib)
}

fn sum(running: u32, told: impl Iterator<Item = NodeStats>) -> HostUsage {
    let (mut used, mut bytes) = (HostUsage { running, ..HostUsage::default() }, 0_u64);
    for stats in told {
        used.measured = used.measured.saturating_add(1);
        used.cpu_milli = used.cpu_milli.saturating_add(u64::from(stats.cpu_milli));
        bytes = bytes.saturating_add(stats.memory_bytes);
    }
    HostUsage { memory_mib: mib(bytes), ..used }
}

fn small(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}
