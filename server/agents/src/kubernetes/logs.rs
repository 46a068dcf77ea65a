//! What a node printed, line by line.
//!
//! A machine ends its stream when the process ends, and keeps nothing of a pod that is gone. Whoever follows a node wants
//! to see it come back, so the stream is opened again from the last line on, until the node itself is gone. Both outputs
//! of a process are one stream on a cluster.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures::StreamExt;
use futures::io::{AsyncBufRead, AsyncBufReadExt};
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::LogParams;

use super::cluster::Cluster;
use super::{pods, request, status};
use crate::{AgentError, LogLine, LogOptions, LogSource, NodeRef};

/// Between two looks at a node that does not run.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Bytes of one line that are read; the rest of it is left out.
const LINE_MAX: usize = 64 * 1024;

type Lines = BoxStream<'static, Result<LogLine, AgentError>>;
type Reader = Box<dyn AsyncBufRead + Send + Unpin>;

/// Reads a node's lines.
pub(super) async fn read(
    cluster: &Arc<Cluster>,
    node: &NodeRef,
    options: &LogOptions,
) -> Result<Lines, AgentError> {
    let mut reading = Reading {
        cluster: Arc::clone(cluster),
        node: node.clone(),
        // What is over has an end.
        follow: options.follow && !options.previous,
        previous: options.previous,
        tail: options.tail,
        since: options.since,
        told: None,
        opened_after: None,
        lines: None,
    };
    reading.open().await?;
    let lines = futures::stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        match reading.next().await {
            Some(Ok(line)) => Some((Ok(line), Some(reading))),
            // After an error nothing more comes.
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    });
    Ok(lines.boxed())
}

