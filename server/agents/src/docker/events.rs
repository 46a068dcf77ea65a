//! Tells when nodes change, from the engine's own events.
//!
//! The watch goes on for ever: it subscribes from a moment of the engine's clock on, so that nothing falls
//! between two subscriptions, and says `Resync` whenever something may have been missed. A subscription is
//! renewed now and then even when all seems well, because a dead connection looks like a quiet one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures::StreamExt;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

use super::client::Client;
use super::failure::{failure, within};
use super::probe::parse_time;
use super::{REQUEST_MAX, names};
use crate::{AgentError, NodeChange, NodeEvent, NodeRef};

/// Events that wait for a slow reader; a fuller queue makes the watch wait.
const QUEUE: usize = 256;
/// A quiet subscription is renewed after this time.
const QUIET_MAX: Duration = Duration::from_secs(60);
/// First and longest pause after a failure.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(15);

/// Watches an installation's nodes until the stream is dropped.
pub(crate) fn watch(client: Arc<Client>, installation: &str) -> BoxStream<'static, NodeEvent> {
    let (queue, events) = mpsc::channel(QUEUE);
    let installation = installation.to_owned();
    tokio::spawn(async move {
        let reader_gone = queue.clone();
        tokio::select! {
            () = reader_gone.closed() => {}
            () = Watch { client, installation, queue, last_nano: None }.run() => {}
        }
    });
    futures::stream::unfold(
        events,
        |mut events| async move { events.recv().await.map(|event| (event, events)) },
    )
    .boxed()
}

struct Watch {
    client: Arc<Client>,
    installation: String,
    queue: mpsc::Sender<NodeEvent>,
    /// The engine's clock at the last event that was told.
    last_nano: Option<i64>,
}

/// Why one subscription ended.
enum End {
    /// Nothing happened for a while.
    Quiet,
    /// The reader is gone, or the watch is impossible.
    Over,
}

impl Watch {
    async fn run(mut self) {
        let mut pause = PAUSE_MIN;
        loop {
            match self.subscribe().await {
                Ok(End::Quiet) => pause = PAUSE_MIN,
                Ok(End::Over) => return,
                Err(error) => {
                    self.last_nano = None;
                    if self.queue.send(NodeEvent::Interrupted(error.to_string())).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn subscribe(&mut self) -> Result<End, AgentError> {
        let Some(mut filters) = names::filter(&self.installation, None) else { return Ok(End::Over) };
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        let docker = self.client.docker().await?;
        let since = match self.last_nano {
            Some(nano) => seconds(nano),
            None => {
                let info = within("engine's clock", REQUEST_MAX, docker.info()).await?;
                let clock = info.system_time.as_deref().and_then(parse_time).and_then(moment);
                let clock = clock.ok_or_else(|| AgentError::Engine {
                    status: 0,
                    message: "the engine does not tell its clock".to_owned(),
                })?;
                if self.queue.send(NodeEvent::Resync).await.is_err() {
                    return Ok(End::Over);
                }
                clock
            }
        };
        let options = EventsOptions { since: Some(since), until: None, filters: Some(filters) };
        let mut events = Box::pin(docker.events(Some(options)));
        loop {
            let message = match tokio::time::timeout(QUIET_MAX, events.next()).await {
                // Without an event yet there is no moment to go on from: the next round asks for the clock.
                Err(_) => return Ok(End::Quiet),
                Ok(None) => return Err(AgentError::Unreachable("the engine ended its events".to_owned())),
                Ok(Some(message)) => message.map_err(|error| failure("events", error))?,
            };
            if self.tell(message).await.is_err() {
                return Ok(End::Over);
            }
        }
    }

    async fn tell(&mut self, message: EventMessage) -> Result<(), mpsc::error::SendError<NodeEvent>> {
        let nano = message.time_nano.unwrap_or_default();
        // A renewed subscription begins with the event that the last one ended with.
        if self.last_nano.is_some_and(|last| nano <= last) {
            return Ok(());
        }
        let Some((node, change)) = read_event(&message) else { return Ok(()) };
        self.last_nano = Some(nano);
        self.queue.send(NodeEvent::Changed { node, change }).await
    }
}

/// A moment in the engine's words: seconds, a dot, nanoseconds.
fn seconds(nano: i64) -> String {
    format!("{}.{:09}", nano / 1_000_000_000, nano % 1_000_000_000)
}

/// The engine's clock in the words that it takes back.
fn moment(at: SystemTime) -> Option<String> {
    let since = at.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{}.{:09}", since.as_secs(), since.subsec_nanos()))
}

/// Reads what an event says about a node; `None` for what does not change a node.
fn read_event(message: &EventMessage) -> Option<(NodeRef, NodeChange)> {
    let attributes: &HashMap<String, String> = message.actor.as_ref()?.attributes.as_ref()?;
    let node = names::node_of(attributes)?;
    let change = match message.action.as_deref()? {
        "create" => NodeChange::Created,
        "start" | "unpause" => NodeChange::Started,
        "die" => NodeChange::Ended(attributes.get("exitCode").and_then(|code| code.parse().ok())),
        "pause" => NodeChange::Ended(None),
        "oom" => NodeChange::OutOfMemory,
        "destroy" => NodeChange::Removed,
        _ => return None,
    };
    Some((node, change))
}

#[cfg(test)]
mod tests {
    use bollard::models::EventActor;

    use super::*;

    fn message(action: &str, more: &[(&str, &str)]) -> EventMessage {
        let pairs = [(names::INSTALLATION, "abc"), (names::CHAIN, "demo"), (names::NODE, "peer0")];
        let attributes = pairs.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        EventMessage {
            action: Some(action.to_owned()),
            actor: Some(EventActor { id: None, attributes: Some(attributes) }),
            ..EventMessage::default()
        }
    }

    #[test]
    fn events_become_changes() {
        let read =
            |action, more: &[(&str, &str)]| read_event(&message(action, more)).map(|(_, change)| change);
        assert_eq!(read("start", &[]), Some(NodeChange::Started));
        assert_eq!(read("die", &[("exitCode", "137")]), Some(NodeChange::Ended(Some(137))));
        assert_eq!(read("destroy", &[]), Some(NodeChange::Removed));
        assert_eq!(read("exec_start: /bin/sh", &[]), None);
        assert_eq!(read("start", &[(names::NODE, "Not A Name")]), None);
    }

    #[test]
    fn a_moment_keeps_its_nanoseconds() {
        assert_eq!(seconds(1_795_000_000_000_000_042), "1795000000.000000042");
        let clock = parse_time("2026-11-18T10:26:40.000000042+01:00").and_then(moment);
        assert_eq!(clock.as_deref(), Some("1794994000.000000042"));
    }
}
