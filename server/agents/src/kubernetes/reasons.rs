//! Why a node does not run, from what a cluster tells of its pod: conditions, waiting reasons, events. Clusters tell
//! some things only in words, so words are read here and nowhere else.

use domain::node::{NodeReason, ReasonKind};
use k8s_openapi::api::core::v1::{Event, Pod};
use k8s_openapi::jiff::Timestamp;

use super::pods;
use crate::{AgentError, MissingWhy};

/// A cluster's words are cut to this many characters.
const MESSAGE_MAX: usize = 400;
/// What is said of a node whose machine is gone: the cluster alone cannot take its pod away.
pub(super) const OUT_OF_SIGHT: &str = "its machine does not answer: bring it back, or remove it from the cluster \
                                       so that the node can run elsewhere";
const NO_MACHINE: &str = "no machine of the cluster takes it";
const CLOSED: &str = "its machine is closed for new pods: open it again, or make room elsewhere";
const CANNOT_START: &str = "its process cannot be started";

/// How far a pod is on its way to a running process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing stands against it yet.
    Waiting,
    /// No machine takes it; that may change when others make room.
    NoMachine(String),
    /// Its process was started at least once.
    Started,
    /// It will not start as it is.
    Failed(AgentError),
}

/// How far a pod is; `reference` is the image that was asked for.
pub(super) fn progress(pod: &Pod, reference: &str) -> Progress {
    if pods::is_running(pod) || pods::last_end(pod).is_some() {
        return match pods::last_end(pod).filter(|_| !pods::is_running(pod)) {
            // The machine could not even begin it.
            Some(end) if end.reason.as_deref().is_some_and(never_began) => {
                Progress::Failed(AgentError::Refused(said(CANNOT_START, end.message.as_deref())))
            }
            _ => Progress::Started,
        };
    }
    if let Some((reason, message)) = waiting(pod) {
        let message = message.unwrap_or_default();
        match reason {
            "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "RegistryUnavailable" => {
                let why = missing(reason, message);
                return Progress::Failed(AgentError::ImageMissing { reference: reference.to_owned(), why });
            }
            "InvalidImageName" | "CreateContainerConfigError" => {
                return Progress::Failed(AgentError::Refused(said("it cannot be made", Some(message))));
            }
            "CreateContainerError" | "RunContainerError" => {
                let message = said(CANNOT_START, Some(message));
                return Progress::Failed(AgentError::Engine { status: 0, message });
            }
            _ => {}
        }
    }
    match no_machine(pod) {
        Some(message) => Progress::NoMachine(said(NO_MACHINE, Some(message))),
        None => Progress::Waiting,
    }
}

/// Why a pod does not run, or what threatens it; `None` when all is well or when nothing was told.
pub(super) fn of_pod(pod: &Pod) -> Option<NodeReason> {
    if pods::is_running(pod) {
        return pods::is_out_of_sight(pod).then(|| NodeReason::new(ReasonKind::MachineOutOfSight));
    }
    if pods::is_over(pod) {
        let status = pod.status.as_ref()?;
        let message = status.message.as_deref().or(status.reason.as_deref());
        return Some(told(ReasonKind::MovedAway, message));
    }
    if pods::last_end(pod).is_some_and(|end| end.reason.as_deref() == Some("OOMKilled")) {
        return Some(NodeReason::new(ReasonKind::OutOfMemory));
    }
    if let Some(found) = waiting(pod).and_then(|(reason, message)| of_waiting(reason, message)) {
        return Some(found);
    }
    if let Some(message) = no_machine(pod) {
        return Some(told(ReasonKind::NoMachine, Some(message)));
    }
    let end = pods::last_end(pod)?;
    end.reason.as_deref().filter(|reason| never_began(reason))?;
    Some(told(ReasonKind::CannotStart, end.message.as_deref()))
}

/// What a container's reason to wait means; `None` for one that passes by itself.
fn of_waiting(reason: &str, message: Option<&str>) -> Option<NodeReason> {
    let kind = match reason {
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "RegistryUnavailable" => {
            match missing(reason, message.unwrap_or_default()) {
                MissingWhy::NotOnHost | MissingWhy::LocalOnly => ReasonKind::ImageNotOnHost,
                MissingWhy::NotInRegistry(_) => ReasonKind::ImageNotInRegistry,
                MissingWhy::Denied(_) => ReasonKind::ImageDenied,
                // A machine that waits for its next try may not repeat what was in the way.
                MissingWhy::RegistryUnreachable(_) if reason == "ImagePullBackOff" => {
                    ReasonKind::ImageNotPulled
                }
                MissingWhy::RegistryUnreachable(_) => ReasonKind::RegistryUnreachable,
            }
        }
        "InvalidImageName" => ReasonKind::ImageNameMalformed,
        "CreateContainerConfigError" => ReasonKind::CannotBeMade,
        "CreateContainerError" | "RunContainerError" => ReasonKind::CannotStart,
        // How it ended last is told beside it; this message only tells how long the cluster waits.
        "CrashLoopBackOff" => return Some(NodeReason::new(ReasonKind::EndsAgain)),
        _ => return None,
    };
    Some(told(kind, message))
}

