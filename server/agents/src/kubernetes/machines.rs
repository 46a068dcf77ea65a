//! Which of a cluster's machines would run nodes, and what they have. Pure: it judges what was listed.

use std::collections::{BTreeMap, BTreeSet};

use domain::host::cluster::{ClusterSettings, Toleration};
use k8s_openapi::api::core::v1::{Node as KubeNode, NodeStatus as KubeNodeStatus, Taint};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

/// Conditions of a machine that is short of something.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "memory"),
    ("DiskPressure", "disk space"),
    ("PIDPressure", "processes"),
    ("NetworkUnavailable", "a network"),
];

/// The machine's name.
pub(super) fn name(kube_node: &KubeNode) -> &str {
    kube_node.metadata.name.as_deref().unwrap_or_default()
}

/// Whether the machine is ready to run pods at all.
pub(super) fn is_ready(kube_node: &KubeNode) -> bool {
    has_condition(kube_node, "Ready")
}

/// Whether somebody has closed the machine for new pods.
pub(super) fn is_closed(kube_node: &KubeNode) -> bool {
    kube_node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false)
}

fn has_condition(kube_node: &KubeNode, wanted: &str) -> bool {
    let conditions = kube_node.status.as_ref().and_then(|status| status.conditions.as_deref());
    conditions.unwrap_or_default().iter().any(|one| one.type_ == wanted && one.status == "True")
}

/// Why the machine would not run nodes; `None` when it would.
pub(super) fn hindrance(kube_node: &KubeNode, settings: &ClusterSettings) -> Option<String> {
    let labels = kube_node.metadata.labels.as_ref();
    let carries = |key: &String, value: &String| labels.and_then(|labels| labels.get(key)) == Some(value);
    if let Some((key, value)) = settings.node_selector.iter().find(|(key, value)| !carries(key, value)) {
        return Some(format!("has no label {key}={value}"));
    }
    if !is_ready(kube_node) {
        return Some("is not ready".to_owned());
    }
    if is_closed(kube_node) {
        return Some("is closed for new pods".to_owned());
    }
    let spec = kube_node.spec.as_ref();
    let taints = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    let repels = |taint: &&Taint| {
        taint.effect != "PreferNoSchedule" && !settings.tolerations.iter().any(|one| tolerates(one, taint))
    };
    taints.iter().find(repels).map(|taint| format!("has the taint {}:{}", taint.key, taint.effect))
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let value = taint.value.as_deref().unwrap_or_default();
    (toleration.key.is_empty() || toleration.key == taint.key)
        && toleration.value.as_deref().is_none_or(|wanted| wanted == value)
        && toleration.effect.as_deref().is_none_or(|effect| effect == taint.effect)
}

/// What people should know about a cluster's machines.
pub(super) fn warnings(kube_nodes: &[KubeNode]) -> Vec<String> {
    let mut warnings = Vec::new();
    for kube_node in kube_nodes {
        let name = name(kube_node);
        if !is_ready(kube_node) {
            warnings.push(format!("machine {name} is not ready"));
        }
        for (condition, what) in PRESSURES {
            if has_condition(kube_node, condition) {
                warnings.push(format!("machine {name} is short of {what}"));
            }
        }
    }
    let architectures = distinct(kube_nodes, |info| &info.architecture);
    if architectures.len() > 1 {
        let all: Vec<&str> = architectures.into_iter().collect();
        warnings.push(format!("the machines have different processors: {}", all.join(", ")));
    }
    warnings
}

type Info = k8s_openapi::api::core::v1::NodeSystemInfo;

fn info(kube_node: &KubeNode) -> Option<&Info> {
    kube_node.status.as_ref()?.node_info.as_ref()
}

fn distinct(kube_nodes: &[KubeNode], of: fn(&Info) -> &String) -> BTreeSet<&str> {
    kube_nodes.iter().filter_map(info).map(|info| of(info).as_str()).collect()
}

/// The processors' architecture in Go's words: the one that most machines have.
pub(super) fn architecture(kube_nodes: &[KubeNode]) -> String {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for info in kube_nodes.iter().filter_map(info) {
        *count.entry(info.architecture.as_str()).or_default() += 1;
    }
    count.into_iter().max_by_key(|(_, count)| *count).map_or_else(String::new, |(name, _)| name.to_owned())
}

/// The machines' operating systems, for people.
pub(super) fn operating_system(kube_nodes: &[KubeNode]) -> String {
    distinct(kube_nodes, |info| &info.os_image).into_iter().collect::<Vec<_>>().join(", ")
}

/// What machines have for pods, in thousandths of processors and bytes.
pub(super) fn allocatable(kube_nodes: &[&KubeNode]) -> (u64, u64) {
    let of = |status: &KubeNodeStatus, what: &str| {
        status.allocatable.as_ref().and_then(|all| all.get(what)).and_then(thousandths).unwrap_or(0)
    };
    let statuses = || kube_nodes.iter().filter_map(|kube_node| kube_node.status.as_ref());
    let cpu = statuses().map(|status| of(status, "cpu")).fold(0, u128::saturating_add);
    let memory = statuses().map(|status| of(status, "memory")).fold(0, u128::saturating_add) / 1_000;
    let whole = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    (whole(cpu), whole(memory))
}

/// Memory that the largest of machines has for pods, in bytes.
pub(super) fn largest(kube_nodes: &[&KubeNode]) -> Option<u64> {
    let each = kube_nodes.iter().map(|kube_node| allocatable(&[*kube_node]).1);
    // One that does not tell is not empty.
    each.max().filter(|memory| *memory > 0)
}

/// How many pods the machine takes; `None` where it does not tell.
pub(super) fn pods(kube_node: &KubeNode) -> Option<u64> {
    let allocatable = kube_node.status.as_ref()?.allocatable.as_ref()?;
    allocatable.get("pods").and_then(thousandths).and_then(|pods| u64::try_from(pods / 1_000).ok())
}

/// A quantity in thousandths of its unit, rounded up: `250m` is 250, `2` is 2,000, `1Ki` is 1,024,000. None for what is
/// no quantity, is negative, or has no place in the number.
pub(super) fn thousandths(quantity: &Quantity) -> Option<u128> {
    let text = quantity.0.trim();
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    // Thousandths of one unit as a fraction: `n` and `u` are finer than that.
    let (times, by): (u128, u128) = match suffix {
        "n" => (1, 1_000_000),
        "u" => (1, 1_000),
        "m" => (1, 1),
        "" => (1_000, 1),
        "k" => (1_000_000, 1),
        "M" => (1_000_000_000, 1),
        "G" => (1_000_000_000_000, 1),
        "T" => (1_000_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000_000, 1),
        "Ki" => (1_000 << 10, 1),
        "Mi" => (1_000 << 20, 1),
        "Gi" => (1_000 << 30, 1),
        "Ti" => (1_000 << 40, 1),
        "Pi" => (1_000 << 50, 1),
        "Ei" => (1_000 << 60, 1),
        exponent => {
            let power: u32 = exponent.strip_prefix(['e', 'E'])?.trim_start_matches('+').parse().ok()?;
            (10_u128.checked_pow(power)?.checked_mul(1_000)?, 1)
        }
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let places = u32::try_from(fraction.len()).ok()?;
    let scaled: u128 = format!("{whole}{fraction}").parse().ok()?;
    let scaled = scaled.checked_mul(times)?;
    Some(scaled.div_ceil(by.checked_mul(10_u128.checked_pow(places)?)?))
}

#[cfg(test)]
mod tests;
