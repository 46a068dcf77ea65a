//! A real listener. With TLS: HTTP/2 is chosen, a silent peer is no obstacle, a new certificate is served, a broken one
//! is not. Without: nobody keeps a connection by silence, by slowness or by numbers.

use std::path::PathBuf;

use axum::routing::{get, post};
use futures::StreamExt;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::tls::Certificate;

fn write(files: &(PathBuf, PathBuf)) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(&files.0, made.cert.pem()).unwrap();
    std::fs::write(&files.1, made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

async fn connect(
    to: SocketAddr,
    root: &CertificateDer<'static>,
    alpn: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, TcpStream::connect(to).await?).await
}

#[tokio::test]
async fn tls_with_http_2_and_certificates_that_change() {
    let folder = tempfile::tempdir().unwrap();
    let files = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    let first = write(&files);
    let certificate = Certificate::read(files.clone()).unwrap();
    let acceptor = TlsAcceptor::from(certificate.server().unwrap());
    let watching = tokio::spawn(certificate.watch(Duration::from_millis(10)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/", get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }));
    let stop = CancellationToken::new();
    let limits = Limits::behind(Vec::new());
    let server = tokio::spawn(serve(listener, Some(acceptor), router, limits, stop.clone()));

    let silent = TcpStream::connect(to).await.unwrap();
    let stream = connect(to, &first, &["h2", "http/1.1"]).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Body::empty()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, hyper::Version::HTTP_2));
    drop((silent, sender));

    let mut plain = connect(to, &first, &["http/1.1"]).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = Vec::new();
    // A peer that closes without a farewell ends the text as well.
    let _ended = plain.read_to_end(&mut text).await;
    assert!(text.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&text));

    let second = write(&files);
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, async { while connect(to, &second, &[]).await.is_err() {} }).await.unwrap();
    assert!(connect(to, &first, &[]).await.is_err());
    std::fs::write(&files.0, "broken").unwrap();
    for _ in 0..20 {
        connect(to, &second, &[]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    watching.abort();
    stop.cancel();
    tokio::time::timeout(limit, server).await.unwrap().unwrap().unwrap();
}

#[test]
fn a_pair_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let files = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    write(&files);
    let others = (folder.path().join("c2.pem"), folder.path().join("k2.pem"));
    write(&others);
    assert!(Certificate::read((files.0.clone(), others.1)).is_err());
    assert!(Certificate::read((files.1.clone(), files.1.clone())).is_err());
    assert!(Certificate::read(files).is_ok());
}

/// For whatever has to happen; machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(1);
/// An answer that takes longer than any silence may last.
const LONG: Duration = Duration::from_secs(2);

/// Serves what answers at once, what takes long, and what takes a body.
async fn serving(limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let long = || async {
        tokio::time::sleep(LONG).await;
        "long"
    };
    let pieces = || async {
        let each = futures::stream::iter(["piece by ", "piece"]).then(|piece| async move {
            tokio::time::sleep(LONG).await;
            Ok::<_, Infallible>(piece)
        });
        Body::from_stream(each)
    };
    let router = Router::new()
        .route("/", get(|| async { "short" }))
        .route("/long", get(long))
        .route("/pieces", get(pieces))
        .route("/body", post(|body: axum::body::Bytes| async move { body }));
    tokio::spawn(serve(listener, None, router, limits, CancellationToken::new()));
    to
}

async fn connect_from(own: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{own}:0").parse().unwrap()).unwrap();
    socket.connect(to).await.unwrap()
}

/// Reads until the other side closes, in order or not.
async fn read_out(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let _ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("it is closed");
    String::from_utf8(text).unwrap()
}

async fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    read_out(stream).await
}

const GET: &str = "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn one_address_does_not_take_the_room_of_others() {
    let limits = Limits { connections: 8, of_near: 4, head: PATIENCE * 2, ..Limits::behind(Vec::new()) };
    let to = serving(limits).await;
    let mut silent = Vec::new();
    for _ in 0..12 {
        silent.push(connect_from("127.0.0.2", to).await);
    }
    let answer = ask(&mut connect_from("127.0.0.1", to).await, GET).await;
    assert!(answer.ends_with("short"), "{answer}");
    for beyond in &mut silent[4..] {
        assert_eq!(read_out(beyond).await, "");
    }
    // Who leaves makes room.
    silent.clear();
    let again = async { while !ask_once("127.0.0.2", to).await.ends_with("short") {} };
    tokio::time::timeout(PATIENCE, again).await.unwrap();
}

