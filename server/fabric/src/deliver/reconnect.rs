//! A stream of blocks that survives broken connections.

use std::time::Duration;

use futures::{
    StreamExt,
    stream::{self, BoxStream},
};

use super::{DeliveredBlock, Start, Subscription, open, seek};
use crate::error::FabricError;

const WAIT_MS_MIN: u64 = 500;
const WAIT_MS_MAX: u64 = 30_000;
/// Failures in a row, without a block between them, after which the stream gives up (some three minutes).
const FAILURES_MAX: u32 = 10;

/// What [`blocks`] returns.
pub type Blocks = BoxStream<'static, Result<DeliveredBlock, FabricError>>;

struct State {
    subscription: Subscription,
    /// What to ask for when a stream is opened next.
    start: Start,
    stop: u64,
    opened: Option<Blocks>,
    failures: u32,
    is_done: bool,
}

/// Blocks from `start` to `stop` (`None`: without end), each once and in order. Connection failures are bridged
/// silently with growing pauses; an error is the last item.
pub fn blocks(subscription: Subscription, start: Start, stop: Option<u64>) -> Blocks {
    let stop = stop.unwrap_or(u64::MAX);
    let state = State { subscription, start, stop, opened: None, failures: 0, is_done: false };
    stream::unfold(state, |mut state| async move {
        if state.is_done {
            return None;
        }
        let item = state.next().await;
        state.is_done = !matches!(&item, Some(Ok(block)) if block.number < state.stop);
        item.map(|item| (item, state))
    })
    .boxed()
}

impl State {
    async fn next(&mut self) -> Option<Result<DeliveredBlock, FabricError>> {
        loop {
            let failure = match self.step().await {
                Ok(block) => {
                    self.failures = 0;
                    return match self.accept(&block) {
                        Ok(()) => Some(Ok(block)),
                        Err(error) => Some(Err(error)),
                    };
                }
                Err(failure) => failure,
            };
            self.opened = None;
            self.failures += 1;
            let is_final = failure.as_ref().is_some_and(|error| !error.is_retryable());
            if is_final || self.failures > FAILURES_MAX {
                return Some(Err(failure.unwrap_or(FabricError::Decode("the block stream"))));
            }
            tokio::time::sleep(wait(self.failures)).await;
        }
    }

    /// The next block of the open stream, or of a new one; `Err(None)` if the service ended the stream early.
    async fn step(&mut self) -> Result<DeliveredBlock, Option<FabricError>> {
        let opened = match &mut self.opened {
            Some(opened) => opened,
            empty => {
                let opened = open(&self.subscription, seek(self.start, self.stop)).await.map_err(Some)?;
                empty.insert(opened.boxed())
            }
        };
        opened.next().await.ok_or(None)?.map_err(Some)
    }

    /// Remembers where to go on, and refuses gaps and repetitions.
    fn accept(&mut self, block: &DeliveredBlock) -> Result<(), FabricError> {
        if matches!(self.start, Start::At(expected) if expected != block.number) {
            return Err(FabricError::Decode("the order of blocks"));
        }
        self.start = Start::At(block.number.saturating_add(1));
        Ok(())
    }
}

/// Doubles from half a second to half a minute.
fn wait(failures: u32) -> Duration {
    let factor = 1_u64.checked_shl(failures.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_millis(WAIT_MS_MIN.saturating_mul(factor).min(WAIT_MS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let pauses: Vec<_> =
            [1, 2, 3, 6, 7, 63, 64, 65, u32::MAX].map(wait).map(|pause| pause.as_millis()).into();
        assert_eq!(pauses, [500, 1000, 2000, 16_000, 30_000, 30_000, 30_000, 30_000, 30_000]);
    }
}
