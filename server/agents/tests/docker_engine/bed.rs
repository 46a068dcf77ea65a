//! What the tests stand on: an agent for the engine, the node image, and hands that reach behind the agent.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, Limits, LogOptions, NodeNetwork, NodeRef, NodeSpec, NodeStatus, Selector, SpaceSpec};
use bollard::Docker;
use bollard::query_parameters::{BuildImageOptions, RemoveContainerOptions};
use futures::StreamExt;
use tokio::sync::OnceCell;

/// The node image; its tag follows the program, so that an old one is never used by mistake.
const PROGRAM: &str = include_str!("node.go");
const PATIENCE: Duration = Duration::from_secs(60);

static IMAGES: OnceCell<()> = OnceCell::const_new();

pub struct Bed {
    pub agent: DockerAgent,
    /// The engine, past the agent.
    pub hands: Docker,
    pub socket: PathBuf,
    pub installation: String,
    pub image: String,
    /// The same image, declaring a volume.
    pub image_with_volume: String,
}

/// Runs a test on the engine, and cleans up whether it passes or not.
pub async fn on_engine<F, T>(test: T)
where
    T: FnOnce(std::sync::Arc<Bed>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let Some(bed) = Bed::new().await else { return };
    let bed = std::sync::Arc::new(bed);
    let outcome = tokio::spawn(test(bed.clone())).await;
    for installation in [bed.installation.clone(), bed.second_installation()] {
        let selector = Selector { installation: installation.clone(), chain: None };
        let mut chains: Vec<String> = bed
            .agent
            .list_nodes(&selector)
            .await
            .unwrap()
            .into_iter()
            .map(|status| status.node.chain)
            .collect();
        chains.extend(bed.chains_with_networks(&installation).await);
        for chain in chains {
            bed.agent.remove_space(&installation, &chain).await.unwrap();
        }
    }
    outcome.unwrap();
}

/// Says why a test cannot run, past what the test runner keeps to itself: `cargo xtask test` repeats it at the end.
pub fn skipped(reason: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "skipped: {reason}").unwrap();
}

fn hash(text: &str) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(&Sha256::digest(text.as_bytes())[..6])
}

fn random() -> String {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).unwrap();
    hex::encode(bytes)
}

impl Bed {
    async fn new() -> Option<Self> {
        let Ok(given) = std::env::var("HEDDLE_TEST_DOCKER") else {
            skipped("HEDDLE_TEST_DOCKER names no engine");
            return None;
        };
        let socket =
            PathBuf::from(given.strip_prefix("unix://").expect("HEDDLE_TEST_DOCKER must be unix://…"));
        let hands = Docker::connect_with_unix(
            socket.to_str().unwrap(),
            60,
            &bollard::ClientVersion { major_version: 1, minor_version: 41 },
        )
        .unwrap();
        let image = format!("heddle.local/agent-test-node:{}", hash(PROGRAM));
        let image_with_volume = format!("heddle.local/agent-test-node:{}-volume", hash(PROGRAM));
        let ready = IMAGES.get_or_try_init(|| make_images(&hands, &image, &image_with_volume)).await;
        // With an engine there is no excuse: a test that passes without having run would hide what it is for.
        ready.unwrap_or_else(|reason| panic!("the images of the test: {reason}"));
        let endpoint = DockerEndpoint::Unix { path: socket.clone() };
        let agent = DockerAgent::connect(endpoint, DockerOptions::default()).unwrap();
        Some(Self { agent, hands, socket, installation: format!("t{}", random()), image, image_with_volume })
    }

    /// Another portal on the same engine.
    pub fn second_installation(&self) -> String {
        format!("u{}", &self.installation[1..])
    }

    pub fn space(&self, chain: &str) -> SpaceSpec {
        SpaceSpec { installation: self.installation.clone(), chain: chain.into(), operation: "test".into() }
    }

    pub fn spec(&self, chain: &str, node: &str) -> NodeSpec {
        NodeSpec {
            installation: self.installation.clone(),
            chain: chain.into(),
            node: node.into(),
            kind: "peer".into(),
            image: self.image.clone(),
            entrypoint: vec![],
            command: vec![],
            environment: BTreeMap::new(),
            files: vec![],
            data_path: None,
            config_path: "/etc/heddle".into(),
            working_dir: None,
            ports: vec![],
            health_port: None,
            aliases: vec![],
            network: NodeNetwork::Chain,
            limits: Limits { memory_mib: 64, cpu_milli: 500, pids: 64 },
            operation: "test".into(),
            user: None,
            read_only_root: false,
            refuse_image_volumes: false,
            allow_new_data: false,
        }
    }

