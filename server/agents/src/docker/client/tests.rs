//! Which version is agreed on, and which stage is named when the time is over.

use tokio::net::TcpListener;

use super::*;
use crate::dial::tests::Deaf;

/// What a whole attempt gets here; each stage by itself would get longer.
const LIMIT: Duration = Duration::from_millis(500);

#[test]
fn the_newest_common_version_is_taken() {
    let check = |newest, oldest, expect: Option<(usize, usize)>| {
        let agreed = agree(newest, oldest).ok().map(|v| (v.major_version, v.minor_version));
        assert_eq!(agreed, expect, "{newest:?} {oldest:?}");
    };
    let ours = (API_DEFAULT_VERSION.major_version, API_DEFAULT_VERSION.minor_version);
    check(Some("1.41"), Some("1.12"), Some((1, 41)));
    check(Some("1.44"), Some("1.24"), Some((1, 44)));
    check(Some("1.999"), Some("1.44"), Some(ours));
    check(Some("2.0"), None, Some(ours));
    check(Some("1.40"), Some("1.12"), None);
    check(Some("1.999"), Some("1.998"), None);
    check(Some("new"), None, None);
    check(None, None, None);
}

/// A client of a port of this machine, by name: the name has to be resolved first.
fn client(port: u16) -> Client {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let endpoint = DockerEndpoint::Tcp {
        address: "localhost".to_owned(),
        port,
        ca_pem: own.cert.pem(),
        client_cert_pem: own.cert.pem(),
        client_key_pem: zeroize::Zeroizing::new(own.signing_key.serialize_pem()),
    };
    Client::new(endpoint, DockerOptions { allow_loopback: true, ..DockerOptions::default() }).unwrap()
}

async fn failure(port: u16) -> (ProbeStage, Remedy, bool) {
    let failure = client(port).negotiate_within(LIMIT).await.map(drop).unwrap_err();
    (failure.stage, failure.remedy, failure.is_late)
}

#[tokio::test]
async fn a_host_that_answers_no_connection_fails_at_tcp() {
    let deaf = Deaf::new().await;
    assert_eq!(failure(deaf.at.port()).await, (ProbeStage::Tcp, Remedy::StartEngine, true));
}

#[tokio::test]
async fn a_port_that_accepts_and_is_silent_fails_at_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The system takes the connection; nobody ever reads from it.
    let port = listener.local_addr().unwrap().port();
    assert_eq!(failure(port).await, (ProbeStage::Tls, Remedy::EnableEngineTls, true));
}

#[tokio::test]
async fn whoever_waits_for_an_attempt_fails_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (client, knocks) = (client(port), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&knocks);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    });
    let asked = futures::future::join_all((0..20).map(|_| client.docker())).await;
    let errors: Vec<AgentError> = asked.into_iter().map(|answer| answer.map(drop).unwrap_err()).collect();
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
    assert_eq!(knocks.load(Ordering::SeqCst), 1, "one attempt for all who waited for it");
    // What failed is not kept for those who come later.
    client.docker().await.map(drop).unwrap_err();
    assert_eq!(knocks.load(Ordering::SeqCst), 2);
}
