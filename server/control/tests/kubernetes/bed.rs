//! A portal on a real cluster, which it reaches as the program does: with what an admin gave for the host.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint, KubernetesOptions, kubeconfig};
use agents::{Agent, ProbeFailure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use control::host::credentials::{Access, EngineCredentials};
use control::services::Connector;
use domain::chain::{ChainSpec, NodeResources};
use domain::host::cluster::{ClusterAuthority, ClusterCredentials, ClusterLogin, ClusterSettings};
use domain::host::{Endpoint, HostCredentials, HostSpec};
use domain::name::HostName;
use serde_json::{Value, json};
use store::Store;
use tokio::sync::Mutex;

#[path = "../../../tests/portal/cluster.rs"]
#[expect(dead_code, reason = "the tests of the binary need more of it")]
mod cluster;
#[path = "../../../agents/tests/kubernetes_cluster/door.rs"]
mod door;
#[path = "../engine/portal.rs"]
#[expect(dead_code, reason = "the tests on engines need more of it")]
mod portal;

use cluster::Cluster;
use door::Door;
pub use portal::{Portal, organization};

/// What every node gets. A test cluster may have two cores, of which a node keeps a tenth of this for itself: so seven
/// nodes and four processes of chaincode find room beside the chains of other tests.
const RESOURCES: NodeResources = NodeResources { cpu_milli: 500, memory_mib: 256 };

/// The one context of a kubeconfig that a test makes.
const CONTEXT: &str = "only";

/// There is room for the chain of one test only.
static ROOM: Mutex<()> = Mutex::const_new(());

/// A portal, and the cluster that it is told of.
pub struct Bed {
    pub portal: Portal,
    cluster: Cluster,
    server: String,
    context: String,
    credentials: ClusterCredentials,
    door: Option<Door>,
}

/// Runs a test with a portal of its own, and cleans up whatever comes of it; afterwards nothing of the portal's chains is
/// on the cluster.
pub async fn on_cluster<F, T>(chain: &str, test: T)
where
    T: FnOnce(Arc<Bed>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    run(chain, false, test).await;
}

/// The same for a portal that comes to the cluster through a door of its own.
pub async fn behind_a_door<F, T>(chain: &str, test: T)
where
    T: FnOnce(Arc<Bed>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    run(chain, true, test).await;
}

async fn run<F, T>(chain: &str, with_door: bool, test: T)
where
    T: FnOnce(Arc<Bed>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let Some(cluster) = Cluster::find() else { return };
    let _alone = ROOM.lock().await;
    let bed = Arc::new(Bed::new(cluster, chain, with_door).await);
    let outcome = tokio::spawn(test(bed.clone())).await;
    bed.cluster.forget(&format!("heddle.installation={}", bed.portal.services.installation));
    outcome.unwrap();
}

/// Makes every node small enough for the cluster.
pub fn small(spec: &mut ChainSpec) {
    spec.resources = RESOURCES;
}

/// A kubeconfig of [`Bed::kubeconfig_of`], as an admin pastes it.
pub fn pasted(text: String) -> HostCredentials {
    HostCredentials::Kubeconfig { text, context: CONTEXT.to_owned() }
}

/// Asks the cluster as its admin, or tells why that did not work.
pub fn kubectl(words: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new("kubectl");
    command.arg("--kubeconfig").arg(std::env::var_os("HEDDLE_TEST_KUBERNETES").unwrap_or_default());
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = command.spawn().map_err(|error| format!("kubectl has to be in PATH: {error}"))?;
    if let Some(mut given) = client.stdin.take() {
        given.write_all(input.as_bytes()).map_err(|error| error.to_string())?;
    }
    let output = client.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

impl Bed {
    async fn new(cluster: Cluster, chain: &str, with_door: bool) -> Self {
        let entries = kubeconfig::read(&cluster.kubeconfig()).unwrap();
        let entry = entries.iter().find(|entry| entry.current).or(entries.first()).unwrap().clone();
        let (mut server, mut credentials) = (entry.server, entry.access.unwrap());
        let door = if with_door { Some(Door::open(&server).await) } else { None };
        if let Some(door) = &door {
            (server, credentials) = (door.address(), door.credentials(&credentials));
        }
        let store = Store::open("mem://").await.unwrap();
        let installation = store.installation().to_owned();
        let spec = spec(&server, cluster.address(), 30_000);
        let agent = connect(&spec, &credentials, &installation).unwrap();
        let connector: Connector =
            Arc::new(move |spec: &HostSpec, access: &Access| match &access.credentials {
                Some(EngineCredentials::Cluster(credentials)) => connect(spec, credentials, &installation),
                Some(EngineCredentials::Tls(_)) | None => panic!("a cluster has credentials: {spec:?}"),
            });
        let portal = Portal::over(store, connector, agent, None, chain).await;
        Self { portal, cluster, server, context: entry.name, credentials, door }
    }

    /// The door of a portal that has one.
    pub fn door(&self) -> &Door {
        self.door.as_ref().unwrap()
    }

    /// The cluster as a host, with a thousand ports for chains.
    pub fn host(&self, port_first: u16) -> HostSpec {
        spec(&self.server, self.cluster.address(), port_first)
    }

    /// Somebody else's certificate and its key.
    pub fn certified(&self, certificate_pem: String, key_pem: String) -> HostCredentials {
        let login = ClusterLogin::Certificate { certificate_pem, key_pem };
        HostCredentials::Cluster(ClusterCredentials { login, ..self.credentials.clone() })
    }

    /// What lets the portal in, with another notion of who the API server is.
    pub fn trusting(&self, authority: ClusterAuthority) -> HostCredentials {
        HostCredentials::Cluster(ClusterCredentials { authority, ..self.credentials.clone() })
    }

    /// The text of a kubeconfig of this cluster whose user signs in so.
    pub fn kubeconfig_of(&self, user: Value) -> String {
        let ClusterAuthority::Ca { pem } = &self.credentials.authority else {
            panic!("a kubeconfig names an authority")
        };
        let cluster = json!({ "server": self.server, "certificate-authority-data": STANDARD.encode(pem) });
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [{ "name": "cluster", "cluster": cluster }],
            "users": [{ "name": "user", "user": user }],
            "contexts": [{ "name": CONTEXT, "context": { "cluster": "cluster", "user": "user" } }],
        })
        .to_string()
    }

    /// What lets the portal in, as an admin has it.
    pub fn kubeconfig(&self) -> HostCredentials {
        HostCredentials::Kubeconfig { text: self.cluster.kubeconfig(), context: self.context.clone() }
    }

    /// The same taken apart: a certificate and its key.
    pub fn certificate(&self) -> HostCredentials {
        HostCredentials::Cluster(self.credentials.clone())
    }

    /// A bearer token.
    pub fn token(&self, token: &str) -> HostCredentials {
        let login = ClusterLogin::Token { token: token.to_owned() };
        HostCredentials::Cluster(ClusterCredentials { login, ..self.credentials.clone() })
    }

    /// The most that the cluster lets a node of the portal's chain use, in its own words.
    pub fn limits(&self, node: &str) -> String {
        let (installation, chain) = (&self.portal.services.installation, &self.portal.name);
        let label =
            format!("--selector=heddle.installation={installation},heddle.chain={chain},heddle.node={node}");
        let part = "--output=jsonpath={.items[0].spec.template.spec.containers[0].resources.limits}";
        kubectl(&["get", "statefulsets", "--all-namespaces", &label, part], "").unwrap()
    }

    /// What the cluster has of this portal's chains, its own namespace aside.
    pub fn left(&self) -> Vec<String> {
        self.cluster.objects(&format!("{}-", self.portal.services.installation))
    }
}

fn spec(server: &str, client_address: String, port_first: u16) -> HostSpec {
    let endpoint = Endpoint::Cluster { server: server.to_owned() };
    HostSpec {
        client_address,
        port_first,
        port_last: port_first + 999,
        cluster: Some(ClusterSettings { volume_gib: 1, ..ClusterSettings::default() }),
        ..HostSpec::cluster(HostName::parse("far").unwrap(), endpoint)
    }
}

fn connect(
    spec: &HostSpec,
    credentials: &ClusterCredentials,
    installation: &str,
) -> Result<Arc<dyn Agent>, ProbeFailure> {
    let (server, credentials) = (spec.endpoint.canonical(), credentials.clone());
    let options = KubernetesOptions {
        settings: spec.cluster.clone().unwrap(),
        client_address: spec.client_address.clone(),
        registries: Vec::new(),
        allow_loopback: true,
        allowed_networks: Vec::new(),
        portal_namespace: None,
    };
    let endpoint = KubernetesEndpoint::Remote { server, credentials };
    let agent: Arc<dyn Agent> = Arc::new(KubernetesAgent::connect(endpoint, options, installation)?);
    Ok(agent)
}