/// What the newest warning of a node's events says, when it says why the node does not run.
pub(super) fn of_events(events: &[Event]) -> Option<NodeReason> {
    warnings(events).into_iter().rev().find_map(|event| {
        let kind = match event.reason.as_deref()? {
            "FailedScheduling" => ReasonKind::NoMachine,
            "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" => ReasonKind::NotMounted,
            "ProvisioningFailed" => ReasonKind::NoVolume,
            "FailedCreate" => ReasonKind::NotAllowed,
            "FailedCreatePodSandBox" => ReasonKind::NoNetwork,
            "Unhealthy" => ReasonKind::NotWell,
            "Evicted" => ReasonKind::MovedAway,
            "OOMKilling" => ReasonKind::OutOfMemory,
            "NodeNotReady" => ReasonKind::MachineOutOfSight,
            _ => return None,
        };
        Some(told(kind, event.message.as_deref()))
    })
}

/// What the probes of a pod that runs and is not ready say of the process that runs now: the cluster keeps its events for
/// an hour, also those of a process before.
pub(super) fn of_probes(events: &[Event], pod: &Pod) -> Option<NodeReason> {
    let state = pods::container(pod)?.state.as_ref()?;
    let began = state.running.as_ref()?.started_at.as_ref().map(|at| at.0);
    let of_now = |event: &&Event| event.reason.as_deref() == Some("Unhealthy") && seen(event) >= began;
    let newest = warnings(events).into_iter().rev().find(of_now)?;
    Some(told(ReasonKind::NotWell, newest.message.as_deref()))
}

/// The warnings among events, the newest last.
fn warnings(events: &[Event]) -> Vec<&Event> {
    let mut warnings: Vec<&Event> = events.iter().filter(|e| e.type_.as_deref() == Some("Warning")).collect();
    warnings.sort_by_key(|event| seen(event));
    warnings
}

/// When something was seen last.
fn seen(event: &Event) -> Option<Timestamp> {
    let seen = event.last_timestamp.as_ref().or(event.first_timestamp.as_ref()).map(|time| time.0);
    seen.or(event.event_time.as_ref().map(|time| time.0))
}

/// What the cluster says about a pod that it does not let be made.
pub(super) fn not_let(message: &str) -> NodeReason {
    told(ReasonKind::NotAllowed, Some(message))
}

/// What keeps a workload without any pod from having one.
pub(super) fn refused_pod(events: &[Event]) -> Option<NodeReason> {
    let refused: Vec<Event> =
        events.iter().filter(|event| event.reason.as_deref() == Some("FailedCreate")).cloned().collect();
    of_events(&refused)
}

/// A reason in words, for the error of a verb; pages have words of their own.
pub(super) fn prose(reason: &NodeReason) -> String {
    let words = match reason.kind {
        ReasonKind::ImageNotOnHost
        | ReasonKind::ImageNotInRegistry
        | ReasonKind::ImageDenied
        | ReasonKind::RegistryUnreachable
        | ReasonKind::ImageNotPulled
        | ReasonKind::ImageNameMalformed => "its image cannot be pulled",
        ReasonKind::NoMachine => NO_MACHINE,
        ReasonKind::MachineOutOfSight => OUT_OF_SIGHT,
        ReasonKind::MachineClosed => CLOSED,
        ReasonKind::OutOfMemory => "killed for want of memory",
        ReasonKind::EndsAgain => "its process ends again and again",
        ReasonKind::NotWell => "it does not say that it is well",
        ReasonKind::MovedAway => "it was moved away from its machine",
        ReasonKind::CannotBeMade => "it cannot be made",
        ReasonKind::CannotStart => CANNOT_START,
        ReasonKind::NotAllowed => "the cluster does not let it be made",
        ReasonKind::NotMounted => "its data or files cannot be mounted",
        ReasonKind::NoVolume => "no volume is made for its data",
        ReasonKind::NoNetwork => "its machine gives it no network",
        ReasonKind::DataGoing => "somebody removes the claim of its data",
        ReasonKind::Paused => "paused",
        ReasonKind::Other => "the cluster says",
    };
    said(words, reason.said.as_deref())
}

