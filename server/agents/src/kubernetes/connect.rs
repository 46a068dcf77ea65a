//! Connections to ports of nodes: through the API server, or straight to the Service where the portal runs in the
//! cluster itself. Nothing has to be published for either.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::core::v1::{Pod, Service};
use kube::Api;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::apply::{self, Owner};
use super::cluster::Cluster;
use super::{pods, request, status};
use crate::{AgentError, BoxedStream, NodeRef};

/// Opens a connection to a port of a node.
pub(super) async fn connect(cluster: &Cluster, node: &NodeRef, port: u16) -> Result<BoxedStream, AgentError> {
    status::require(cluster, node).await?;
    let found = pods::of_node(cluster, node).await?;
    let not_running = || AgentError::NotFound(format!("a running process of {node}"));
    let pod = pods::current(&found).filter(|pod| pods::is_running(pod)).ok_or_else(not_running)?;
    if cluster.client.in_cluster {
        return dial(cluster, node, port).await;
    }
    let api: Api<Pod> = cluster.within(&cluster.namespace_of(node));
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let what = format!("port {port} of {node}");
    let mut forwarder = request::within(&what, api.portforward(name, &[port])).await?;
    let none = || AgentError::Unreachable(format!("{what}: the API server forwards nothing"));
    let stream = forwarder.take_stream(port).ok_or_else(none)?;
    let error = forwarder.take_error(port).map(|error| error.boxed());
    Ok(Box::new(Forwarded { stream, error }))
}

/// Goes to the node's Service, which every port of a node has.
async fn dial(cluster: &Cluster, node: &NodeRef, port: u16) -> Result<BoxedStream, AgentError> {
    let namespace = cluster.namespace_of(node);
    let services: Api<Service> = cluster.within(&namespace);
    let service = apply::find(&services, &node.node, Owner::Node(node)).await?;
    if !service.is_some_and(|service| serves(&service, port)) {
        return Err(AgentError::NotFound(format!("port {port} of {node}")));
    }
    let stream = cluster.client.dial(&format!("{}.{namespace}.svc", node.node), port).await?;
    Ok(Box::new(stream))
}

fn serves(service: &Service, port: u16) -> bool {
    let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_ref());
    ports.into_iter().flatten().any(|served| served.port == i32::from(port))
}

/// A forwarded connection. The API server tells on another way when it cannot forward; without a look there a port on
/// which nobody listens would seem to be one that says nothing.
struct Forwarded {
    stream: DuplexStream,
    error: Option<BoxFuture<'static, Option<String>>>,
}

impl Forwarded {
    /// What the API server said, if it said something.
    fn failure(&mut self, cx: &mut Context<'_>) -> Option<io::Error> {
        let told = self.error.as_mut()?.as_mut().poll(cx);
        let Poll::Ready(told) = told else { return None };
        self.error = None;
        told.map(|message| io::Error::new(io::ErrorKind::ConnectionRefused, message))
    }
}

impl AsyncRead for Forwarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match read {
            Poll::Ready(Ok(())) if buffer.filled().len() == before && buffer.remaining() > 0 => {
                Poll::Ready(self.failure(cx).map_or(Ok(()), Err))
            }
            Poll::Pending => match self.failure(cx) {
                Some(error) => Poll::Ready(Err(error)),
                None => Poll::Pending,
            },
            ended => ended,
        }
    }
}

impl AsyncWrite for Forwarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_the_api_server_says_is_an_error_of_the_connection() {
        let (stream, other) = tokio::io::duplex(64);
        let error = futures::future::ready(Some("connection refused".to_owned())).boxed();
        let mut forwarded = Forwarded { stream, error: Some(error) };
        drop(other);
        let failed = forwarded.read_u8().await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_connection_that_is_well_passes_bytes_and_ends() {
        let (stream, mut other) = tokio::io::duplex(64);
        let mut forwarded = Forwarded { stream, error: Some(futures::future::ready(None).boxed()) };
        other.write_all(b"hello").await.unwrap();
        drop(other);
        let mut said = String::new();
        forwarded.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, "hello");
    }
}
