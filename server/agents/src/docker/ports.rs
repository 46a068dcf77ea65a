//! A look at ports from outside: does anybody take a connection there? It sees processes that are no containers, which
//! the engine knows nothing of.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::{StreamExt, stream};

use super::client::Client;

/// A port that has not answered by then is taken for free: firewalls drop what nobody listens on.
const ANSWER_MAX: Duration = Duration::from_millis(700);
/// So many ports are asked side by side.
const AT_ONCE: usize = 64;

/// Those of some ports on which a connection is taken.
pub(crate) async fn answering(client: &Client, ports: &[u16]) -> BTreeSet<u16> {
    // Before the first answer a remote engine's own address may not be known yet.
    if client.docker().await.is_err() {
        return BTreeSet::new();
    }
    let at: IpAddr = client.transport.reach(client.options.bind_address);
    let asked = ports.iter().copied().map(|port| async move {
        let dialled = client.transport.dial(SocketAddr::new(at, port));
        let answered = tokio::time::timeout(ANSWER_MAX, dialled).await.is_ok_and(|dialled| dialled.is_ok());
        answered.then_some(port)
    });
    let asked: Vec<_> = asked.collect();
    stream::iter(asked).buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
}
