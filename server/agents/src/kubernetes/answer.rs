//! The bounds of an answer: how long it may take and how large it may get.
//!
//! An ordinary answer is there as a whole within the time of its request. A watch is silent for longer, but never for
//! good: the server ends it itself. Logs that are followed are silent as long as their node is, and a connection that
//! died looks the same: after a long silence their reader opens them again, from the last line on.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};
use tower::BoxError;

/// An ordinary answer that takes longer has failed.
pub(super) const REQUEST_MAX: Duration = Duration::from_secs(60);
/// A watch that is silent for longer is dead: every one of ours asks the server to end it after 60 seconds.
const WATCH_SILENCE_MAX: Duration = Duration::from_secs(75);
/// Logs that are silent for longer are opened again: nothing else would show that their connection died.
const LOG_SILENCE_MAX: Duration = Duration::from_secs(300);
/// An ordinary answer is not larger: 500 objects of the largest size that lists of ours have.
const ANSWER_MAX: usize = 64 * 1024 * 1024;
/// One line of a stream, which is one event of a watch, is not longer.
const LINE_MAX: usize = 8 * 1024 * 1024;

/// An answer that did not keep to its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    #[error("the answer is larger than {0} bytes")]
    Large(usize),
}

/// What sort of answer a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Whole,
    Watch,
    Followed,
}

impl Sort {
    /// How long such an answer may take as a whole, or be silent when it is a stream.
    const fn patience(self) -> Duration {
        match self {
            Self::Whole => REQUEST_MAX,
            Self::Watch => WATCH_SILENCE_MAX,
            Self::Followed => LOG_SILENCE_MAX,
        }
    }

    /// Reads it from the request.
    pub(super) fn of(uri: &Uri) -> Self {
        let asks = |wanted: &str| {
            let is_on = |value: &str| matches!(value, "true" | "1");
            uri.query()
                .unwrap_or_default()
                .split('&')
                .any(|part| part.split_once('=').is_some_and(|(key, value)| key == wanted && is_on(value)))
        };
        if asks("watch") {
            Self::Watch
        } else if asks("follow") {
            Self::Followed
        } else {
            Self::Whole
        }
    }
}

/// The body of an answer within its bounds.
pub(super) struct Answer {
    body: Incoming,
    sort: Sort,
    /// When it is over; a stream puts it off with all that it says.
    end: Pin<Box<Sleep>>,
    /// Bytes of the answer, or of its last line.
    seen: usize,
}

impl Answer {
    /// Bounds a body; `asked` is when its request was sent.
    pub(super) fn new(body: Incoming, sort: Sort, asked: Instant) -> Self {
        let from = if sort == Sort::Whole { asked } else { Instant::now() };
        let end = Box::pin(tokio::time::sleep_until(from + sort.patience()));
        Self { body, sort, end, seen: 0 }
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, BoxError> {
        let limit = if self.sort == Sort::Whole { ANSWER_MAX } else { LINE_MAX };
        if let Some(bytes) = frame.data_ref() {
            self.seen = seen(self.sort, self.seen, bytes);
        }
        if self.seen > limit {
            return Err(Broken::Large(limit).into());
        }
        if self.sort != Sort::Whole {
            self.end.as_mut().reset(Instant::now() + self.sort.patience());
        }
        Ok(frame)
    }
}

/// What counts against the limit after some more bytes.
fn seen(sort: Sort, before: usize, bytes: &[u8]) -> usize {
    match bytes.iter().rposition(|byte| *byte == b'\n') {
        Some(at) if sort != Sort::Whole => bytes.len() - at - 1,
        _ => before.saturating_add(bytes.len()),
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(this.take(frame))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match this.end.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Some(Err(Broken::Late(this.sort.patience()).into()))),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::super::pods;
    use super::*;

    #[test]
    fn the_request_tells_what_sort_of_answer_it_gets() {
        let check = |uri: &str, sort| assert_eq!(Sort::of(&uri.parse().unwrap()), sort, "{uri}");
        check("/api/v1/pods", Sort::Whole);
        check("/api/v1/pods?limit=500&labelSelector=watch%3Dtrue", Sort::Whole);
        check("/api/v1/pods?watch=false", Sort::Whole);
        check("/api/v1/pods?&watch=true&timeoutSeconds=60", Sort::Watch);
        check("/api/v1/namespaces/a/pods/b/log?follow=true&tailLines=5", Sort::Followed);
    }

    #[test]
    fn a_watch_outlives_what_it_asks_for_and_no_answer_is_waited_for_without_end() {
        let asked = Duration::from_secs(u64::from(pods::WATCH_SECONDS));
        assert!(Sort::Watch.patience() > asked && Sort::Watch.patience() < asked * 2);
        assert_eq!(Sort::Whole.patience(), REQUEST_MAX);
        assert!(Sort::Followed.patience() > Sort::Watch.patience());
    }

    #[test]
    fn a_stream_is_measured_by_its_lines_and_an_answer_as_a_whole() {
        assert_eq!(seen(Sort::Whole, 5, b"ab\ncd"), 10);
        assert_eq!(seen(Sort::Watch, 5, b"ab\ncd"), 2);
        assert_eq!(seen(Sort::Watch, 5, b"abcd"), 9);
        assert_eq!(seen(Sort::Followed, 5, b"abcd\n"), 0);
    }
}
