//! A node's log: streamed line by line as server-sent events, and as a file. Lines travel in batches, so that a node
//! that writes much costs a few events and not thousands. The session is looked at again every few seconds.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use control::ControlPlane;
use control::caller::Caller;
use control::node::LogAsked;
use domain::Error;
use domain::name::{ChainName, NodeName};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tower_sessions::Session;

use super::caller::caller_now;
use super::downloads::{attachment, chain_page};
use super::refusal;

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

/// Name of the event that says that no line comes any more.
const OVER: &str = "over";

/// Which lines are asked for.
#[derive(Deserialize)]
pub struct Wanted {
    /// How many of the last lines come first.
    tail: Option<u32>,
    /// `1` for those of the process before the one that runs now.
    previous: Option<String>,
}

impl Wanted {
    fn is_previous(&self) -> bool {
        self.previous.as_deref() == Some("1")
    }
}

fn names(chain: &str, node: &str) -> Result<(ChainName, NodeName), Error> {
    let unknown = |_| Error::not_found();
    Ok((ChainName::parse(chain).map_err(unknown)?, NodeName::parse(node).map_err(unknown)?))
}

/// `GET /chains/{name}/nodes/{node}/logs?tail=200`, with `&previous=1` those of the process before. What is over ends with
/// an event that says so: without it a browser would connect again and again.
pub async fn stream(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    session: Session,
    Path((chain, node)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Response {
    if caller.user.is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let opened = async {
        let (chain, node) = names(&chain, &node)?;
        let previous = wanted.is_previous();
        let asked = LogAsked { tail: wanted.tail.unwrap_or(200).min(TAIL_MAX), follow: !previous, previous };
        let lines = plane.node_log_stream(&caller, &chain, &node, asked).await?;
        Ok::<_, Error>((chain, lines))
    };
    let (chain, lines) = match opened.await {
        Ok(opened) => opened,
        Err(error) => return refusal::line(&plane, &caller, &error).await,
    };
    let (sender, receiver) = mpsc::channel(QUEUE);
    let reader = Reader { plane, session, caller, chain, is_over: wanted.is_previous() };
    tokio::spawn(feed(reader, lines, sender));
    Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

type Sender = mpsc::Sender<Result<Event, Infallible>>;

/// Who reads a log, and of which chain.
struct Reader {
    plane: Arc<ControlPlane>,
    session: Session,
    caller: Caller,
    chain: ChainName,
    /// Whether what they read has an end for good, and not only until the node writes again.
    is_over: bool,
}

impl Reader {
    /// Whether they may still: the session, the person and their access may have ended meanwhile.
    async fn may_still(&mut self) -> bool {
        let Some(now) = caller_now(&self.plane, &self.session, &self.caller).await else { return false };
        self.caller = now;
        self.plane.node_log_allowed(&self.caller, &self.chain).await.is_ok()
    }
}

/// Sends until the browser goes, the reader may not any more, or the node's output ends.
async fn feed(mut reader: Reader, lines: BoxStream<'static, String>, sender: Sender) {
    let mut batches = lines.ready_chunks(BATCH);
    let mut recheck = tokio::time::interval(RECHECK);
    loop {
        tokio::select! {
            () = sender.closed() => return,
            _ = recheck.tick() => {
                if !reader.may_still().await {
                    return;
                }
            }
            batch = batches.next() => {
                let Some(batch) = batch else {
                    if reader.is_over {
                        // Who is gone needs no word.
                        let _ = sender.send(Ok(Event::default().event(OVER).data("1"))).await;
                    }
                    return;
                };
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

/// `GET /chains/{name}/nodes/{node}/log.txt`, with `?previous=1` that of the process before.
pub async fn file(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path((chain, node)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let previous = wanted.is_previous();
    let read = async {
        caller.require_user()?;
        let (chain, node) = names(&chain, &node)?;
        let asked = LogAsked { tail: TAIL_MAX, follow: false, previous };
        let lines = plane.node_log_stream(&caller, &chain, &node, asked).await?;
        Ok::<_, Error>(lines.collect::<Vec<String>>().await)
    };
    match read.await {
        Ok(lines) => {
            let name = format!("{chain}-{node}{}.log", if previous { "-previous" } else { "" });
            let content = content(&lines, previous, &headers);
            attachment(&name, "text/plain; charset=utf-8", content.into_bytes())
        }
        Err(error) => refusal::page(&plane, &headers, &caller, &error, &chain_page(&chain)).await,
    }
}

/// What stands in the file; where nothing of an earlier process is kept, a sentence that says so in the reader's language.
fn content(lines: &[String], previous: bool, headers: &HeaderMap) -> String {
    if previous && lines.is_empty() {
        let (lang, _) = refusal::look(headers);
        return format!("{}\n", lang.text().node().no_earlier_lines);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_earlier_lines_says_so_in_the_reader_s_language() {
        let mut chinese = HeaderMap::new();
        chinese.insert("accept-language", "zh-CN".parse().unwrap());
        let lines = ["a".to_owned(), "b".to_owned()];
        assert_eq!(content(&lines, true, &chinese), "a\nb\n");
        assert_eq!(content(&[], false, &chinese), "\n");
        assert!(content(&[], true, &HeaderMap::new()).starts_with("The host keeps no lines"));
        assert!(content(&[], true, &chinese).ends_with("。\n"));
    }

    #[test]
    fn only_a_plain_one_asks_for_the_process_before() {
        for (previous, expect) in [(None, false), (Some("0"), false), (Some(""), false), (Some("1"), true)] {
            let wanted = Wanted { tail: None, previous: previous.map(str::to_owned) };
            assert_eq!(wanted.is_previous(), expect, "{previous:?}");
        }
    }
}
