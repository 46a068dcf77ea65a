//! What a node uses.
//!
//! Processor use is a difference between two looks. The last look is remembered per container, so that only the
//! first one has to wait until the engine has looked twice.

use std::sync::PoisonError;
use std::time::Instant;

use bollard::models::ContainerStatsResponse;
use bollard::query_parameters::StatsOptions;
use futures::StreamExt;

use super::client::Client;
use super::failure::failure;
use super::{REQUEST_MAX, names, status};
use crate::{AgentError, NodeRef, NodeStats};

/// Looks that are remembered; more than that and all are forgotten.
const SAMPLES_MAX: usize = 20_000;

/// One look at a container's processor time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CpuSample {
    at: Instant,
    used_ns: u64,
}

/// Reads what a node uses; zero for one that does not run.
pub(crate) async fn read(client: &Client, node: &NodeRef) -> Result<NodeStats, AgentError> {
    let container = status::require(client, node).await?;
    if !status::is_running(&container) {
        return Ok(NodeStats { cpu_milli: 0, memory_bytes: 0, memory_limit: 0 });
    }
    let id = container.id.unwrap_or_else(|| names::container(node));
    let last = client.cpu.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied();
    let options = StatsOptions { stream: false, one_shot: last.is_some() };
    let docker = client.docker().await?;
    let what = format!("usage of {node}");
    let mut answers = Box::pin(docker.stats(&id, Some(options)));
    let answer = tokio::time::timeout(REQUEST_MAX, answers.next()).await;
    let stats = answer
        .map_err(|_| AgentError::Timeout { what: what.clone(), after: REQUEST_MAX })?
        .ok_or_else(|| AgentError::Engine { status: 0, message: format!("{what}: no answer") })?
        .map_err(|error| failure(&what, error))?;
    let used_ns = cpu_ns(stats.cpu_stats.as_ref()).unwrap_or_default();
    let now = CpuSample { at: Instant::now(), used_ns };
    let cpu_milli = match last {
        Some(last) => {
            let passed_ns = now.at.duration_since(last.at).as_nanos();
            milli(used_ns.saturating_sub(last.used_ns), u64::try_from(passed_ns).unwrap_or(u64::MAX))
        }
        None => first_cpu_milli(&stats),
    };
    let mut samples = client.cpu.lock().unwrap_or_else(PoisonError::into_inner);
    if samples.len() >= SAMPLES_MAX {
        samples.clear();
    }
    samples.insert(id, now);
    drop(samples);
    let memory = stats.memory_stats.unwrap_or_default();
    let detail = memory.stats.unwrap_or_default();
    // Version 1 of control groups counts children under another name.
    let cache = detail
        .get("total_inactive_file")
        .or_else(|| detail.get("inactive_file"))
        .copied()
        .unwrap_or_default();
    Ok(NodeStats {
        cpu_milli,
        memory_bytes: memory.usage.unwrap_or_default().saturating_sub(cache),
        memory_limit: memory.limit.unwrap_or_default(),
    })
}

fn cpu_ns(stats: Option<&bollard::models::ContainerCpuStats>) -> Option<u64> {
    stats?.cpu_usage.as_ref()?.total_usage
}

/// At a first look the engine compares with one of its own, a second earlier, in terms of the whole machine.
fn first_cpu_milli(stats: &ContainerStatsResponse) -> u32 {
    let (Some(now), Some(before)) = (stats.cpu_stats.as_ref(), stats.precpu_stats.as_ref()) else { return 0 };
    let used = cpu_ns(Some(now)).unwrap_or_default().saturating_sub(cpu_ns(Some(before)).unwrap_or_default());
    let machine =
        now.system_cpu_usage.unwrap_or_default().saturating_sub(before.system_cpu_usage.unwrap_or_default());
    let processors = u64::from(now.online_cpus.unwrap_or(1).max(1));
    milli(used, machine / processors)
}

/// Thousandths of one processor: time used against time passed.
fn milli(used_ns: u64, passed_ns: u64) -> u32 {
    if passed_ns == 0 {
        return 0;
    }
    let milli = u128::from(used_ns) * 1000 / u128::from(passed_ns);
    u32::try_from(milli).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_is_time_used_against_time_passed() {
        assert_eq!(milli(500_000_000, 1_000_000_000), 500);
        assert_eq!(milli(2_000_000_000, 1_000_000_000), 2000);
        assert_eq!(milli(1, 0), 0);
        assert_eq!(milli(u64::MAX, 1), u32::MAX);
    }
}
