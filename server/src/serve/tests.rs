//! A real listener with TLS: HTTP/2 is chosen, a silent peer is no obstacle, a new certificate is served, a broken one
//! is not.

use std::path::PathBuf;

use axum::routing::get;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
    let server = tokio::spawn(serve(listener, Some(acceptor), router, stop.clone()));

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