    pub async fn status(&self, node: &NodeRef) -> Option<NodeStatus> {
        let selector = Selector { installation: node.installation.clone(), chain: Some(node.chain.clone()) };
        self.agent.list_nodes(&selector).await.unwrap().into_iter().find(|status| status.node == *node)
    }

    pub async fn lines(&self, node: &NodeRef) -> Vec<String> {
        let mut lines = self.agent.logs(node, &LogOptions::default()).await.unwrap();
        let mut texts = vec![];
        while let Some(line) = lines.next().await {
            texts.push(line.unwrap().text);
        }
        texts
    }

    /// Waits until a node has printed a line, and returns all that it printed.
    pub async fn lines_with(&self, node: &NodeRef, wanted: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines(node).await;
            if lines.iter().any(|line| line == wanted) {
                return lines;
            }
            assert!(Instant::now() < deadline, "{node} never printed {wanted:?}: {lines:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn wait(&self, node: &NodeRef, wanted: impl Fn(&NodeStatus) -> bool) -> NodeStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let last = self.status(node).await;
            match last {
                Some(status) if wanted(&status) => return status,
                last => assert!(Instant::now() < deadline, "{node} never became as wanted: {last:#?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn container(&self, node: &NodeRef) -> String {
        format!("heddle-{}-{}--{}", node.installation, node.chain, node.node)
    }

    async fn chains_with_networks(&self, installation: &str) -> Vec<String> {
        let filters = [("label".to_owned(), vec![format!("heddle.installation={installation}")])].into();
        let options = bollard::query_parameters::ListNetworksOptions { filters: Some(filters) };
        let networks = self.hands.list_networks(Some(options)).await.unwrap();
        networks.into_iter().filter_map(|network| network.labels?.get("heddle.chain").cloned()).collect()
    }

    /// Kills and removes a container past the agent.
    pub async fn destroy(&self, node: &NodeRef) {
        let options = RemoveContainerOptions { force: true, v: false, link: false };
        self.hands.remove_container(&self.container(node), Some(options)).await.unwrap();
    }
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Builds the node program and the images from it; the error says why that is not possible here.
async fn make_images(hands: &Docker, image: &str, with_volume: &str) -> Result<(), String> {
    hands.ping().await.map_err(|error| format!("the engine does not answer: {error}"))?;
    if hands.inspect_image(image).await.is_ok() && hands.inspect_image(with_volume).await.is_ok() {
        return Ok(());
    }
    let program = compile()?;
    let plain = "FROM scratch\nADD node /node\nENTRYPOINT [\"/node\"]\n";
    build(hands, image, plain, &program).await?;
    build(hands, with_volume, &format!("{plain}VOLUME /var/left\n"), &program).await
}

fn compile() -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    std::fs::write(folder.path().join("node.go"), PROGRAM).map_err(|error| error.to_string())?;
    let built = Command::new("go")
        .args(["build", "-trimpath", "-ldflags", "-s -w", "-o", "node", "node.go"])
        .current_dir(folder.path())
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "")
        .env("GO111MODULE", "off")
        .output()
        .map_err(|error| format!("the Go compiler is not there: {error}"))?;
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    std::fs::read(folder.path().join("node")).map_err(|error| error.to_string())
}

async fn build(hands: &Docker, image: &str, recipe: &str, program: &[u8]) -> Result<(), String> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content, mode) in [("Dockerfile", recipe.as_bytes(), 0o644), ("node", program, 0o755)] {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(u64::try_from(content.len()).unwrap());
        archive.append_data(&mut header, path, content).unwrap();
    }
    let options = BuildImageOptions {
        dockerfile: "Dockerfile".into(),
        t: Some(image.into()),
        rm: true,
        forcerm: true,
        ..BuildImageOptions::default()
    };
    let archive = archive.into_inner().unwrap();
    let mut messages = hands.build_image(options, None, Some(bollard::body_full(archive.into())));
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| format!("building {image}: {error}"))?;
        if let Some(error) = message.error_detail.and_then(|detail| detail.message) {
            return Err(format!("building {image}: {error}"));
        }
    }
    Ok(())
}