/// How far the lines of a node were read.
struct Reading {
    cluster: Arc<Cluster>,
    node: NodeRef,
    follow: bool,
    previous: bool,
    tail: Option<u32>,
    since: Option<SystemTime>,
    /// Time of the latest line that was told.
    told: Option<SystemTime>,
    /// The same when the stream was opened. Within one stream times may step back a little, because the two
    /// outputs of a process are stamped apart.
    opened_after: Option<SystemTime>,
    lines: Option<Reader>,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<LogLine, AgentError>> {
        loop {
            let Some(lines) = self.lines.as_mut() else {
                if !self.follow {
                    return None;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
                match self.open().await {
                    Ok(()) => continue,
                    Err(AgentError::NotFound(_)) => return None,
                    Err(error) => return Some(Err(error)),
                }
            };
            match next_line(lines).await {
                Ok(Some(bytes)) => {
                    let line = read_line(&bytes);
                    let time = line.time.as_deref().and_then(parse_time);
                    if self.was_told(time) || !is_since(time, self.since) {
                        continue;
                    }
                    self.told = self.told.max(time);
                    return Some(Ok(line));
                }
                // Whoever follows goes on after an end and after an interruption.
                Ok(None) => self.lines = None,
                Err(_) if self.follow => self.lines = None,
                Err(error) => {
                    let what = format!("logs of {}: {error}", self.node);
                    return Some(Err(AgentError::Unreachable(what)));
                }
            }
        }
    }

    fn was_told(&self, time: Option<SystemTime>) -> bool {
        matches!((time, self.opened_after), (Some(time), Some(told)) if time <= told)
    }

    /// Asks for the lines from the last one on. The machine counts in whole seconds; the rest is filtered. A node without
    /// a pod, or whose process has not begun, has no lines yet.
    async fn open(&mut self) -> Result<(), AgentError> {
        self.lines = None;
        self.opened_after = self.told;
        status::require(&self.cluster, &self.node).await?;
        let found = pods::of_node(&self.cluster, &self.node).await?;
        let Some(pod) = pods::current(&found) else { return Ok(()) };
        let Some(container) = pods::container(pod) else { return Ok(()) };
        let has_lines = if self.previous { container.restart_count > 0 } else { has_begun(pod) };
        if !has_lines {
            return Ok(());
        }
        let asked = LogParams {
            container: Some(container.name.clone()),
            follow: self.follow,
            previous: self.previous,
            timestamps: true,
            since_time: self.told.or(self.since).and_then(|from| Timestamp::try_from(from).ok()),
            tail_lines: self.tail.filter(|_| self.told.is_none()).map(i64::from),
            ..LogParams::default()
        };
        let api: Api<Pod> = self.cluster.within(&self.cluster.namespace_of(&self.node));
        let name = pod.metadata.name.clone().unwrap_or_default();
        let opened = request::within(&format!("logs of {}", self.node), api.log_stream(&name, &asked)).await;
        match opened {
            Ok(lines) => self.lines = Some(Box::new(Box::pin(lines))),
            // The process or its pod has gone since we looked, or has not quite begun: there is nothing to read now.
            Err(AgentError::NotFound(_)) => {}
            Err(AgentError::Refused(said)) if has_nothing(&said) => {}
            Err(AgentError::Engine { message, .. }) if has_nothing(&message) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// True when a pod's process runs or did run.
fn has_begun(pod: &Pod) -> bool {
    pods::is_running(pod) || pods::last_end(pod).is_some()
}

/// True when a machine says that there is nothing to read: the process has not begun, or that of before is forgotten.
fn has_nothing(said: &str) -> bool {
    ["waiting to start", "previous terminated container"].iter().any(|words| said.contains(words))
}

/// The next line without its end; `None` at the end.
async fn next_line(lines: &mut Reader) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut has_any = false;
    loop {
        let available = lines.fill_buf().await?;
        if available.is_empty() {
            return Ok(has_any.then_some(line));
        }
        has_any = true;
        let end = available.iter().position(|byte| *byte == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        let room = LINE_MAX.saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let used = part.len() + usize::from(end.is_some());
        lines.consume_unpin(used);
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

fn is_since(time: Option<SystemTime>, since: Option<SystemTime>) -> bool {
    match (time, since) {
        (Some(time), Some(since)) => time >= since,
        _ => true,
    }
}

fn parse_time(text: &str) -> Option<SystemTime> {
    text.parse::<Timestamp>().ok().map(SystemTime::from)
}

/// Reads one message: time, a blank, the line.
fn read_line(message: &[u8]) -> LogLine {
    let whole = String::from_utf8_lossy(message);
    let whole = whole.trim_end_matches('\r');
    let (time, text) = match whole.split_once(' ') {
        Some((time, text)) if parse_time(time).is_some() => (Some(time.to_owned()), text),
        // An empty line is its time alone.
        _ if parse_time(whole).is_some() => (Some(whole.to_owned()), ""),
        _ => (None, whole),
    };
    LogLine { source: LogSource::Out, time, text: text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<SystemTime> {
        parse_time(text)
    }

    #[test]
    fn a_machine_that_has_nothing_to_read_is_no_failure() {
        assert!(has_nothing("container \"node\" in pod \"peer0-0\" is waiting to start: ContainerCreating"));
        assert!(has_nothing("previous terminated container \"node\" in pod \"peer0-0\" not found"));
        assert!(!has_nothing("the server does not allow this method"));
    }

    #[test]
    fn a_message_is_split_into_time_and_line() {
        let check = |message: &str, time: Option<&str>, text: &str| {
            let line = read_line(message.as_bytes());
            assert_eq!((line.time.as_deref(), line.text.as_str()), (time, text));
        };
        let time = "2026-11-20T22:16:39.233843677Z";
        check("2026-11-20T22:16:39.233843677Z hello  world", Some(time), "hello  world");
        check("2026-11-20T22:16:39.233843677Z ", Some(time), "");
        check("2026-11-20T22:16:39.233843677Z", Some(time), "");
        check("no time here\r", None, "no time here");
    }

    #[test]
    fn lines_before_the_moment_are_left_out() {
        let since = at("2026-11-20T22:16:39.5Z");
        assert!(is_since(at("2026-11-20T22:16:39.500000001Z"), since));
        assert!(!is_since(at("2026-11-20T22:16:39.499999999Z"), since));
        assert!(is_since(at("2000-01-01T00:00:00Z"), None) && is_since(None, since));
    }

    #[tokio::test]
    async fn lines_end_where_they_end_and_long_ones_are_cut() {
        let long = format!("{}\nrest", "x".repeat(LINE_MAX + 10));
        let text = format!("a\n\n{long}");
        let mut lines: Reader = Box::new(futures::io::Cursor::new(text.into_bytes()));
        let mut sizes = Vec::new();
        while let Some(line) = next_line(&mut lines).await.unwrap() {
            sizes.push(line.len());
        }
        assert_eq!(sizes, [1, 0, LINE_MAX, 4]);
    }
}
