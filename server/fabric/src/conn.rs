//! One connection to one node: dialling, TLS, gRPC calls and small HTTP requests.
//!
//! Every protocol module talks through [`NodeConn`], so that limits, deadlines and certificate checks stand in
//! one place. How bytes reach the node is the caller's matter ([`Dial`]): a plain socket, a port of an engine or
//! a forwarded port of a cluster. TLS is always on and the node's name is always checked.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, future::BoxFuture};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Response, Uri, http::uri::PathAndQuery};
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::{
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::error::FabricError;

mod tls;

pub use tls::TlsSettings;

/// Largest gRPC message in both directions, as peers and orderers have it.
pub const MESSAGE_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Largest body of an HTTP answer (a list of channels, a health report).
pub const HTTP_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Time for dialling and the TLS handshake together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for one HTTP request after the connection stands.
pub const HTTP_TIMEOUT: Duration = Duration::from_secs(60);
/// Nodes close connections that ping more often than every 60 s.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(75);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);
const _: () = assert!(KEEP_ALIVE_INTERVAL.as_secs() >= 60, "nodes answer quicker pings with GOAWAY");

/// A byte stream in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A byte stream whose kind does not matter.
pub type BoxedStream = Box<dyn ByteStream>;

/// Opens byte streams to one node; called once per connection and again after a connection broke.
pub trait Dial: Send + Sync {
    /// A new stream to the node. [`NodeConn`] bounds the time.
    fn dial(&self) -> BoxFuture<'static, io::Result<BoxedStream>>;
}

/// Dials a host name or address over TCP.
#[derive(Clone, Debug)]
pub struct TcpDial(pub String, pub u16);

impl Dial for TcpDial {
    fn dial(&self) -> BoxFuture<'static, io::Result<BoxedStream>> {
        let Self(host, port) = self.clone();
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
            let stream = connect_any(&found, CONNECT_TIMEOUT).await?;
            stream.set_nodelay(true)?;
            let boxed: BoxedStream = Box::new(stream);
            Ok(boxed)
        })
    }
}

/// Connects to the first address that answers, in order. Each has its share of the time: one that is silent must not take
/// that of the others.
async fn connect_any(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    // One share more than there are addresses, so that some time is left for what follows.
    let shares = u32::try_from(addresses.len() + 1).unwrap_or(u32::MAX);
    let mut last = io::Error::new(io::ErrorKind::AddrNotAvailable, "the name has no address");
    for at in addresses {
        match timeout(limit / shares, TcpStream::connect(at)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = io::Error::new(error.kind(), format!("{at}: {error}")),
            Err(_) => last = io::Error::new(io::ErrorKind::TimedOut, format!("{at}: no answer in time")),
        }
    }
    Err(last)
}

/// A connection to one node; cheap to clone, connected on first use and again when it broke.
#[derive(Clone)]
pub struct NodeConn {
    inner: Arc<Inner>,
}

struct Inner {
    dial: Arc<dyn Dial>,
    tls: tls::Configs,
    channel: OnceLock<Channel>,
}

impl fmt::Debug for NodeConn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NodeConn").field("server_name", &self.inner.tls.name).finish_non_exhaustive()
    }
}

impl NodeConn {
    /// Reads certificates and key; nothing is dialled yet.
    pub fn new(dial: Arc<dyn Dial>, settings: TlsSettings) -> Result<Self, FabricError> {
        let tls = tls::Configs::new(&settings)?;
        Ok(Self { inner: Arc::new(Inner { dial, tls, channel: OnceLock::new() }) })
    }

    /// SHA-256 of the client certificate's DER, which deliver requests carry; `None` without a certificate.
    pub fn client_cert_hash(&self) -> Option<&[u8]> {
        self.inner.tls.client_cert_hash.as_deref()
    }

    /// The name that the node's certificate must carry; an IPv6 address stands in brackets.
    pub fn server_name(&self) -> &str {
        &self.inner.tls.name
    }

    /// One gRPC request, one answer, both within `deadline`, which the node is told as well.
    pub(crate) async fn unary<Req, Resp>(
        &self,
        path: &'static str,
        message: Req,
        deadline: Duration,
    ) -> Result<Resp, FabricError>
    where
        Req: Message + Send + Sync + 'static,
        Resp: Message + Default + Send + Sync + 'static,
    {
        let mut request = tonic::Request::new(message);
        request.set_timeout(deadline);
        let call = async {
            let mut grpc = self.grpc()?;
            grpc.ready().await.map_err(|error| transport_error(error.into()))?;
            let codec = ProstCodec::<Req, Resp>::default();
            let answer = grpc.unary(request, PathAndQuery::from_static(path), codec).await;
            answer.map(tonic::Response::into_inner).map_err(|status| match status.code() {
                // The transport watches the same deadline and may be the first to notice; nobody else cancels.
                tonic::Code::Cancelled => FabricError::Timeout { what: path, after: deadline },
                _ => FabricError::from_status(&status),
            })
        };
        timeout(deadline, call).await.map_err(|_| FabricError::Timeout { what: path, after: deadline })?
    }

