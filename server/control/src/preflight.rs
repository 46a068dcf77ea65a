//! What is looked at before a chain is created: each item passes, warns or fails, with its fix; one that fails blocks
//! the creation. Nothing is changed here and nothing is claimed: the operation decides again when it runs.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use agents::{Agent, AgentError, EngineFacts, ProbeStage, Selector};
use domain::chain::{ChainPlanView, ChainSpec, CheckKind, CheckView, NodeResources, Verdict};
use domain::host::{HostSpec, PORTS_PER_CHAIN, SYSTEM_PORT_FIRST, SYSTEM_PORT_LAST};
use domain::{Code, Error};
use store::{ClaimRecord, HostRecord};

use crate::ControlPlane;
use crate::host::probe::{facts_view, mib, stored_error};
use crate::topology;

mod images;
mod rehearsal;
mod rows;

/// Blocks without foreign ports that are looked for: the lowest, and one more for a claim that comes in between.
const CLEAN_BLOCKS: usize = 2;
/// A skew that is worth telling …
const SKEW_WARN_S: u64 = 5;
/// … and one with which certificates and transactions are refused.
const SKEW_FAIL_S: u64 = 300;
/// Disk space that a node needs at first, with room for its first blocks.
const DISK_PER_NODE_MIB: u64 = 100;
/// A host that has not said by then how it would take the nodes is not waited for: all else is shown without it.
const REHEARSAL_MAX: Duration = Duration::from_secs(30);

impl ControlPlane {
    /// The plan of a chain and everything that speaks for or against it.
    pub(crate) async fn plan_view(
        &self,
        spec: &ChainSpec,
        host: &HostRecord,
    ) -> Result<ChainPlanView, Error> {
        let claims = self.services.store.host_claims(&host.id).await.map_err(crate::error::store)?;
        let name_taken =
            self.services.store.chain_read(&spec.name).await.map_err(crate::error::store)?.is_some();
        let capacity = capacity_check(claims.len(), &host.spec);
        let agent = match self.services.agent(&host.id).await {
            Ok(agent) => agent,
            Err(error) => return Ok(unreachable(spec, name_taken, capacity, CheckKind::Engine, error)),
        };
        let facts = match agent.probe().await {
            Ok(facts) => facts,
            Err(failure) => {
                let error = stored_error(&host.spec.endpoint, &failure);
                return Ok(unreachable(spec, name_taken, capacity, kind_of(failure.stage), error));
            }
        };
        let agent = agent.as_ref();
        let (left, block, images) = tokio::join!(
            self.leftovers(agent, spec),
            free_block(agent, host, &claims),
            images::look(&self.services, host, agent, spec, &facts.architecture),
        );
        let (block, ports) = ports_check(host, block.map_err(crate::error::agent)?);
        let images = images?;
        let plan = topology::plan(spec, &host.spec, block)?;
        let tried = rehearsal::nodes(&self.services.installation, &plan, &images);
        let (tried, unasked) = rehearsal::ask(agent, &tried, REHEARSAL_MAX).await;
        let nodes = u64::try_from(plan.nodes.len()).unwrap_or(u64::MAX);
        let (memory_mib, disk_mib) =
            (nodes * u64::from(spec.resources.memory_mib), nodes * DISK_PER_NODE_MIB + images.to_pull_mib());
        let mut checks = vec![
            names_check(spec, name_taken, left?),
            capacity,
            passed(CheckKind::Engine, format!("{} {}", facts.operating_system, facts.version)),
            passed(CheckKind::ApiVersion, facts.api_version.clone()),
        ];
        checks.extend(rows::permissions(&facts));
        checks.extend(rows::storage(&facts));
        checks.extend([images.check(), ports]);
        checks.extend(unasked.or_else(|| rows::rules(&tried)));
        checks.extend(tried.room.as_ref().map(rows::cpu));
        let is_cluster = host.spec.endpoint.is_cluster();
        if let Err(low) = cpus_check(spec.resources, &facts, is_cluster) {
            checks.push(verdict(CheckKind::Cpu, Some(low), format!("{} m", spec.resources.cpu_milli)));
        }
        let memory = memory_check(memory_mib, u64::from(spec.resources.memory_mib), &facts);
        checks.push(match &tried.room {
            Some(room) => rows::worse(memory, rows::memory(room)),
            None => memory,
        });
        // Where a cluster keeps data is no disk of its machines: each node asks for a volume of its own.
        if !is_cluster {
            checks.push(disk_check(disk_mib, facts.disk_free_bytes.map(mib)));
        }
        checks.push(clock_check(&facts));
        let nodes = images.nodes(&plan);
        Ok(ChainPlanView { port_block: block, nodes, checks, facts: Some(facts_view(&facts)) })
    }

    /// Refuses a chain for the first item of its pre-flight that fails.
    pub(crate) async fn preflight(&self, spec: &ChainSpec, host: &HostRecord) -> Result<(), Error> {
        let plan = self.plan_view(spec, host).await?;
        let mut failed = plan.checks.into_iter().filter(|check| check.verdict == Verdict::Fail);
        failed.find_map(|check| check.problem).map_or(Ok(()), Err)
    }

