//! Connections: accepted at once, each with its handshake and its requests in a task of its own. A slow or silent peer
//! never holds up another one, and no address takes the room of all others.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

mod activity;
mod patient;
mod pressed;
mod room;
mod taken;

use activity::{Activity, quiet};
use patient::Patient;
use pressed::Pressed;
pub use room::Limits;
use room::Rooms;
use taken::Streams;

/// A pause after the system refuses a connection, such as for want of file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until told to stop, then until the last connection has ended.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let tasks = TaskTracker::new();
    let (room, rooms) = (Arc::new(Semaphore::new(limits.connections)), Rooms::default());
    let limits = Arc::new(limits);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = async {
                let permit = room.clone().acquire_owned().await;
                (permit, listener.accept().await)
            } => accepted,
        };
        let (permit, stream, peer) = match accepted {
            (permit, Ok((stream, peer))) => (permit, stream, peer),
            (_, Err(error)) => {
                tracing::debug!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Closed at once: one that waited would stand in the way of those from elsewhere.
        let Some(seat) = rooms.seat(peer.ip(), limits.of(peer.ip())) else {
            tracing::debug!(%peer, "too many connections of one address");
            continue;
        };
        let (tls, router, limits, stopping) = (tls.clone(), router.clone(), limits.clone(), stop.clone());
        tasks.spawn(async move {
            one(stream, peer, tls, router, &limits, stopping).await;
            drop((seat, permit));
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn one(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    limits: &Limits,
    stop: CancellationToken,
) {
    // Without it small answers wait for the peer's acknowledgement; a peer that is gone shows itself later.
    let _gone = stream.set_nodelay(true);
    let stream = Pressed::new(stream, limits.body);
    let Some(tls) = tls else { return talk(stream, peer, router, limits, stop).await };
    match tokio::time::timeout(limits.head, tls.accept(stream)).await {
        Ok(Ok(stream)) => talk(stream, peer, router, limits, stop).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "handshake"),
        Err(_) => tracing::debug!(%peer, "the handshake took too long"),
    }
}

async fn talk<S>(stream: S, peer: SocketAddr, router: Router, limits: &Limits, stop: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (activity, patience) = (Activity::default(), limits.body);
    let silence = quiet(activity.watch(), limits.head, limits.idle);
    let service = tower::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(|body| Body::new(Patient::new(body, patience)));
        request.extensions_mut().insert(ConnectInfo(peer));
        let (open, router) = (activity.begin(), router.clone());
        async move {
            let answered = router.oneshot(request).await;
            answered.map(|response| response.map(|body| Body::new(open.until_read(body))))
        }
    });
    let mut builder = Builder::new(Streams::new(patience));
    // It counts between two requests, too; how long the first may take is for the watch over silence.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.idle);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Duration::from_secs(30));
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = silence => {
            tracing::debug!(%peer, "a silent connection is closed");
            connection.as_mut().graceful_shutdown();
            // What is asked in this very moment is still answered; who does not take leave is not waited for.
            tokio::time::timeout(limits.head, connection).await.unwrap_or(Ok(()))
        }
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, error, "connection");
    }
}

#[cfg(test)]
mod tests;
