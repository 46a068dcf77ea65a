//! A name with several addresses: one that does not answer costs the others nothing but a moment.

use tokio::net::{TcpListener, TcpSocket};

use super::*;

/// A local connection that is not there by then will not come.
const FULL: Duration = Duration::from_millis(200);

/// An address that answers nobody, as from behind a firewall.
pub(crate) struct Deaf {
    pub(crate) at: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl Deaf {
    /// Nobody accepts, and the queue of those who knock is full.
    pub(crate) async fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let at = listener.local_addr().unwrap();
        let mut queue = Vec::new();
        while let Ok(connected) = tokio::time::timeout(FULL, TcpStream::connect(at)).await {
            queue.push(connected.unwrap());
            assert!(queue.len() < 64, "the queue of one connection takes {}", queue.len());
        }
        Self { at, _listener: listener, _queue: queue }
    }
}

/// An address at which nobody listens any more.
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn an_address_that_does_not_answer_leaves_the_others_their_time() {
    let (deaf, closed) = (Deaf::new().await, closed().await);
    let open = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = open.local_addr().unwrap();
    let (under_way, addresses) = (UnderWay::default(), [deaf.at, closed, at]);
    // Whoever asks has no more time for the whole way.
    let connected = tokio::time::timeout(OPEN_MAX, connect_any(&addresses, &under_way)).await.unwrap();
    assert_eq!(connected.unwrap().peer_addr().unwrap(), at);
}

#[tokio::test]
async fn a_failure_names_every_address_that_was_called() {
    let (first, second) = (closed().await, closed().await);
    let failure = connect_any(&[first, second], &UnderWay::default()).await.unwrap_err();
    assert_eq!((failure.stage, failure.remedy), (ProbeStage::Tcp, Remedy::StartEngine));
    let refused = |at: SocketAddr| failure.message.contains(&format!("{at}: Connection refused"));
    assert!(refused(first) && refused(second), "{failure}");

    // The same where the time of the whole way is over first.
    let (deaf, under_way) = (Deaf::new().await, UnderWay::default());
    under_way.enter(ProbeStage::Tcp);
    let addresses = [first, deaf.at];
    let cut_off = tokio::time::timeout(FULL, connect_any(&addresses, &under_way)).await;
    assert!(cut_off.is_err());
    let failure = under_way.late();
    let silent = format!("{}: no answer in time", deaf.at);
    assert!(failure.is_late && failure.message.contains(&silent), "{failure}");
    assert!(failure.message.starts_with(&format!("{first}: Connection refused")), "{failure}");
}
