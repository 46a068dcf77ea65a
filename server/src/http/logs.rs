//! A node's log: streamed line by line as server-sent events, and as a file. Lines travel in batches, so that a node
//! that writes much costs a few events and not thousands. The session is looked at again every few seconds.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use control::ControlPlane;
use control::caller::Caller;
use domain::Error;
use domain::name::{ChainName, NodeName};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tower_sessions::Session;

use super::caller::user_of;
use super::downloads::{attachment, refusal};

/// Batches that may wait for a slow browser; then reading from the node waits, too.
const QUEUE: usize = 16;
/// Lines of one batch.
const BATCH: usize = 1_000;
/// Pause in which lines gather.
const GATHER: Duration = Duration::from_millis(150);
/// Pause between two looks at the session.
const RECHECK: Duration = Duration::from_secs(5);
/// Silence after which a comment keeps the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Lines of a stream's beginning, and of a file.
const TAIL_MAX: u32 = 100_000;

/// How many of the last lines come first.
#[derive(Deserialize)]
pub struct Tail {
    tail: Option<u32>,
}

fn names(chain: &str, node: &str) -> Result<(ChainName, NodeName), Error> {
    let unknown = |_| Error::not_found();
    Ok((ChainName::parse(chain).map_err(unknown)?, NodeName::parse(node).map_err(unknown)?))
}

/// `GET /chains/{name}/nodes/{node}/logs?tail=200`
pub async fn stream(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    session: Session,
    Path((chain, node)): Path<(String, String)>,
    Query(Tail { tail }): Query<Tail>,
) -> Response {
    if caller.user.is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let opened = async {
        let (chain, node) = names(&chain, &node)?;
        plane.node_log_stream(&caller, &chain, &node, tail.unwrap_or(200).min(TAIL_MAX), true).await
    };
    let lines = match opened.await {
        Ok(lines) => lines,
        Err(error) => return refusal(&caller, &error),
    };
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(feed(plane, session, lines, sender));
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

type Sender = mpsc::Sender<Result<Event, Infallible>>;

/// Sends until the browser goes, the session ends, or the node's output does.
async fn feed(plane: Arc<ControlPlane>, session: Session, lines: BoxStream<'static, String>, sender: Sender) {
    let mut batches = lines.ready_chunks(BATCH);
    let mut recheck = tokio::time::interval(RECHECK);
    loop {
        tokio::select! {
            () = sender.closed() => return,
            _ = recheck.tick() => {
                let alive = session.load().await.is_ok();
                if !alive || !matches!(user_of(&plane, &session).await, Ok(Some(_))) {
                    return;
                }
            }
            batch = batches.next() => {
                let Some(batch) = batch else { return };
                let Ok(data) = serde_json::to_string(&batch) else { return };
                if sender.send(Ok(Event::default().data(data))).await.is_err() {
                    return;
                }
                // What comes meanwhile becomes the next batch.
                tokio::time::sleep(GATHER).await;
            }
        }
    }
}

/// `GET /chains/{name}/nodes/{node}/log.txt`
pub async fn file(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    Path((chain, node)): Path<(String, String)>,
) -> Response {
    let read = async {
        caller.require_user()?;
        let (chain, node) = names(&chain, &node)?;
        let lines = plane.node_log_stream(&caller, &chain, &node, TAIL_MAX, false).await?;
        Ok::<_, Error>(lines.collect::<Vec<String>>().await)
    };
    match read.await {
        Ok(lines) => {
            let name = format!("{chain}-{node}.log");
            attachment(&name, "text/plain; charset=utf-8", (lines.join("\n") + "\n").into_bytes())
        }
        Err(error) => refusal(&caller, &error),
    }
}