    /// Objects of ours on the host that belong to a chain of this name.
    async fn leftovers(&self, agent: &dyn Agent, spec: &ChainSpec) -> Result<usize, Error> {
        let selector =
            Selector { installation: self.services.installation.clone(), chain: Some(spec.name.to_string()) };
        Ok(agent.list_nodes(&selector).await.map_err(crate::error::agent)?.len())
    }
}

/// The blocks that somebody else uses: with a port of a container, or with one on which a process answers. Looking
/// stops at the first blocks that are clean; what lies behind them is not needed.
pub(crate) async fn busy_blocks(
    agent: &dyn Agent,
    blocks: &[u16],
    claimed: &[u16],
) -> Result<Vec<u16>, AgentError> {
    let used = agent.used_ports().await?;
    let (mut busy, mut clean) = (Vec::new(), 0);
    for block in blocks.iter().copied().filter(|block| !claimed.contains(block)) {
        if clean >= CLEAN_BLOCKS {
            // What containers hold is known anyway.
            if holds_any(block, &used) {
                busy.push(block);
            }
        } else if holds_any(block, &used) || answers(agent, block).await? {
            busy.push(block);
        } else {
            clean += 1;
        }
    }
    Ok(busy)
}

fn holds_any(block: u16, ports: &BTreeSet<u16>) -> bool {
    ports.range(block..=block + (PORTS_PER_CHAIN - 1)).next().is_some()
}

async fn answers(agent: &dyn Agent, block: u16) -> Result<bool, AgentError> {
    let ports: Vec<u16> = (block..=block + (PORTS_PER_CHAIN - 1)).collect();
    Ok(!agent.answering_ports(&ports).await?.is_empty())
}

/// The block that a chain would get now.
async fn free_block(
    agent: &dyn Agent,
    host: &HostRecord,
    claims: &[ClaimRecord],
) -> Result<Option<u16>, AgentError> {
    let blocks: Vec<u16> = host.spec.blocks().collect();
    let claimed: Vec<u16> = claims.iter().map(|claim| claim.block).collect();
    let busy = busy_blocks(agent, &blocks, &claimed).await?;
    Ok(blocks.into_iter().find(|block| !claimed.contains(block) && !busy.contains(block)))
}

fn ports_check(host: &HostRecord, free: Option<u16>) -> (u16, CheckView) {
    let block = free.unwrap_or(host.spec.port_first);
    let last = block + (PORTS_PER_CHAIN - 1);
    let fact = format!("{block}–{last}");
    let check = if free.is_none() {
        verdict(CheckKind::Ports, Some(Error::conflict(Code::HostPortsUsed)), fact)
    } else if !host.spec.endpoint.is_cluster() && block <= SYSTEM_PORT_LAST && last >= SYSTEM_PORT_FIRST {
        // They are free now, and any of them may be gone when a node is started again.
        let given = Error::conflict(Code::HostPortsGiven).with("first", SYSTEM_PORT_FIRST);
        item(CheckKind::Ports, Verdict::Warn, Some(given.with("last", SYSTEM_PORT_LAST)), fact)
    } else {
        passed(CheckKind::Ports, fact)
    };
    (block, check)
}

/// A host that does not answer, or lacks what it needs: what can be told without it.
fn unreachable(
    spec: &ChainSpec,
    name_taken: bool,
    capacity: CheckView,
    kind: CheckKind,
    error: Error,
) -> ChainPlanView {
    let checks = vec![names_check(spec, name_taken, 0), capacity, verdict(kind, Some(error), String::new())];
    ChainPlanView { port_block: 0, nodes: Vec::new(), checks, facts: None }
}

/// The item that a test of the connection stops at.
fn kind_of(stage: ProbeStage) -> CheckKind {
    match stage {
        ProbeStage::Permission => CheckKind::Permissions,
        ProbeStage::Storage => CheckKind::Storage,
        ProbeStage::Capacity => CheckKind::Cpu,
        ProbeStage::ApiVersion => CheckKind::ApiVersion,
        ProbeStage::Address
        | ProbeStage::Tcp
        | ProbeStage::Tls
        | ProbeStage::Authentication
        | ProbeStage::Engine => CheckKind::Engine,
    }
}

fn names_check(spec: &ChainSpec, taken: bool, left: usize) -> CheckView {
    let refusal = if taken {
        Some(Error::conflict(Code::ChainNameTaken).with("name", &spec.name).on("name"))
    } else {
        (left > 0).then(|| Error::conflict(Code::HostHasLeftovers).with("count", left).on("name"))
    };
    verdict(CheckKind::Names, refusal, spec.name.to_string())
}

fn capacity_check(held: usize, host: &HostSpec) -> CheckView {
    let capacity = host.capacity;
    let refusal = if host.schedulable {
        let full = held >= usize::from(capacity);
        full.then(|| Error::conflict(Code::HostFull).with("capacity", capacity))
    } else {
        Some(Error::conflict(Code::HostNotSchedulable))
    };
    verdict(CheckKind::Capacity, refusal, format!("{held}/{capacity}"))
}

