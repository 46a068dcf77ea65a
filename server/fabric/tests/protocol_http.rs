//! The HTTP side of a connection against a TLS server in this process: certificates, statuses, limits.

#![expect(clippy::unwrap_used, reason = "test code: a panic is how a test fails")]

use std::{io, sync::Arc};

use bytes::Bytes;
use fabric::{
    conn::{BoxedStream, Dial, HTTP_BODY_BYTES_MAX, NodeConn, TlsSettings},
    error::{ErrorKind, FabricError},
    material::{Authority, Leaf, LeafKind, Validity},
    operations::{self, FailedCheck, Health},
    participation::{self, Joined},
};
use futures::future::BoxFuture;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio_rustls::TlsAcceptor;

type Answer = fn(&Method, &str, &[u8]) -> (u16, Bytes);

struct Server {
    tls: TlsAcceptor,
    answer: Answer,
}

/// Each dial is a pipe whose other end is served by this process.
#[derive(Clone)]
struct Pipe(Arc<Server>);

impl Dial for Pipe {
    fn dial(&self) -> BoxFuture<'static, io::Result<BoxedStream>> {
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            let (near, far) = tokio::io::duplex(64 * 1024);
            tokio::spawn(async move {
                let Ok(stream) = server.tls.accept(far).await else { return };
                let answer = server.answer;
                let service = service_fn(move |request: Request<Incoming>| async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    assert_eq!(head.headers["host"], "orderer0");
                    let (status, body) = answer(&head.method, head.uri.path(), &body);
                    let response = Response::builder().status(status).body(Full::new(body));
                    Ok::<_, io::Error>(response.unwrap())
                });
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
            let near: BoxedStream = Box::new(near);
            Ok(near)
        })
    }
}

struct World {
    authority: Authority,
    server: Pipe,
}

fn leaf(authority: &Authority, name: &str) -> (String, String) {
    let issued = authority
        .issue(&Leaf {
            common_name: name.into(),
            kind: LeafKind::Tls,
            dns_names: vec![name.into()],
            ip_addresses: vec![],
            validity: validity(),
        })
        .unwrap();
    (issued.cert_pem, issued.key_pem.to_string())
}

fn validity() -> Validity {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    Validity::from_unix(i64::try_from(now).unwrap(), 1)
}

fn authority() -> Authority {
    Authority::generate("tlsca.example.com", "example.com", &validity()).unwrap()
}

/// A server that wants a client certificate of its own authority, like an orderer's admin listener.
fn world(answer: Answer) -> World {
    let authority = authority();
    let root = CertificateDer::from_pem_slice(authority.cert_pem().as_bytes()).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (cert, key) = leaf(&authority, "orderer0");
    let chain = vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()];
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap())
        .unwrap();
    let server = Server { tls: TlsAcceptor::from(Arc::new(config)), answer };
    World { authority, server: Pipe(Arc::new(server)) }
}

impl World {
    fn settings(&self) -> TlsSettings {
        TlsSettings {
            server_name: "orderer0".into(),
            roots_pem: self.authority.cert_pem().to_owned(),
            client: Some(leaf(&self.authority, "admin")),
        }
    }

    fn conn(&self, settings: TlsSettings) -> NodeConn {
        NodeConn::new(Arc::new(self.server.clone()), settings).unwrap()
    }
}

