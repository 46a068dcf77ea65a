//! Block streams against a gRPC server on loopback: what breaks goes on from the next block, large answers arrive, and
//! larger ones than nodes may send are refused.

#![expect(clippy::unwrap_used, reason = "test code: a panic is how a test fails")]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use fabric::{
    conn::{MESSAGE_BYTES_MAX, NodeConn, TcpDial, TlsSettings},
    deliver::{self, Source, Start, Subscription},
    error::{ErrorKind, FabricError},
    identity::SigningIdentity,
    material::{Authority, Issued, Leaf, LeafKind, Role, Validity},
    proto::{
        channel::{Block, BlockData, BlockHeader, Envelope, Payload},
        peer::deliver::{DeliverResponse, SeekInfo, deliver_response, seek_position::Type as Position},
    },
};
use futures::{StreamExt, stream};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::Status;
use tonic_prost::ProstCodec;

type Answer = Result<DeliverResponse, Status>;
/// What a stream says, by its number (from 1 on) and the first block that was wanted.
type Script = fn(usize, u64) -> Vec<Answer>;
/// The first blocks that were wanted, stream by stream.
type Starts = Arc<Mutex<Vec<u64>>>;

fn block(number: u64) -> Answer {
    sized(number, 0)
}

/// A block with so many bytes of data.
fn sized(number: u64, bytes: usize) -> Answer {
    let block = Block {
        header: Some(BlockHeader { number, ..BlockHeader::default() }),
        data: Some(BlockData { data: vec![vec![7; bytes]] }),
        metadata: None,
    };
    Ok(DeliverResponse { r#type: Some(deliver_response::Type::Block(block.encode_to_vec())) })
}

/// How a service says that all wanted blocks were sent.
fn done() -> Answer {
    Ok(DeliverResponse { r#type: Some(deliver_response::Type::Status(200)) })
}

struct World {
    subscription: Subscription,
    starts: Starts,
}

fn issue(kind: LeafKind, name: &str) -> (Authority, Issued) {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let validity = Validity::from_unix(i64::try_from(now).unwrap(), 1);
    let authority = Authority::generate("ca.example.com", "example.com", &validity).unwrap();
    let leaf =
        Leaf { common_name: name.into(), kind, dns_names: vec![name.into()], ip_addresses: vec![], validity };
    let issued = authority.issue(&leaf).unwrap();
    (authority, issued)
}

/// A peer that follows a script, and somebody who reads its blocks.
async fn world(script: Script) -> World {
    let (authority, server) = issue(LeafKind::Tls, "peer0");
    let chain = vec![CertificateDer::from_pem_slice(server.cert_pem.as_bytes()).unwrap()];
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(server.key_pem.as_bytes()).unwrap())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let starts = Starts::default();
    tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), script, Arc::clone(&starts)));

    let roots_pem = authority.cert_pem().to_owned();
    let settings = TlsSettings { server_name: "peer0".into(), roots_pem, client: None };
    let conn = NodeConn::new(Arc::new(TcpDial("127.0.0.1".into(), port)), settings).unwrap();
    let (_, reader) = issue(LeafKind::Sign(Role::Client), "reader");
    let reader = SigningIdentity::new("Org1MSP", &reader.cert_pem, &reader.key_pem).unwrap();
    let subscription = Subscription { conn, source: Source::Peer, reader, channel: "mychannel".into() };
    World { subscription, starts }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, script: Script, starts: Starts) {
    while let Ok((socket, _)) = listener.accept().await {
        let (tls, starts) = (tls.clone(), Arc::clone(&starts));
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(socket).await else { return };
            let service = service_fn(move |request: Request<Incoming>| {
                let starts = Arc::clone(&starts);
                async move { Ok::<_, Infallible>(answer(request, script, starts).await) }
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, script: Script, starts: Starts) -> Response<tonic::body::Body> {
    assert_eq!(request.uri().path(), "/protos.Deliver/Deliver");
    let deliver = tower::service_fn(move |request: tonic::Request<tonic::Streaming<Envelope>>| {
        let starts = Arc::clone(&starts);
        async move {
            let envelope = request.into_inner().message().await?.unwrap_or_default();
            let first = wanted(&envelope).ok_or_else(|| Status::invalid_argument("a number is wanted"))?;
            let call = {
                let mut starts = starts.lock().unwrap();
                starts.push(first);
                starts.len()
            };
            Ok::<_, Status>(tonic::Response::new(stream::iter(script(call, first))))
        }
    });
    let codec = ProstCodec::<DeliverResponse, Envelope>::default();
    // More than a node may send, so that the reader's own limit is seen.
    let mut grpc = tonic::server::Grpc::new(codec).max_encoding_message_size(2 * MESSAGE_BYTES_MAX);
    grpc.streaming(deliver, request).await
}

/// The number of the first block that an envelope asks for.
fn wanted(envelope: &Envelope) -> Option<u64> {
    let payload = Payload::decode(envelope.payload.as_slice()).ok()?;
    let seek = SeekInfo::decode(payload.data.as_slice()).ok()?;
    match seek.start?.r#type? {
        Position::Specified(specified) => Some(specified.number),
        _ => None,
    }
}

#[tokio::test]
async fn a_broken_stream_goes_on_from_the_next_block() {
    // The first one ends without a word, the second one breaks.
    let world = world(|call, first| match call {
        1 => vec![block(first), block(first + 1)],
        2 => vec![block(first), Err(Status::unavailable("the node restarts"))],
        _ => vec![block(first), block(first + 1), done()],
    })
    .await;
    let delivered: Vec<_> = deliver::blocks(world.subscription, Start::At(3), Some(7)).collect().await;
    let numbers: Vec<u64> = delivered.into_iter().map(|block| block.unwrap().number).collect();
    assert_eq!(numbers, [3, 4, 5, 6, 7]);
    assert_eq!(*world.starts.lock().unwrap(), [3, 5, 6]);
}

#[tokio::test]
async fn what_no_further_try_mends_ends_the_stream() {
    let cases: [(Script, ErrorKind); 3] = [
        (|_, first| vec![block(first), block(first + 2)], ErrorKind::Other),
        (|_, first| vec![block(first), block(first)], ErrorKind::Other),
        (|_, first| vec![block(first), Err(Status::permission_denied("no"))], ErrorKind::AccessDenied),
    ];
    for (script, kind) in cases {
        let world = world(script).await;
        let mut delivered = deliver::blocks(world.subscription, Start::At(0), None);
        assert_eq!(delivered.next().await.unwrap().unwrap().number, 0);
        assert_eq!(delivered.next().await.unwrap().unwrap_err().kind(), kind);
        assert!(delivered.next().await.is_none());
        assert_eq!(*world.starts.lock().unwrap(), [0]);
    }
}

/// gRPC libraries stop at four mebibytes unless they are told otherwise; nodes send up to a hundred.
#[tokio::test]
async fn large_answers_arrive_and_larger_ones_are_refused() {
    const LARGE: usize = 5 * 1024 * 1024;
    let world = self::world(|_, first| vec![sized(first, LARGE), done()]).await;
    let delivered = deliver::one_block(&world.subscription, Start::At(9)).await.unwrap();
    assert_eq!(delivered.number, 9);
    assert!(delivered.bytes.len() > LARGE);
    let world = self::world(|_, first| vec![sized(first, MESSAGE_BYTES_MAX + 1), done()]).await;
    let refused = deliver::one_block(&world.subscription, Start::At(9)).await.unwrap_err();
    assert!(matches!(refused, FabricError::Grpc { .. }), "{refused:?}");
    assert_eq!(refused.kind(), ErrorKind::TooLarge, "{refused}");
}
