//! What a node printed, line by line.
//!
//! The engine ends its stream when the process ends. Whoever follows a node wants to see it come back, so the
//! stream is opened again from the last line on, until the node itself is gone.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use futures::StreamExt;
use futures::stream::BoxStream;

use super::client::Client;
use super::failure::failure;
use super::probe::parse_time;
use super::{names, status};
use crate::{AgentError, LogLine, LogOptions, LogSource, NodeRef};

/// Between two looks at a node that does not run.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

type Lines = BoxStream<'static, Result<LogLine, AgentError>>;

/// Reads a node's lines.
pub(crate) async fn read(
    client: &Arc<Client>,
    node: &NodeRef,
    options: &LogOptions,
) -> Result<Lines, AgentError> {
    status::require(client, node).await?;
    let mut reading = Reading {
        client: Arc::clone(client),
        node: node.clone(),
        follow: options.follow,
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
    client: Arc<Client>,
    node: NodeRef,
    follow: bool,
    tail: Option<u32>,
    since: Option<SystemTime>,
    /// Time of the latest line that was told.
    told: Option<SystemTime>,
    /// The same when the stream was opened. Within one stream times may step back a little, because the two
    /// outputs of a process are stamped apart.
    opened_after: Option<SystemTime>,
    lines: Option<Lines>,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<LogLine, AgentError>> {
        loop {
            let Some(lines) = self.lines.as_mut() else {
                tokio::time::sleep(LOOK_AGAIN).await;
                match self.open().await {
                    Ok(()) => continue,
                    Err(AgentError::NotFound(_)) => return None,
                    Err(error) => return Some(Err(error)),
                }
            };
            match lines.next().await {
                Some(Ok(line)) => {
                    let time = line.time.as_deref().and_then(parse_time);
                    if self.was_told(time) {
                        continue;
                    }
                    self.told = self.told.max(time);
                    return Some(Ok(line));
                }
                Some(Err(AgentError::NotFound(_))) | None if self.follow => self.lines = None,
                end => return end,
            }
        }
    }

    fn was_told(&self, time: Option<SystemTime>) -> bool {
        matches!((time, self.opened_after), (Some(time), Some(told)) if time <= told)
    }

    /// Asks for the lines from the last one on. The engine counts in whole seconds; the rest is filtered.
    async fn open(&mut self) -> Result<(), AgentError> {
        status::require(&self.client, &self.node).await?;
        let from = self.told.or(self.since);
        let from_seconds =
            from.and_then(|from| from.duration_since(UNIX_EPOCH).ok()).map(|from| from.as_secs());
        let tail = self.tail.filter(|_| self.told.is_none());
        let asked = LogsOptions {
            follow: self.follow,
            stdout: true,
            stderr: true,
            timestamps: true,
            since: from_seconds.and_then(|from| i32::try_from(from).ok()).unwrap_or_default(),
            tail: tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
            ..LogsOptions::default()
        };
        let docker = self.client.docker().await?;
        let what = format!("logs of {}", self.node);
        let since = self.since;
        let lines = docker.logs(&names::container(&self.node), Some(asked)).filter_map(move |part| {
            let line = match part {
                Ok(part) => read_line(part).filter(|line| is_since(line, since)).map(Ok),
                Err(error) => Some(Err(failure(&what, error))),
            };
            async move { line }
        });
        self.lines = Some(lines.boxed());
        self.opened_after = self.told;
        Ok(())
    }
}

fn is_since(line: &LogLine, since: Option<SystemTime>) -> bool {
    let Some(since) = since else { return true };
    line.time.as_deref().and_then(parse_time).is_none_or(|time| time >= since)
}

/// Reads one message: time, a blank, the line.
fn read_line(part: LogOutput) -> Option<LogLine> {
    let (source, message) = match part {
        LogOutput::StdErr { message } => (LogSource::Err, message),
        LogOutput::StdOut { message } | LogOutput::Console { message } => (LogSource::Out, message),
        LogOutput::StdIn { .. } => return None,
    };
    let whole = String::from_utf8_lossy(&message);
    let whole = whole.trim_end_matches(['\n', '\r']);
    let (time, text) = match whole.split_once(' ') {
        Some((time, text)) if parse_time(time).is_some() => (Some(time.to_owned()), text),
        // An empty line is its time alone.
        _ if parse_time(whole).is_some() => (Some(whole.to_owned()), ""),
        _ => (None, whole),
    };
    Some(LogLine { source, time, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_split_into_time_and_line() {
        let check = |message: &'static str, time: Option<&str>, text: &str| {
            let line = read_line(LogOutput::StdErr { message: message.into() }).unwrap();
            assert_eq!((line.time.as_deref(), line.text.as_str()), (time, text));
            assert_eq!(line.source, LogSource::Err);
        };
        let at = "2026-11-20T22:16:39.233843677Z";
        check("2026-11-20T22:16:39.233843677Z hello  world\n", Some(at), "hello  world");
        check("2026-11-20T22:16:39.233843677Z \n", Some(at), "");
        check("2026-11-20T22:16:39.233843677Z", Some(at), "");
        check("no time here\r\n", None, "no time here");
    }

    #[test]
    fn lines_before_the_moment_are_left_out() {
        let line =
            |time: &str| LogLine { source: LogSource::Out, time: Some(time.into()), text: String::new() };
        let since = parse_time("2026-11-20T22:16:39.5Z");
        assert!(is_since(&line("2026-11-20T22:16:39.500000001Z"), since));
        assert!(!is_since(&line("2026-11-20T22:16:39.499999999Z"), since));
        assert!(is_since(&line("2000-01-01T00:00:00Z"), None));
    }
}
