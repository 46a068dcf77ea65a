//! Whether anything is asked on a connection: who connects and asks nothing does not keep the connection for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::watch;

use super::taken::Taker;

/// Most bytes of an answer that are handed on at once over HTTP/2. What is handed on last waits for the client outside
/// of every watch: it must not be the whole answer.
const PIECE: usize = 16 * 1_024;

/// How many requests of a connection are open; nothing is known before the first one.
type Count = Option<usize>;

/// The requests of one connection.
#[derive(Clone, Debug)]
pub struct Activity {
    open: Arc<watch::Sender<Count>>,
}

impl Default for Activity {
    fn default() -> Self {
        let (open, _nobody_looks_yet) = watch::channel(None);
        Self { open: Arc::new(open) }
    }
}

impl Activity {
    /// A request begins.
    pub fn begin(&self) -> Open {
        self.open.send_modify(|count| *count = Some(count.unwrap_or_default() + 1));
        Open { of: self.clone() }
    }

    /// What to look at for silence.
    pub fn watch(&self) -> watch::Receiver<Count> {
        self.open.subscribe()
    }
}

/// Waits for silence: for `first` without any request, or for `idle` since the last one was answered.
pub async fn quiet(mut open: watch::Receiver<Count>, first: Duration, idle: Duration) {
    loop {
        let count = *open.borrow_and_update();
        let within = match count {
            None => first,
            Some(0) => idle,
            Some(_) => Duration::MAX,
        };
        match tokio::time::timeout(within, open.changed()).await {
            Ok(Ok(())) => {}
            // Nobody can ask any more: the connection ends by itself.
            Ok(Err(_)) => return std::future::pending().await,
            Err(_) => return,
        }
    }
}

/// A request that is open until it is dropped.
#[derive(Debug)]
pub struct Open {
    of: Activity,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.of.open.send_modify(|count| *count = count.map(|count| count.saturating_sub(1)));
    }
}

impl Open {
    /// Open as long as its answer is read: a stream of events is no silence.
    pub fn until_read(self, body: Body) -> Held {
        Held { body, rest: Bytes::new(), given: 0, taker: Taker::here(), _open: self }
    }
}

/// The body of an answer, and that its request is open.
#[derive(Debug)]
pub struct Held {
    body: Body,
    /// What the body gave and is not handed on yet.
    rest: Bytes,
    /// Bytes of the piece before: the next one is asked for when those are gone.
    given: usize,
    taker: Option<Taker>,
    _open: Open,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let held = self.get_mut();
        let Some(taker) = &held.taker else { return Pin::new(&mut held.body).poll_frame(context) };
        let frame = if held.rest.is_empty() {
            match Pin::new(&mut held.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                other => {
                    taker.waits();
                    return other;
                }
            }
        } else {
            Frame::data(std::mem::take(&mut held.rest))
        };
        let (frame, bytes) = match frame.into_data() {
            Ok(mut piece) => {
                held.rest = piece.split_off(piece.len().min(PIECE));
                let bytes = piece.len();
                (Frame::data(piece), bytes)
            }
            Err(trailers) => (trailers, 0),
        };
        taker.takes(held.given.saturating_add(bytes));
        held.given = bytes;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or_default();
        self.body.size_hint() + SizeHint::with_exact(rest)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use hyper::rt::Executor;
    use tokio::sync::oneshot;

    use super::super::taken::Streams;
    use super::*;

    /// What is handed on of an answer, and after each piece whether it was the last one and how much remains.
    async fn pieces(answer: &Bytes) -> Vec<(Bytes, bool, Option<u64>)> {
        let mut held = Activity::default().begin().until_read(Body::from(answer.clone()));
        let mut pieces = Vec::new();
        while let Some(frame) = held.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            pieces.push((piece, held.is_end_stream(), held.size_hint().exact()));
        }
        pieces
    }

    #[tokio::test]
    async fn a_large_answer_is_handed_on_piece_by_piece_over_http_2() {
        let answer: Bytes = (0..PIECE * 2 + 5).map(|at| b"0123456789"[at % 10]).collect();
        assert_eq!(pieces(&answer).await, [(answer.clone(), true, Some(0))]);
        let (done, given) = oneshot::channel();
        let whole = answer.clone();
        Streams::new(Duration::from_secs(60)).execute(async move { done.send(pieces(&whole).await) });
        let given = given.await.unwrap();
        let ends: Vec<_> = given.iter().map(|(piece, last, left)| (piece.len(), *last, *left)).collect();
        let left = |bytes: usize| u64::try_from(bytes).ok();
        assert_eq!(ends, [(PIECE, false, left(PIECE + 5)), (PIECE, false, left(5)), (5, true, left(0))]);
        assert_eq!(given.into_iter().flat_map(|(piece, ..)| piece).collect::<Bytes>(), answer);
    }
}
