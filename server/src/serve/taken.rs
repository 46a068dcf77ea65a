//! Answers over HTTP/2, with an end to waiting for the client. There it says for each answer how much of it may be sent:
//! one that says "nothing" would keep the answer, and what stands behind it, for ever. Over HTTP/1 the connection itself
//! shows that nobody reads.

use std::sync::Arc;
use std::time::Duration;

use hyper::rt::Executor;
use tokio::sync::watch;
use tokio::time::Instant;

/// So many bytes may take a second, beside the wait that every piece may take.
const BYTES_PER_SECOND: u64 = 1_024;

tokio::task_local! {
    /// The client of the stream whose task this is.
    static TAKER: Taker;
}

/// Until when the client has to take what it was given; no time while it waits for us.
type Due = Option<Instant>;

/// The client of one stream.
#[derive(Clone, Debug)]
pub struct Taker {
    due: Arc<watch::Sender<Due>>,
    most: Duration,
}

impl Taker {
    /// The client of the stream that is served here; none over HTTP/1.
    pub fn here() -> Option<Self> {
        TAKER.try_with(Clone::clone).ok()
    }

    /// It has these bytes to take before it is given more.
    pub fn takes(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let time = self.most.saturating_add(Duration::from_secs(bytes / BYTES_PER_SECOND));
        self.due.send_replace(Instant::now().checked_add(time));
    }

    /// It waits for us.
    pub fn waits(&self) {
        self.due.send_if_modified(|due| due.take().is_some());
    }
}

/// Runs the streams of a connection; one whose client takes nothing for too long ends, and the others go on.
#[derive(Clone, Debug)]
pub struct Streams {
    most: Duration,
}

impl Streams {
    /// Streams whose clients may take so long for each piece.
    pub fn new(most: Duration) -> Self {
        Self { most }
    }
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        let (due, watched) = watch::channel(None);
        let stream = TAKER.scope(Taker { due: Arc::new(due), most: self.most }, stream);
        tokio::spawn(async move {
            tokio::select! {
                _ = stream => {}
                () = late(watched) => tracing::debug!("an answer that nobody takes is let go"),
            }
        });
    }
}

/// Waits until the client is late.
async fn late(mut due: watch::Receiver<Due>) {
    loop {
        let until = *due.borrow_and_update();
        let changed = match until {
            Some(until) => tokio::time::timeout_at(until, due.changed()).await,
            None => Ok(due.changed().await),
        };
        match changed {
            Ok(Ok(())) => {}
            // Nobody gives anything any more: the stream ends by itself.
            Ok(Err(_)) => return std::future::pending().await,
            Err(_) => return,
        }
    }
}
