//! A way to an API server that a test closes and opens again. Only the test itself comes that way, so others on the
//! cluster notice nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use domain::host::cluster::ClusterCredentials;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A door in front of the API server that leads every connection through, or none.
pub struct Door {
    at: SocketAddr,
    is_open: Arc<watch::Sender<bool>>,
    /// Who is behind it.
    host: String,
}

impl Door {
    /// Opens one in front of the server of this address.
    pub async fn open(server: &str) -> Self {
        let behind = host_and_port(server);
        let host = behind.rsplit_once(':').unwrap().0.trim_matches(['[', ']']).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let is_open = Arc::new(watch::Sender::new(true));
        let opened = Arc::clone(&is_open);
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                let (mut opened, behind) = (opened.subscribe(), behind.clone());
                tokio::spawn(async move {
                    let lead = async {
                        let mut inside = TcpStream::connect(&behind).await?;
                        tokio::io::copy_bidirectional(&mut outside, &mut inside).await
                    };
                    let closed = async { drop(opened.wait_for(|is_open| !*is_open).await) };
                    tokio::select! {
                        _ended = lead => {}
                        () = closed => {}
                    }
                });
            }
        });
        Self { at, is_open, host }
    }

    /// Closes it, which ends what is under way, or opens it again.
    pub fn set(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
    }

    /// The address by which one comes through it.
    pub fn address(&self) -> String {
        format!("https://{}", self.at)
    }

    /// The same credentials, for whoever comes through the door: the server's certificate names what is behind it.
    pub fn credentials(&self, behind: &ClusterCredentials) -> ClusterCredentials {
        let server_name = behind.server_name.clone().or(Some(self.host.clone()));
        ClusterCredentials { server_name, ..behind.clone() }
    }
}

/// `host:port` of `https://host:port/path`.
fn host_and_port(server: &str) -> String {
    let rest = server.strip_prefix("https://").unwrap();
    let authority = rest.split('/').next().unwrap();
    if authority.rsplit(']').next().unwrap().contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:443")
    }
}
