//! Connections to an API server, as the HTTP client wants them.
//!
//! The address is resolved, checked and dialled in one go (`crate::dial`); what the HTTP client says about where to go is
//! not looked at, so that no redirect and no request can lead elsewhere.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tower::Service;

use crate::ProbeFailure;
use crate::dial::{TlsRoute, UnderWay};

/// Opens connections to one API server.
#[derive(Clone)]
pub(super) struct Connector(Arc<TlsRoute>);

impl Connector {
    pub(super) fn new(route: Arc<TlsRoute>) -> Self {
        Self(route)
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = ProbeFailure;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, ProbeFailure>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ProbeFailure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _anywhere: Uri) -> Self::Future {
        let route = Arc::clone(&self.0);
        Box::pin(async move {
            let stream = route.open(&UnderWay::default()).await?;
            Ok(Stream(TokioIo::new(stream)))
        })
    }
}

/// An open connection. It is always HTTP/1.1, which is what `Connected::new` says.
pub(super) struct Stream(TokioIo<TlsStream<TcpStream>>);

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, buffer)
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write_vectored(cx, parts)
    }
}
