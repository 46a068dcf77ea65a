//! Connections with an end to waiting for the peer's hands: whoever asks for something and never reads it does not keep
//! a place for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connection on which nothing may stay unsent longer than this.
#[derive(Debug)]
pub struct Pressed<S> {
    stream: S,
    most: Duration,
    /// When a write that the peer holds up fails.
    held_up: Option<Pin<Box<Sleep>>>,
}

impl<S> Pressed<S> {
    /// A connection whose peer may hold up each write so long.
    pub fn new(stream: S, most: Duration) -> Self {
        Self { stream, most, held_up: None }
    }

    fn bounded<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.held_up = None;
            return written;
        }
        let most = self.most;
        let end = self.held_up.get_or_insert_with(|| Box::pin(sleep(most)));
        let unread = || io::Error::new(io::ErrorKind::TimedOut, "the peer does not read");
        end.as_mut().poll(context).map(|()| Err(unread()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Pressed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Pressed<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.bounded(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(context);
        this.bounded(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let ended = Pin::new(&mut this.stream).poll_shutdown(context);
        this.bounded(context, ended)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const MOST: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn who_does_not_read_is_let_go_and_who_reads_slowly_is_not() {
        let (ours, _never_read) = duplex(8);
        let error = Pressed::new(ours, MOST).write_all(&[7; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (ours, mut theirs) = duplex(8);
        let slow = async {
            let mut piece = [0; 8];
            for _ in 0..8 {
                sleep(MOST / 4).await;
                theirs.read_exact(&mut piece).await.unwrap();
            }
        };
        let mut pressed = Pressed::new(ours, MOST);
        let (written, ()) = tokio::join!(pressed.write_all(&[7; 64]), slow);
        written.unwrap();
    }
}
