//! Why a node does not run, from what a cluster tells of its pod: conditions, waiting reasons, events. Clusters tell
//! some things only in words, so words are read here and nowhere else.

use k8s_openapi::api::core::v1::{Event, Pod};

use super::pods;
use crate::{AgentError, MissingWhy};

/// A cluster's words are cut to this many characters.
const MESSAGE_MAX: usize = 400;
/// What is said of a node whose machine is gone: the cluster alone cannot take its pod away.
pub(super) const OUT_OF_SIGHT: &str = "its machine does not answer: bring it back, or remove it from the cluster \
                                       so that the node can run elsewhere";
/// What is said of a node whose pod a quota or a rule of the cluster stands against.
const NOT_LET: &str = "the cluster does not let it be made";

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
            Some(end) if end.reason.as_deref().is_some_and(never_began) => Progress::Failed(
                AgentError::Refused(said("its process cannot be started", end.message.as_deref())),
            ),
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
                let message = said("its process cannot be started", Some(message));
                return Progress::Failed(AgentError::Engine { status: 0, message });
            }
            _ => {}
        }
    }
    match no_machine(pod) {
        Some(message) => Progress::NoMachine(said("no machine of the cluster takes it", Some(message))),
        None => Progress::Waiting,
    }
}

/// Why a pod does not run, in words; `None` when it does or when nothing was told.
pub(super) fn of_pod(pod: &Pod) -> Option<String> {
    if pods::is_running(pod) {
        return pods::is_out_of_sight(pod).then(|| OUT_OF_SIGHT.to_owned());
    }
    if pods::is_over(pod) {
        let status = pod.status.as_ref()?;
        let message = status.message.as_deref().or(status.reason.as_deref());
        return Some(said("it was moved away from its machine", message));
    }
    if pods::last_end(pod).is_some_and(|end| end.reason.as_deref() == Some("OOMKilled")) {
        return Some("killed for want of memory".to_owned());
    }
    if let Some((reason, message)) = waiting(pod) {
        match reason {
            "ErrImagePull"
            | "ImagePullBackOff"
            | "ErrImageNeverPull"
            | "RegistryUnavailable"
            | "InvalidImageName" => return Some(said("its image cannot be pulled", message)),
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                return Some(said("it cannot be made", message));
            }
            "CrashLoopBackOff" => return Some(ends_again(pod)),
            _ => {}
        }
    }
    if let Some(message) = no_machine(pod) {
        return Some(said("no machine of the cluster takes it", Some(message)));
    }
    let end = pods::last_end(pod)?;
    end.reason.as_deref().filter(|reason| never_began(reason))?;
    Some(said("its process cannot be started", end.message.as_deref()))
}

fn ends_again(pod: &Pod) -> String {
    match pods::last_end(pod) {
        Some(end) => format!("its process ends again and again, last with {}", end.exit_code),
        None => "its process ends again and again".to_owned(),
    }
}

/// What the newest warning of a node's events says, when it says why the node does not run.
pub(super) fn of_events(events: &[Event]) -> Option<String> {
    let mut events: Vec<&Event> = events.iter().filter(|e| e.type_.as_deref() == Some("Warning")).collect();
    events.sort_by_key(|event| {
        let seen = event.last_timestamp.as_ref().or(event.first_timestamp.as_ref()).map(|time| time.0);
        seen.or(event.event_time.as_ref().map(|time| time.0))
    });
    events.iter().rev().find_map(|event| {
        let what = match event.reason.as_deref()? {
            "FailedScheduling" => "no machine of the cluster takes it",
            "FailedMount" | "FailedAttachVolume" | "FailedMapVolume" => "its data or files cannot be mounted",
            "ProvisioningFailed" => "no volume is made for its data",
            "FailedCreate" => NOT_LET,
            "FailedCreatePodSandBox" => "its machine gives it no network",
            "Unhealthy" => "it does not say that it is well",
            "Evicted" => "it was moved away from its machine",
            "OOMKilling" => "killed for want of memory",
            "NodeNotReady" => "its machine does not answer",
            _ => return None,
        };
        Some(said(what, event.message.as_deref()))
    })
}

/// What the cluster says about a pod that it does not let be made.
pub(super) fn not_let(message: &str) -> String {
    said(NOT_LET, Some(message))
}

/// What keeps a workload without any pod from having one.
pub(super) fn refused_pod(events: &[Event]) -> Option<String> {
    let refused: Vec<Event> =
        events.iter().filter(|event| event.reason.as_deref() == Some("FailedCreate")).cloned().collect();
    of_events(&refused)
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

    #[test]
    fn what_keeps_a_pod_from_running_is_said_in_plain_words() {
        let check = |pod: &Pod, expect: Option<&str>| assert_eq!(of_pod(pod).as_deref(), expect, "{pod:?}");
        check(&waits("ContainerCreating", ""), None);
        check(&waits("ImagePullBackOff", "Back-off"), Some("its image cannot be pulled: Back-off"));
        check(&waits("CreateContainerConfigError", "no secret"), Some("it cannot be made: no secret"));
        let crash = json!({"waiting": {"reason": "CrashLoopBackOff"}});
        let ended = json!({"terminated": {"exitCode": 2, "reason": "Error"}});
        let crashed = pod("a", in_state("c1", 4, crash.clone(), ended));
        check(&crashed, Some("its process ends again and again, last with 2"));
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        check(&pod("a", in_state("c1", 1, crash, killed)), Some("killed for want of memory"));
        let full = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "Unschedulable", "message": "0/2 nodes are available"}]});
        check(&pod("a", full), Some("no machine of the cluster takes it: 0/2 nodes are available"));
        let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "low on disk"});
        check(&pod("a", evicted), Some("it was moved away from its machine: low on disk"));
        check(&pod("a", in_state("c1", 0, json!({"running": {}}), json!({}))), None);
        check(&ready("False", "True"), Some(OUT_OF_SIGHT));
        check(&ready("False", "False"), None);
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

    #[test]
    fn the_newest_warning_that_says_why_is_told() {
        let event = |reason: &str, kind: &str, at: &str, message: &str| -> Event {
            serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "Event", "metadata": {"name": reason.to_lowercase()},
                "involvedObject": {}, "reason": reason, "type": kind, "lastTimestamp": at, "message": message,
            }))
            .unwrap()
        };
        let mount = event("FailedMount", "Warning", "2026-11-30T10:00:02Z", "no such export");
        let earlier = event("FailedScheduling", "Warning", "2026-11-30T10:00:01Z", "too full");
        let good = event("Pulled", "Normal", "2026-11-30T10:00:03Z", "image is there");
        let other = event("Unknown", "Warning", "2026-11-30T10:00:04Z", "whatever");
        let events = [mount, earlier, good, other];
        let told = of_events(&events);
        assert_eq!(told.as_deref(), Some("its data or files cannot be mounted: no such export"));
        assert_eq!(refused_pod(&events), None);
        let quota = event("FailedCreate", "Warning", "2026-11-30T10:00:00Z", "exceeded quota");
        let told = refused_pod(&[quota]);
        assert_eq!(told.as_deref(), Some("the cluster does not let it be made: exceeded quota"));
    }
}
