//! From the durable log to subscribers: one publisher per engine, in the order of the log.
//!
//! Writers do not send their events themselves: two of them could then send in another order than the log's, and a client
//! that reconnects after the higher number would miss the lower. They wake the publisher, which reads the log on.

use std::sync::Arc;

use tokio::sync::{Notify, OnceCell, broadcast};

use crate::clock::Clock;
use crate::log::{Log, LogError};
use crate::record::EventRecord;

/// Events that a slow subscriber may fall behind before it has to read the log itself.
const SUBSCRIBER_LAG_MAX: usize = 1_024;
/// Events read at once.
const READ_MAX: u32 = 500;
/// Wait after a failed read.
const READ_RETRY_MS: u64 = 500;
/// How often to look without being woken, for what other replicas wrote.
const LOOK_EVERY_MS: u64 = 1_000;

/// The way from the log to this process's subscribers.
pub(crate) struct Publisher {
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    sender: broadcast::Sender<EventRecord>,
    woken: Notify,
    first: OnceCell<u64>,
}

impl Publisher {
    pub(crate) fn new(log: Arc<dyn Log>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let (sender, _) = broadcast::channel(SUBSCRIBER_LAG_MAX);
        Arc::new(Self { log, clock, sender, woken: Notify::new(), first: OnceCell::new() })
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<EventRecord> {
        self.sender.subscribe()
    }

    /// Fixes where publishing begins. To be called before this engine's first write, else that may go unpublished.
    pub(crate) async fn ready(&self) -> Result<(), LogError> {
        self.first.get_or_try_init(|| self.log.last_sequence()).await.map(|_| self.woken.notify_one())
    }

    /// Tells that there are new events in the log.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    /// Publishes for ever; the engine's background task.
    pub(crate) async fn publish(self: Arc<Self>) {
        let mut last = loop {
            match self.first.get() {
                Some(first) => break *first,
                None => self.woken.notified().await,
            }
        };
        loop {
            match self.log.events_since(last, READ_MAX).await {
                Ok(events) if events.is_empty() => {
                    tokio::select! {
                        () = self.woken.notified() => {}
                        () = self.clock.guard(LOOK_EVERY_MS) => {}
                    }
                }
                Ok(events) => {
                    for event in events {
                        last = event.sequence;
                        // Nobody listening is fine: the log has it.
                        let _listeners = self.sender.send(event);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "events are not published for now");
                    self.clock.guard(READ_RETRY_MS).await;
                }
            }
        }
    }
}