/// Asks over a connection that may be refused.
async fn ask_once(own: &str, to: SocketAddr) -> String {
    let mut stream = connect_from(own, to).await;
    let _refused = stream.write_all(GET.as_bytes()).await;
    read_out(&mut stream).await
}

#[tokio::test]
async fn a_silent_connection_is_closed_and_a_long_answer_is_not() {
    let limits = Limits { head: SHORT, idle: SHORT, ..Limits::behind(Vec::new()) };
    let to = serving(limits).await;
    assert_eq!(read_out(&mut TcpStream::connect(to).await.unwrap()).await, "");
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake::<_, _, Body>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("http://localhost/long").body(Body::empty()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = axum::body::to_bytes(Body::new(answer.into_body()), 100).await.unwrap();
    assert_eq!(&body[..], b"long");
    // Nothing more is asked, although the sender is there.
    let _ended = tokio::time::timeout(PATIENCE, connection).await.expect("an idle connection is closed");
    assert!(!sender.is_ready());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let to = serving(Limits { body: SHORT, ..Limits::behind(Vec::new()) }).await;
    let head = "POST /body HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 4\r\n\r\n";
    let whole = ask(&mut TcpStream::connect(to).await.unwrap(), &format!("{head}body")).await;
    assert!(whole.starts_with("HTTP/1.1 200") && whole.ends_with("body"), "{whole}");
    let begun = ask(&mut TcpStream::connect(to).await.unwrap(), &format!("{head}bo")).await;
    assert!(begun.starts_with("HTTP/1.1 400"), "{begun}");
}

#[tokio::test]
async fn an_answer_over_http_2_that_nobody_takes_is_let_go() {
    let to = serving(Limits { body: SHORT, ..Limits::behind(Vec::new()) }).await;
    let ask = async |window: u32, path: &str| {
        let stream = TcpStream::connect(to).await.unwrap();
        let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        client.initial_stream_window_size(window);
        let (mut sender, connection) = client.handshake::<_, Body>(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get(format!("http://localhost{path}")).body(Body::empty()).unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let body = axum::body::to_bytes(Body::new(answer.into_body()), 100);
        (tokio::time::timeout(PATIENCE, body).await.expect("the answer ends"), sender)
    };
    let (taken, sender) = ask(0, "/").await;
    assert_eq!(taken.unwrap_or_default().len(), 0, "nothing of it may be sent");
    assert!(sender.is_ready(), "other answers on the connection go on");
    // That we take our time is not the client's fault.
    let (taken, _sender) = ask(65_535, "/pieces").await;
    assert_eq!(&taken.unwrap()[..], b"piece by piece");
}

#[tokio::test]
async fn an_answer_of_which_only_a_byte_is_taken_is_let_go() {
    let gone = CancellationToken::new();
    let watched = gone.clone();
    let pieces = move || {
        let guard = watched.clone().drop_guard();
        let each = futures::stream::iter(["piece", " by ", "piece"]).map(move |piece| {
            let _here_as_long_as_the_answer = &guard;
            Ok::<_, Infallible>(piece)
        });
        async move { Body::from_stream(each) }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let limits = Limits { body: SHORT, ..Limits::behind(Vec::new()) };
    let router = Router::new().route("/", get(pieces));
    tokio::spawn(serve(listener, None, router, limits, CancellationToken::new()));
    let mut client = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    client.initial_stream_window_size(1);
    let stream = TokioIo::new(TcpStream::connect(to).await.unwrap());
    let (mut sender, connection) = client.handshake::<_, Body>(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://localhost/").body(Body::empty()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    // Nobody reads it yet, so that no more than the first byte may be sent.
    tokio::time::timeout(PATIENCE, gone.cancelled()).await.expect("it is let go");
    let body = axum::body::to_bytes(Body::new(answer.into_body()), 100);
    let taken = tokio::time::timeout(PATIENCE, body).await.expect("the answer ends").unwrap_or_default();
    assert!(taken.len() <= 1, "{taken:?}");
    assert!(sender.is_ready(), "other answers on the connection go on");
}