/// Why an image is missing, from what a machine says about its pull.
pub(super) fn missing(reason: &str, message: &str) -> MissingWhy {
    if reason == "ErrImageNeverPull" {
        return MissingWhy::NotOnHost;
    }
    let lower = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let said = cut(message);
    if has(&["unauthorized", "denied", "authentication required", "no basic auth", "forbidden"]) {
        // Registries say "denied" also for what does not exist, so that nobody can list their private names.
        return MissingWhy::Denied(said);
    }
    if has(&["not found", "manifest unknown", "name unknown", "does not exist"]) {
        return MissingWhy::NotInRegistry(said);
    }
    // Whatever else a machine says, it could not speak with the registry, or not for now.
    MissingWhy::RegistryUnreachable(said)
}

/// The container's reason to wait, and its message.
fn waiting(pod: &Pod) -> Option<(&str, Option<&str>)> {
    let waiting = pods::container(pod)?.state.as_ref()?.waiting.as_ref()?;
    Some((waiting.reason.as_deref()?, waiting.message.as_deref()))
}

/// What the scheduler says when it finds no machine.
fn no_machine(pod: &Pod) -> Option<&str> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    (scheduled.status == "False").then(|| scheduled.message.as_deref().unwrap_or_default())
}

/// Reasons of an end before the program ran at all.
fn never_began(reason: &str) -> bool {
    matches!(reason, "StartError" | "ContainerCannotRun" | "ContainerStatusUnknown")
}

fn told(kind: ReasonKind, message: Option<&str>) -> NodeReason {
    NodeReason::told(kind, message.unwrap_or_default())
}

fn said(what: &str, message: Option<&str>) -> String {
    match message.map(str::trim).filter(|message| !message.is_empty()) {
        Some(message) => format!("{what}: {}", cut(message)),
        None => what.to_owned(),
    }
}

