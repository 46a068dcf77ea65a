//! What a node printed, line by line.

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::time::{SystemTime, UNIX_EPOCH};

use super::client::Client;
use super::failure::failure;
use super::probe::parse_time;
use super::{names, status};
use crate::{AgentError, LogLine, LogOptions, LogSource, NodeRef};

/// Reads a node's lines. The engine counts `since` in whole seconds; the rest is filtered here.
pub(crate) async fn read(
    client: &Client,
    node: &NodeRef,
    options: &LogOptions,
) -> Result<BoxStream<'static, Result<LogLine, AgentError>>, AgentError> {
    status::require(client, node).await?;
    let since_seconds = options.since.and_then(|since| since.duration_since(UNIX_EPOCH).ok());
    let asked = LogsOptions {
        follow: options.follow,
        stdout: true,
        stderr: true,
        timestamps: true,
        since: since_seconds.and_then(|since| i32::try_from(since.as_secs()).ok()).unwrap_or_default(),
        tail: options.tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
        ..LogsOptions::default()
    };
    let docker = client.docker().await?;
    let what = format!("logs of {node}");
    let name = names::container(node);
    let since = options.since;
    let lines = docker.logs(&name, Some(asked)).filter_map(move |part| {
        let line = match part {
            Ok(part) => read_line(part).filter(|line| is_since(line, since)).map(Ok),
            Err(error) => Some(Err(failure(&what, error))),
        };
        async move { line }
    });
    Ok(lines.boxed())
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
        let line = |time: &str| LogLine { source: LogSource::Out, time: Some(time.into()), text: String::new() };
        let since = parse_time("2026-11-20T22:16:39.5Z");
        assert!(is_since(&line("2026-11-20T22:16:39.500000001Z"), since));
        assert!(!is_since(&line("2026-11-20T22:16:39.499999999Z"), since));
        assert!(is_since(&line("2000-01-01T00:00:00Z"), None));
    }
}
