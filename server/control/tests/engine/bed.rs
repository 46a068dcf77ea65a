//! A portal on a real engine (`HEDDLE_TEST_DOCKER=unix:///path`), and what only engines have: sockets, containers and
//! images that somebody put there.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use agents::Agent;
use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use control::services::Connector;
use domain::chain::{ChainSpec, FabricVersion};
use domain::host::HostSpec;
use domain::name::HostName;
use store::Store;

#[path = "portal.rs"]
mod portal;

pub use portal::*;

/// The engine's socket, or none, and says so.
pub fn engine() -> Option<String> {
    let Ok(engine) = std::env::var("HEDDLE_TEST_DOCKER") else {
        let mut out = std::io::stdout();
        writeln!(out, "skipped: HEDDLE_TEST_DOCKER names no engine").unwrap();
        return None;
    };
    let socket = engine.strip_prefix("unix://");
    Some(socket.unwrap_or_else(|| panic!("HEDDLE_TEST_DOCKER must be unix://…")).to_owned())
}

impl Portal {
    /// A portal of its own on the engine, with an admin; its chain will have this name.
    pub async fn new(socket: &str, chain: &str) -> Self {
        let endpoint = DockerEndpoint::Unix { path: PathBuf::from(socket) };
        let agent: Arc<dyn Agent> =
            Arc::new(DockerAgent::connect(endpoint, DockerOptions::default()).unwrap());
        let (connected, store) = (agent.clone(), Store::open("mem://").await.unwrap());
        let connector: Connector = Arc::new(move |_, _| Ok(connected.clone()));
        Self::over(store, connector, agent, Some(socket.to_owned()), chain).await
    }

    fn socket(&self) -> &str {
        self.services.local_engine.as_deref().unwrap()
    }

    /// The host, and a chain on it of two organizations, the first with two peers, with the sample deployed. The
    /// range of ports begins at `port_first`, beside what others have on the same engine.
    pub async fn raise(&self, port_first: u16, change: impl FnOnce(&mut ChainSpec)) {
        let mut host = HostSpec::local(HostName::parse("here").unwrap(), self.socket());
        (host.port_first, host.port_last) = (port_first, port_first + 999);
        let host = self.plane.host_add(&self.admin, host, None).await.unwrap();
        self.create(host.id, change).await;
    }

    /// Does something to the container of a node that no agent does, such as `pause`.
    pub fn act(&self, node: &str, verb: &str) {
        let container = format!("heddle-{}-{}--{node}", self.services.installation, self.name);
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        let request = format!("POST /containers/{container}/{verb} HTTP/1.0\r\nHost: engine\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.0 20"), "{verb} {container}: {answer}");
    }

    /// Whether the engine has the nodes of this version; if not, says which image is on it under none of its names.
    pub async fn has(&self, version: FabricVersion) -> bool {
        let spec = HostSpec::local(HostName::parse("here").unwrap(), self.socket());
        for names in [&spec.images.peer, &spec.images.orderer] {
            let names = names.iter().map(|name| name.replace("{version}", version.image_tag()));
            let names: Vec<String> = names.collect();
            let mut there = false;
            for name in &names {
                there |= self.agent.image(name).await.unwrap().is_some();
            }
            if !there {
                let mut out = std::io::stdout();
                writeln!(out, "skipped: image {} is not on the engine", names[0]).unwrap();
                return false;
            }
        }
        true
    }
}
