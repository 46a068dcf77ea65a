//! One stream of server-sent events per browser: lines of operations' records, resumable by `Last-Event-ID`, and
//! names of what has changed. Rights are asked for each line and each name; the session is looked at again every few
//! seconds.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use control::ControlPlane;
use control::caller::Caller;
use control::services::Changed;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tower_sessions::Session;

use super::caller::caller_now;

/// Events that may wait for a slow browser; then the stream ends and the browser connects again.
const QUEUE: usize = 256;
/// Pause between two looks at the session.
const RECHECK: Duration = Duration::from_secs(5);
/// Silence after which a comment keeps the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// `GET /events`
pub async fn stream(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    session: Session,
    headers: HeaderMap,
) -> Response {
    if caller.user.is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let resumed =
        headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|id| id.parse().ok());
    let after = match resumed {
        Some(after) => after,
        None => match plane.last_event(&caller).await {
            Ok(last) => last,
            Err(_) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    };
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(feed(plane, caller, session, after, sender));
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

type Sender = mpsc::Sender<Result<Event, Infallible>>;

/// Sends until the browser goes, the session ends, or the browser is too slow.
async fn feed(
    plane: Arc<ControlPlane>,
    mut caller: Caller,
    session: Session,
    mut after: u64,
    sender: Sender,
) {
    let mut events = plane.events();
    let mut changes = plane.changes();
    let mut told = HashSet::new();
    let mut recheck = tokio::time::interval(RECHECK);
    loop {
        // What is stored is the truth; the broadcast only says that there is something new.
        match send_lines(&plane, &caller, after, &sender).await {
            Some(last) => after = last,
            None => return,
        }
        tokio::select! {
            () = sender.closed() => return,
            _ = recheck.tick() => {
                let Some(now) = caller_now(&plane, &session, &caller).await else { return };
                caller = now;
            }
            event = events.recv() => if matches!(event, Err(RecvError::Closed)) { return },
            change = changes.recv() => match change {
                Ok(change) => {
                    let Ok(allowed) = plane.change_allowed(&caller, &change).await else { return };
                    if concerns(&mut told, &change, allowed) && !send_change(&change, &sender) {
                        return;
                    }
                }
                // The browser opens the stream anew, and its pages read everything again.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return,
            },
        }
    }
}

/// Whether a change is sent. Of what the caller cannot read any more, because it is gone or was taken from them, they
/// hear once more if this stream told them of it before: the page that shows it has to go, too.
fn concerns(told: &mut HashSet<(&'static str, String)>, change: &Changed, allowed: bool) -> bool {
    let name = (change.noun, change.id.clone());
    if allowed {
        told.insert(name);
        return true;
    }
    told.remove(&name)
}

/// Sends the name of what changed; false when the browser is gone or too slow.
fn send_change(change: &Changed, sender: &Sender) -> bool {
    let Ok(data) = serde_json::to_string(change) else { return false };
    sender.try_send(Ok(Event::default().event("changed").data(data))).is_ok()
}

/// Sends stored lines after a number; returns the number reached, none when the browser is gone or too slow.
async fn send_lines(plane: &ControlPlane, caller: &Caller, after: u64, sender: &Sender) -> Option<u64> {
    let (lines, last) = plane.events_since(caller, after).await.ok()?;
    for line in lines {
        let data = serde_json::to_string(&line).ok()?;
        let event = Event::default().event("operation").id(line.sequence.to_string()).data(data);
        sender.send(Ok(event)).await.ok()?;
    }
    Some(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_change_is_not_sent_and_a_lost_one_once() {
        let mut told = HashSet::new();
        let change = |id: &str| Changed { noun: "chain", id: id.to_owned() };
        assert!(!concerns(&mut told, &change("foreign"), false));
        assert!(concerns(&mut told, &change("own"), true));
        assert!(concerns(&mut told, &change("own"), false), "that it is gone has to be seen");
        assert!(!concerns(&mut told, &change("own"), false));
    }
}