    /// A gRPC call with streams in both directions; `deadline` bounds only the opening.
    pub(crate) async fn streaming<Req, Resp>(
        &self,
        path: &'static str,
        messages: impl Stream<Item = Req> + Send + 'static,
        deadline: Duration,
    ) -> Result<tonic::Streaming<Resp>, FabricError>
    where
        Req: Message + Send + Sync + 'static,
        Resp: Message + Default + Send + Sync + 'static,
    {
        let call = async {
            let mut grpc = self.grpc()?;
            grpc.ready().await.map_err(|error| transport_error(error.into()))?;
            let codec = ProstCodec::<Req, Resp>::default();
            let request = tonic::Request::new(messages);
            let answer = grpc.streaming(request, PathAndQuery::from_static(path), codec).await;
            answer.map(tonic::Response::into_inner).map_err(|status| FabricError::from_status(&status))
        };
        timeout(deadline, call).await.map_err(|_| FabricError::Timeout { what: path, after: deadline })?
    }

    /// One HTTP/1.1 request on a connection of its own. The target is given as a path; a `Host` header is added.
    /// Any status is an answer; only connection failures, oversized bodies and time-outs are errors.
    pub async fn http(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>, FabricError> {
        let stream = self.inner.connect_http().await.map_err(FabricError::Connect)?;
        let host = self.inner.tls.name.parse().map_err(|_| FabricError::Settings("server name".into()))?;
        request.headers_mut().entry(hyper::header::HOST).or_insert(host);
        let exchange = async {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(http_error)?;
            let answer = async {
                let answer = sender.send_request(request).await.map_err(http_error)?;
                let (head, body) = answer.into_parts();
                let body = Limited::new(body, HTTP_BODY_BYTES_MAX).collect().await;
                let body = body.map_err(|error| FabricError::Connect(io::Error::other(error)))?;
                Ok(Response::from_parts(head, body.to_bytes()))
            };
            // The connection has to be driven while the answer is read; the answer ends both.
            tokio::pin!(connection, answer);
            tokio::select! {
                biased;
                done = &mut answer => done,
                ended = &mut connection => match ended {
                    Ok(()) => answer.await,
                    Err(error) => Err(http_error(error)),
                },
            }
        };
        let late = |_| FabricError::Timeout { what: "an HTTP request", after: HTTP_TIMEOUT };
        timeout(HTTP_TIMEOUT, exchange).await.map_err(late)?
    }

    fn grpc(&self) -> Result<Grpc<Channel>, FabricError> {
        let channel = match self.inner.channel.get() {
            Some(channel) => channel.clone(),
            None => {
                let made = self.make_channel()?;
                self.inner.channel.get_or_init(|| made).clone()
            }
        };
        Ok(Grpc::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }

    /// TLS is done by our own connector, so the endpoint itself is a plain one with a `https` origin.
    fn make_channel(&self) -> Result<Channel, FabricError> {
        let unusable = |_| FabricError::Settings("server name".into());
        let name = &self.inner.tls.name;
        let origin: Uri = format!("https://{name}").parse().map_err(unusable)?;
        let endpoint = Endpoint::from_shared(format!("http://{name}"))
            .map_err(|_| FabricError::Settings("server name".into()))?
            .origin(origin)
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT);
        let inner = Arc::clone(&self.inner);
        let connector = tower::service_fn(move |_: Uri| {
            let inner = Arc::clone(&inner);
            async move { inner.connect(&inner.tls.grpc).await.map(TokioIo::new) }
        });
        Ok(endpoint.connect_with_connector_lazy(connector))
    }
}

impl Inner {
    async fn connect(&self, config: &Arc<rustls::ClientConfig>) -> io::Result<TlsStream<BoxedStream>> {
        let connecting = async {
            let stream = self.dial.dial().await?;
            TlsConnector::from(Arc::clone(config)).connect(self.tls.server_name.clone(), stream).await
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "no connection within the time limit");
        timeout(CONNECT_TIMEOUT, connecting).await.map_err(late)?
    }

    async fn connect_http(&self) -> io::Result<TlsStream<BoxedStream>> {
        self.connect(&self.tls.http).await
    }
}

fn transport_error(error: Box<dyn std::error::Error + Send + Sync>) -> FabricError {
    FabricError::from_status(&tonic::Status::from_error(error))
}

fn http_error(error: hyper::Error) -> FabricError {
    FabricError::Connect(io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    const LIMIT: Duration = Duration::from_millis(900);
    /// A local connection that is not there by then will not come.
    const FULL: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn an_address_that_does_not_answer_leaves_the_next_one_its_time() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let deaf = socket.listen(1).unwrap();
        let silent = deaf.local_addr().unwrap();
        // Nobody accepts: when the queue is full, whoever knocks gets no answer.
        let mut queue = Vec::new();
        while let Ok(connected) = timeout(FULL, TcpStream::connect(silent)).await {
            queue.push(connected.unwrap());
            assert!(queue.len() < 64, "the queue of one connection takes {}", queue.len());
        }
        let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = open.local_addr().unwrap();
        let connected = timeout(LIMIT, connect_any(&[silent, at], LIMIT)).await.unwrap();
        assert_eq!(connected.unwrap().peer_addr().unwrap(), at);
        let error = connect_any(&[], LIMIT).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    }
}