/// Cuts a message at a character's border.
fn cut(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_MAX) {
        Some((at, _)) => format!("{}…", &message[..at]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::pods::tests::{in_state, pod, ready};
    use super::*;

    fn waits(reason: &str, message: &str) -> Pod {
        let state = json!({"waiting": {"reason": reason, "message": message}});
        pod("a", in_state("", 0, state, json!({})))
    }

    fn told(kind: ReasonKind, said: &str) -> NodeReason {
        NodeReason::told(kind, said)
    }

    #[test]
    fn what_keeps_a_pod_from_running_is_sorted_by_kind() {
        let check = |pod: &Pod, expect: Option<NodeReason>| assert_eq!(of_pod(pod), expect, "{pod:?}");
        check(&waits("ContainerCreating", ""), None);
        let crash = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}});
        let ended = json!({"terminated": {"exitCode": 2, "reason": "Error"}});
        check(
            &pod("a", in_state("c1", 4, crash.clone(), ended)),
            Some(NodeReason::new(ReasonKind::EndsAgain)),
        );
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        check(&pod("a", in_state("c1", 1, crash, killed)), Some(NodeReason::new(ReasonKind::OutOfMemory)));
        let full = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/2 nodes are available"}]});
        check(&pod("a", full), Some(told(ReasonKind::NoMachine, "0/2 nodes are available")));
        let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "low on disk"});
        check(&pod("a", evicted), Some(told(ReasonKind::MovedAway, "low on disk")));
        let never =
            json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "no such file"}});
        let never = pod("a", in_state("c1", 0, never, json!({})));
        check(&never, Some(told(ReasonKind::CannotStart, "no such file")));
        check(&pod("a", in_state("c1", 0, json!({"running": {}}), json!({}))), None);
        check(&ready("False", "True"), Some(NodeReason::new(ReasonKind::MachineOutOfSight)));
        check(&ready("False", "False"), None);
    }

    #[test]
    fn what_a_container_waits_for_is_sorted_by_kind() {
        for (reason, message, kind) in [
            ("ErrImagePull", "r/x:1: not found", ReasonKind::ImageNotInRegistry),
            (
                "ImagePullBackOff",
                "Back-off pulling image: ErrImagePull: not found",
                ReasonKind::ImageNotInRegistry,
            ),
            ("ErrImagePull", "401 Unauthorized", ReasonKind::ImageDenied),
            ("ErrImagePull", "dial tcp: connection refused", ReasonKind::RegistryUnreachable),
            ("RegistryUnavailable", "no route", ReasonKind::RegistryUnreachable),
            ("ImagePullBackOff", "Back-off", ReasonKind::ImageNotPulled),
            ("ErrImageNeverPull", "not present", ReasonKind::ImageNotOnHost),
            ("InvalidImageName", "bad", ReasonKind::ImageNameMalformed),
            ("CreateContainerConfigError", "no secret", ReasonKind::CannotBeMade),
            ("CreateContainerError", "no such file", ReasonKind::CannotStart),
            ("RunContainerError", "no such file", ReasonKind::CannotStart),
        ] {
            assert_eq!(of_pod(&waits(reason, message)), Some(told(kind, message)), "{reason}");
        }
    }

    #[test]
    fn every_kind_has_words_for_an_error() {
        for kind in ReasonKind::ALL {
            let words = prose(&told(kind, "x"));
            assert!(words.ends_with(": x") && words.len() > 8, "{words}");
        }
    }

    #[test]
    fn a_start_ends_with_a_typed_error_or_goes_on() {
        let of = |pod: &Pod| progress(pod, "peer:1");
        assert_eq!(of(&waits("ContainerCreating", "")), Progress::Waiting);
        let pulled = of(&waits("ErrImagePull", "dial tcp 10.0.0.1:5000: connect: connection refused"));
        let Progress::Failed(AgentError::ImageMissing { reference, why }) = pulled else {
            panic!("{pulled:?}");
        };
        assert!(reference == "peer:1" && matches!(why, MissingWhy::RegistryUnreachable(_)));
        assert!(matches!(
            of(&waits("CreateContainerError", "x")),
            Progress::Failed(AgentError::Engine { status: 0, .. })
        ));
        assert!(matches!(of(&waits("InvalidImageName", "x")), Progress::Failed(AgentError::Refused(_))));
        let state = |state: Value| of(&pod("a", in_state("c1", 0, state, json!({}))));
        assert_eq!(state(json!({"running": {}})), Progress::Started);
        assert_eq!(state(json!({"terminated": {"exitCode": 3, "reason": "Error"}})), Progress::Started);
        let never = state(
            json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "no such file"}}),
        );
        assert!(matches!(never, Progress::Failed(AgentError::Refused(_))), "{never:?}");
    }

    #[test]
    fn the_reason_for_a_failed_pull_is_read_from_the_machine_s_words() {
        let why = |message| missing("ErrImagePull", message);
        assert!(matches!(
            why("failed to resolve reference \"r/x:1\": r/x:1: not found"),
            MissingWhy::NotInRegistry(_)
        ));
        assert!(matches!(
            why("pull access denied, repository does not exist or may require authorization"),
            MissingWhy::Denied(_)
        ));
        assert!(matches!(
            why("unexpected status from HEAD request: 401 Unauthorized"),
            MissingWhy::Denied(_)
        ));
        assert!(matches!(
            why("dial tcp: lookup registry.example: no such host"),
            MissingWhy::RegistryUnreachable(_)
        ));
        assert_eq!(missing("ErrImageNeverPull", ""), MissingWhy::NotOnHost);
    }

    fn event(reason: &str, kind: &str, at: &str, message: &str) -> Event {
        serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": reason.to_lowercase()},
            "involvedObject": {}, "reason": reason, "type": kind, "lastTimestamp": at, "message": message,
        }))
        .unwrap()
    }

    #[test]
    fn the_newest_warning_that_says_why_is_told() {
        let mount = event("FailedMount", "Warning", "2026-11-30T10:00:02Z", "no such export");
        let earlier = event("FailedScheduling", "Warning", "2026-11-30T10:00:01Z", "too full");
        let good = event("Pulled", "Normal", "2026-11-30T10:00:03Z", "image is there");
        let other = event("Unknown", "Warning", "2026-11-30T10:00:04Z", "whatever");
        let events = [mount, earlier, good, other];
        assert_eq!(of_events(&events), Some(told(ReasonKind::NotMounted, "no such export")));
        assert_eq!(refused_pod(&events), None);
        let quota = event("FailedCreate", "Warning", "2026-11-30T10:00:00Z", "exceeded quota");
        assert_eq!(refused_pod(&[quota]), Some(told(ReasonKind::NotAllowed, "exceeded quota")));
    }

    #[test]
    fn what_probes_say_counts_for_the_process_that_runs_now() {
        let state = json!({"running": {"startedAt": "2026-11-30T10:00:10Z"}});
        let pod = pod("a", in_state("c2", 1, state, json!({})));
        let unwell = |at: &str, said: &str| event("Unhealthy", "Warning", at, said);
        let before = unwell("2026-11-30T10:00:09Z", "before");
        let now = unwell("2026-11-30T10:00:11Z", "Readiness probe failed: 503");
        let other = event("FailedMount", "Warning", "2026-11-30T10:00:12Z", "no such export");
        assert_eq!(of_probes(&[before.clone(), other.clone()], &pod), None);
        let told_now = of_probes(&[now, before, other], &pod);
        assert_eq!(told_now, Some(told(ReasonKind::NotWell, "Readiness probe failed: 503")));
        assert_eq!(of_probes(&[], &pod), None);
    }
}