/// Limits are not reservations: all nodes together may want more than there is, one alone may not, and it runs on one
/// machine, whatever all of them have.
fn memory_check(wanted: u64, of_one: u64, facts: &EngineFacts) -> CheckView {
    let fact = format!("{wanted} MiB");
    // One machine is all of the host: then that is told below.
    let largest = facts.memory_largest_bytes.filter(|_| facts.memory_largest_bytes != facts.memory_bytes);
    if let Some(largest) = largest.map(mib).filter(|largest| *largest < of_one) {
        let low = Error::conflict(Code::MachineMemoryLow).with("wanted", of_one).with("has", largest);
        return verdict(CheckKind::Memory, Some(low), fact);
    }
    match facts.memory_bytes.map(mib) {
        None => {
            let unknown = Error::unavailable(Code::MemoryUnknown).with("wanted", wanted);
            item(CheckKind::Memory, Verdict::Warn, Some(unknown), fact)
        }
        Some(has) if has >= wanted => passed(CheckKind::Memory, format!("{wanted} / {has} MiB")),
        Some(has) => {
            let low = Error::conflict(Code::MemoryLow).with("wanted", wanted).with("has", has);
            let verdict = if has < of_one { Verdict::Fail } else { Verdict::Warn };
            item(CheckKind::Memory, verdict, Some(low), fact)
        }
    }
}

/// Refuses what no machine of a host could give to one node. What others have of it is no matter: limits are not
/// reservations. How many of its processors a cluster gives is told by the cluster itself.
pub(crate) fn room_check(wanted: NodeResources, facts: &EngineFacts, is_cluster: bool) -> Result<(), Error> {
    let of_one = u64::from(wanted.memory_mib);
    let memory = memory_check(of_one, of_one, facts);
    if let Some(low) = memory.problem.filter(|_| memory.verdict == Verdict::Fail) {
        return Err(low.on("memory_mib"));
    }
    cpus_check(wanted, facts, is_cluster)
}

/// Refuses more processors than there are on a host that is one machine: it would not make such a node.
fn cpus_check(wanted: NodeResources, facts: &EngineFacts, is_cluster: bool) -> Result<(), Error> {
    match facts.cpus.filter(|_| !is_cluster) {
        Some(has) if wanted.cpu_milli > has.saturating_mul(1_000) => {
            let low = Error::conflict(Code::CpusLow).with("wanted", wanted.cpu_milli);
            Err(low.with("has", has.saturating_mul(1_000)).on("cpu_milli"))
        }
        _ => Ok(()),
    }
}

fn disk_check(wanted: u64, free: Option<u64>) -> CheckView {
    let fact = format!("{wanted} MiB");
    match free {
        None => {
            let unknown = Error::unavailable(Code::DiskUnknown).with("wanted", wanted);
            item(CheckKind::Disk, Verdict::Warn, Some(unknown), fact)
        }
        Some(free) if free >= wanted * 2 => passed(CheckKind::Disk, format!("{wanted} / {free} MiB")),
        Some(free) => {
            let low = Error::conflict(Code::DiskLow).with("wanted", wanted).with("free", free);
            let verdict = if free < wanted { Verdict::Fail } else { Verdict::Warn };
            item(CheckKind::Disk, verdict, Some(low), fact)
        }
    }
}

fn clock_check(facts: &EngineFacts) -> CheckView {
    let Some(clock) = facts.clock else {
        let unknown = Error::unavailable(Code::ClockUnknown);
        return item(CheckKind::Clock, Verdict::Warn, Some(unknown), String::new());
    };
    let seconds = apart(clock, facts.asked_at);
    let fact = format!("{seconds} s");
    let problem = || Some(Error::conflict(Code::ClockApart).with("seconds", seconds));
    match seconds {
        0..SKEW_WARN_S => passed(CheckKind::Clock, fact),
        SKEW_WARN_S..SKEW_FAIL_S => item(CheckKind::Clock, Verdict::Warn, problem(), fact),
        SKEW_FAIL_S.. => item(CheckKind::Clock, Verdict::Fail, problem(), fact),
    }
}

fn apart(one: SystemTime, other: SystemTime) -> u64 {
    one.duration_since(other).unwrap_or_else(|early| early.duration()).as_secs()
}

fn passed(kind: CheckKind, fact: String) -> CheckView {
    item(kind, Verdict::Pass, None, fact)
}

/// Fails with a problem, passes without.
fn verdict(kind: CheckKind, problem: Option<Error>, fact: String) -> CheckView {
    let verdict = if problem.is_some() { Verdict::Fail } else { Verdict::Pass };
    item(kind, verdict, problem, fact)
}

fn item(kind: CheckKind, verdict: Verdict, problem: Option<Error>, fact: String) -> CheckView {
    CheckView { kind, verdict, problem, fact }
}

#[cfg(test)]
mod tests;
