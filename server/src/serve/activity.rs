//! Whether anything is asked on a connection: who connects and asks nothing does not keep the connection for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::sync::watch;

use super::taken::Taker;

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
        Held { body, given: 0, taker: Taker::here(), _open: self }
    }
}

/// The body of an answer, and that its request is open.
#[derive(Debug)]
pub struct Held {
    body: Body,
    /// Bytes of the piece before: the next one is asked for when those are gone.
    given: usize,
    taker: Option<Taker>,
    _open: Open,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let Some(taker) = &self.taker else { return polled };
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            taker.takes(self.given.saturating_add(bytes));
            self.given = bytes;
        } else {
            taker.waits();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