#[tokio::test]
async fn health_and_version() {
    let world = world(|_, path, _| match path {
        "/healthz" => (
            503,
            r#"{"status":"Service Unavailable","failed_checks":[{"component":"couchdb","reason":"down"}]}"#
                .into(),
        ),
        "/version" => (200, r#"{"Version":"2.5.0","CommitSHA":"bd8e248"}"#.into()),
        _ => (404, Bytes::new()),
    });
    let conn = world.conn(world.settings());
    let failed = vec![FailedCheck { component: "couchdb".into(), reason: "down".into() }];
    assert_eq!(operations::healthz(&conn).await.unwrap(), Health { is_ok: false, failed });
    assert_eq!(operations::version(&conn).await.unwrap().version, "2.5.0");
    let well = self::world(|_, _, _| (200, r#"{"status":"OK","time":"now"}"#.into()));
    assert!(operations::healthz(&well.conn(well.settings())).await.unwrap().is_ok);
}

#[tokio::test]
async fn participation_statuses() {
    let world = world(|method, path, body| match (method.as_str(), path) {
        ("POST", "/participation/v1/channels") if body.windows(3).any(|part| part == b"old") => {
            (405, r#"{"error":"cannot join: channel already exists"}"#.into())
        }
        ("POST", "/participation/v1/channels") if body.windows(3).any(|part| part == b"new") => (
            201,
            r#"{"name":"ch","url":"","consensusRelation":"consenter","status":"active","height":1}"#.into(),
        ),
        ("DELETE", "/participation/v1/channels/ch") => (204, Bytes::new()),
        ("DELETE", "/participation/v1/channels/going") => {
            (409, r#"{"error":"cannot remove: channel pending removal"}"#.into())
        }
        ("DELETE", _) => (404, r#"{"error":"channel does not exist"}"#.into()),
        _ => (400, r#"{"error":"cannot join: invalid join block"}"#.into()),
    });
    let conn = world.conn(world.settings());
    assert_eq!(participation::join(&conn, b"old").await.unwrap(), Joined::Already);
    let Joined::Now(info) = participation::join(&conn, b"new").await.unwrap() else {
        panic!("joined before")
    };
    assert_eq!((info.name.as_str(), info.height), ("ch", 1));
    let error = participation::join(&conn, b"bad").await.unwrap_err();
    assert!(matches!(&error, FabricError::Http { status: 400, body } if body.contains("invalid join block")));
    assert_eq!(error.kind(), ErrorKind::JoinBlockInvalid);
    participation::remove(&conn, "ch").await.unwrap();
    participation::remove(&conn, "going").await.unwrap();
    participation::remove(&conn, "gone").await.unwrap();
}

#[tokio::test]
async fn connections_that_must_not_come_about() {
    let world = world(|_, _, _| (200, "{}".into()));
    let cases = [
        (TlsSettings { server_name: "orderer1".into(), ..world.settings() }, ErrorKind::NamesDiffer),
        (
            TlsSettings { roots_pem: authority().cert_pem().to_owned(), ..world.settings() },
            ErrorKind::Untrusted,
        ),
        (TlsSettings { client: None, ..world.settings() }, ErrorKind::Untrusted),
        (TlsSettings { client: Some(leaf(&authority(), "admin")), ..world.settings() }, ErrorKind::Untrusted),
    ];
    for (number, (settings, kind)) in cases.into_iter().enumerate() {
        let error = operations::version(&world.conn(settings)).await.unwrap_err();
        assert!(matches!(error, FabricError::Connect(_)), "case {number}: {error:?}");
        assert_eq!(error.kind(), kind, "case {number}: {error:?}");
    }
    let unusable = [
        TlsSettings { server_name: "no name".into(), ..world.settings() },
        TlsSettings { roots_pem: "no certificate".into(), ..world.settings() },
        TlsSettings { client: Some(("no".into(), "no".into())), ..world.settings() },
    ];
    for settings in unusable {
        let error = NodeConn::new(Arc::new(world.server.clone()), settings).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRequest, "{error}");
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let world = world(|_, _, _| (200, vec![b'x'; HTTP_BODY_BYTES_MAX + 1].into()));
    let conn = world.conn(world.settings());
    let request = Request::builder().uri("/big").body(Full::default()).unwrap();
    assert!(conn.http(request).await.is_err());
    let fits = self::world(|_, _, _| (200, vec![b'x'; HTTP_BODY_BYTES_MAX].into()));
    let request = Request::builder().uri("/big").body(Full::default()).unwrap();
    let answer = fits.conn(fits.settings()).http(request).await.unwrap();
    assert_eq!((answer.status(), answer.body().len()), (StatusCode::OK, HTTP_BODY_BYTES_MAX));
}
