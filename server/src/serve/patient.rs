//! Bodies of requests, with an end to waiting: whoever sends a byte now and then does not keep a request open for ever.
//! Only time in which the peer lets us wait counts; how slowly a body is read is not the peer's fault.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use hyper::body::{Body as HttpBody, Bytes, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

/// What keeps a body going: so many bytes make good for a second of waiting.
const BYTES_PER_SECOND: u64 = 1_024;

/// Why a body ended before its end.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the body comes too slowly")]
pub struct TooSlow;

/// A body that is waited for no longer than its patience lasts.
#[derive(Debug)]
pub struct Patient<B> {
    body: B,
    /// Patience that is left.
    left: Duration,
    /// Most patience there ever is: the longest wait for one piece.
    most: Duration,
    /// Since when the peer has let us wait, and when there is no patience left.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<B> Patient<B> {
    /// A body whose next piece may take so long.
    pub fn new(body: B, most: Duration) -> Self {
        Self { body, left: most, most, waiting: None }
    }

    fn came(&mut self, bytes: usize) {
        if let Some((since, _)) = self.waiting.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let earned = Duration::from_millis(bytes.saturating_mul(1_000) / BYTES_PER_SECOND);
        self.left = self.left.saturating_add(earned).min(self.most);
    }
}

impl<B> HttpBody for Patient<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Poll::Ready(next) = Pin::new(&mut this.body).poll_frame(context) else {
            let left = this.left;
            let (_, end) = this.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
            return end.as_mut().poll(context).map(|()| Some(Err(TooSlow.into())));
        };
        let frame = match next {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            None => return Poll::Ready(None),
        };
        this.came(frame.data_ref().map_or(0, Bytes::len));
        Poll::Ready(Some(Ok(frame)))
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
    use axum::body::Body;
    use futures::StreamExt;
    use http_body_util::BodyExt;

    use super::*;

    const MOST: Duration = Duration::from_secs(1);

    /// Twenty pieces, one in a tenth of a second: no single one takes long.
    async fn read(piece: &'static [u8]) -> Result<usize, BoxError> {
        let pieces = futures::stream::iter(0..20).then(move |_| async move {
            sleep(MOST / 10).await;
            Ok::<_, std::io::Error>(Bytes::from_static(piece))
        });
        let body = Patient::new(Body::from_stream(pieces), MOST);
        body.collect().await.map(|whole| whole.to_bytes().len())
    }

    #[tokio::test]
    async fn a_body_that_trickles_ends_and_one_that_flows_does_not() {
        let (trickles, flows) = tokio::join!(read(b"x"), read(&[7; 1_024]));
        assert!(trickles.unwrap_err().is::<TooSlow>());
        assert_eq!(flows.unwrap(), 20 * 1_024);
    }

    #[tokio::test]
    async fn a_slow_reader_is_no_slow_sender() {
        // Each is waited for, so that an account of the time in which nobody asked would have no patience left.
        let pieces = futures::stream::iter([b"a", b"b"]).then(|piece| async move {
            tokio::task::yield_now().await;
            Ok::<_, std::io::Error>(&piece[..])
        });
        let mut body = Patient::new(Body::from_stream(pieces), Duration::from_millis(50));
        assert!(body.frame().await.unwrap().is_ok());
        sleep(Duration::from_millis(200)).await;
        assert!(body.frame().await.unwrap().is_ok());
        assert!(body.frame().await.is_none());
    }
}
