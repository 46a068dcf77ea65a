//! The composition root: constructs store, agents, workflow and façade. The only place that knows all of them.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint, KubernetesOptions};
use agents::{Agent, ProbeFailure, ProbeStage, Remedy};
use control::ControlPlane;
use control::audit::{Archive, ArchiveError, Verdict};
use control::host::built::BeingBuilt;
use control::host::credentials::{Access, EngineCredentials};
use control::key::{KeyError, audit_key};
use control::network::native::NativeNetwork;
use control::services::{Connector, Services};
use domain::host::{Endpoint, HostSpec};
use domain::network::Network;
use store::{Store, StoreError};
use workflow::{Settings, SystemClock};
use zeroize::Zeroizing;

use crate::config::{Config, Refused};
use crate::key;
use crate::mail::{self, MailError};
use crate::tls::TlsError;

/// Where a pod finds the token of its service account.
const ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Why the portal does not start, each with its way out.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("another portal has {0} open: stop it first, or choose another folder with --data")]
    DataLocked(PathBuf),
    #[error("the database in {0} cannot be opened: {1}")]
    Data(PathBuf, StoreError),
    #[error("{0} is no data folder of a portal: name the right one with --data")]
    NoData(PathBuf),
    #[error("the folder {0} cannot be used: {1}")]
    Folder(PathBuf, std::io::Error),
    #[error("the key file {0} cannot be used: {1}")]
    Key(PathBuf, std::io::Error),
    #[error("the key file {0} can be read by others: make it yours alone with chmod 600")]
    KeyOpen(PathBuf),
    #[error("the key file {0} does not hold 64 hexadecimal digits: restore it from your backup")]
    KeyMalformed(PathBuf),
    #[error("the data folder {data} has data, but its key file {key} is gone: restore it from your backup")]
    KeyGone { data: PathBuf, key: PathBuf },
    #[error(
        "the key file {0} holds another key than that of the data: restore the right one from your backup"
    )]
    KeyOther(PathBuf),
    #[error("the new key of the data is in {next}; move it to {key} yourself, since that failed: {error}")]
    KeyLeft { key: PathBuf, next: PathBuf, error: std::io::Error },
    #[error(
        "nothing was changed, for the key file {0} cannot be replaced where it is ({1}); mount its folder instead"
    )]
    KeyFixed(PathBuf, std::io::Error),
    #[error("the key of the data cannot be used: {0}")]
    Sealed(#[from] KeyError),
    #[error("the audit cannot be read: {0}")]
    Archive(ArchiveError),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("--public-url cannot be used: {0}")]
    Origin(String),
    #[error("{0} cannot be listened on: {1}")]
    Listen(SocketAddr, std::io::Error),
    #[error("the portal cannot be put together: {0}")]
    Build(#[from] control::BuildError),
    #[error("serving ended: {0}")]
    Serve(std::io::Error),
}

/// Everything that serving needs.
pub struct Portal {
    pub plane: Arc<ControlPlane>,
    pub store: Store,
}

/// Opens the database and puts the portal together.
pub async fn build(config: &Config) -> Result<Portal, StartError> {
    config.check()?;
    let key = key::read(&config.key_path(), &config.data)?;
    std::fs::create_dir_all(&config.data).map_err(|error| StartError::Folder(config.data.clone(), error))?;
    let store = open(config).await?;
    let vault = key::vault(&config.key_path(), &key, &store).await?;
    let audit_key = audit_key(&store, &vault).await?;
    let (network, connector) = reached(config, &store);
    let services =
        Services::new(store.clone(), vault, Arc::new(SystemClock), network, connector, config.local_socket())
            .with_built(BeingBuilt::told_by(config.images_being_built.clone()))
            .with_archive(archive(config))
            .running_in_cluster(in_cluster())
            .reached_by(config.origin())
            .with_mail(mail::mailer(config)?);
    // A name of its own for each data folder: after a crash the portal takes its operations back at once.
    let settings = Settings::new(format!("portal-{}", store.installation()));
    let plane = ControlPlane::new(Arc::new(services), settings, audit_key)?;
    Ok(Portal { plane: Arc::new(plane), store })
}

/// How nodes and hosts are reached.
fn reached(config: &Config, store: &Store) -> (Arc<dyn control::network::Network>, Connector) {
    #[cfg(feature = "bench")]
    if let Some(simulated) = crate::bench::simulated(config.local_socket().as_deref()) {
        return simulated;
    }
    let connect = connector(config.engine_networks.clone(), store.installation().to_owned());
    (Arc::new(NativeNetwork::default()), connect)
}

/// Checks the audit of a portal that is stopped.
pub async fn verify_audit(config: &Config) -> Result<Verdict, StartError> {
    let store = open_existing(config).await?;
    let key = key::read(&config.key_path(), &config.data)?;
    let vault = key::vault(&config.key_path(), &key, &store).await?;
    let audit_key = audit_key(&store, &vault).await?;
    let verdict = control::audit::verify(&store, &audit_key, &archive(config)).await;
    store.close().await.map_err(|error| StartError::Data(config.data.clone(), error))?;
    verdict.map_err(|error| match error {
        ArchiveError::Store(error) => StartError::Data(config.data.clone(), error),
        other => StartError::Archive(other),
    })
}

/// Old records of the audit stand beside the database, so that a copy of the data folder holds all of them.
fn archive(config: &Config) -> Archive {
    Archive::at(config.data.join("audit"))
}

/// Opens the database of a portal that is stopped.
pub async fn open_existing(config: &Config) -> Result<Store, StartError> {
    if !config.data.join("portal").exists() {
        return Err(StartError::NoData(config.data.clone()));
    }
    open(config).await
}

/// Opens the database in the data folder, which nobody else may have open.
async fn open(config: &Config) -> Result<Store, StartError> {
    let url = format!("surrealkv://{}?sync=every", config.data.join("portal").display());
    Store::open(&url).await.map_err(|error| match error {
        StoreError::Locked => StartError::DataLocked(config.data.clone()),
        other => StartError::Data(config.data.clone(), other),
    })
}

/// Whether the portal runs as a pod that may speak to its cluster: every one finds the address of the API server in its
/// environment, but a token only where it got a service account.
fn in_cluster() -> bool {
    is_in_cluster(std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(), Path::new(ACCOUNT_TOKEN))
}

fn is_in_cluster(has_address: bool, token: &Path) -> bool {
    has_address && token.is_file()
}

/// Makes agents: Docker engines by socket, or by TCP with mutual TLS, and clusters; in these networks, or in any where
/// none is named.
fn connector(networks: Vec<Network>, installation: String) -> Connector {
    Arc::new(move |spec: &HostSpec, access: &Access| {
        if spec.endpoint.is_cluster() {
            cluster(spec, access, &networks, &installation)
        } else {
            engine(spec, access, &networks)
        }
    })
}

fn engine(spec: &HostSpec, access: &Access, networks: &[Network]) -> Result<Arc<dyn Agent>, ProbeFailure> {
    let endpoint = match (&spec.endpoint, &access.credentials) {
        (Endpoint::Local { path }, _) => DockerEndpoint::Unix { path: path.into() },
        (Endpoint::Tcp { address, port }, Some(EngineCredentials::Tls(tls))) => DockerEndpoint::Tcp {
            address: address.clone(),
            port: *port,
            ca_pem: tls.ca_pem.clone(),
            client_cert_pem: tls.certificate_pem.clone(),
            client_key_pem: Zeroizing::new(tls.key_pem.clone()),
        },
        (Endpoint::Tcp { .. } | Endpoint::Cluster { .. } | Endpoint::InCluster, _) => {
            let why = "an engine over TCP needs certificates";
            return Err(ProbeFailure::at(ProbeStage::Tls, Remedy::EnableEngineTls, why));
        }
    };
    let bind_address: IpAddr = spec.bind_address.parse().map_err(|_| {
        let why = "the bind address is not an address";
        ProbeFailure::at(ProbeStage::Address, Remedy::CorrectAddress, why)
    })?;
    let options = DockerOptions {
        bind_address,
        client_address: spec.client_address.clone(),
        network_range: spec.network_range,
        allowed_networks: networks.to_vec(),
        ..DockerOptions::default()
    };
    let agent: Arc<dyn Agent> = Arc::new(DockerAgent::connect(endpoint, options)?);
    Ok(agent)
}

fn cluster(
    spec: &HostSpec,
    access: &Access,
    networks: &[Network],
    installation: &str,
) -> Result<Arc<dyn Agent>, ProbeFailure> {
    let endpoint = match (&spec.endpoint, &access.credentials) {
        (Endpoint::InCluster, _) => KubernetesEndpoint::InCluster,
        (Endpoint::Cluster { .. }, Some(EngineCredentials::Cluster(credentials))) => {
            KubernetesEndpoint::Remote { server: spec.endpoint.canonical(), credentials: credentials.clone() }
        }
        (Endpoint::Cluster { .. } | Endpoint::Local { .. } | Endpoint::Tcp { .. }, _) => {
            let why = "a cluster needs a token or a certificate";
            return Err(ProbeFailure::at(ProbeStage::Authentication, Remedy::RenewToken, why));
        }
    };
    let settings = spec.cluster.clone().ok_or_else(|| {
        let why = "nothing is said of what is wanted of the cluster";
        ProbeFailure::at(ProbeStage::Address, Remedy::CorrectAddress, why)
    })?;
    let loopback = [IpAddr::from([127, 0, 0, 1]), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)];
    let options = KubernetesOptions {
        settings,
        client_address: spec.client_address.clone(),
        registries: access.registries.clone(),
        // Whoever starts the portal may name its own machine; an admin cannot.
        allow_loopback: networks.iter().any(|network| loopback.iter().any(|own| network.contains(*own))),
        allowed_networks: networks.to_vec(),
        portal_namespace: None,
    };
    let agent: Arc<dyn Agent> = Arc::new(KubernetesAgent::connect(endpoint, options, installation)?);
    Ok(agent)
}

#[cfg(test)]
mod tests {
    use domain::host::TlsCredentials;
    use domain::host::cluster::{ClusterAuthority, ClusterCredentials, ClusterLogin};
    use domain::name::HostName;

    use super::*;

    fn given(credentials: EngineCredentials) -> Access {
        Access { credentials: Some(credentials), registries: Vec::new() }
    }

    #[tokio::test]
    async fn engines_are_called_in_the_named_networks_only() {
        let made = rcgen::generate_simple_self_signed(["engine".to_owned()]).unwrap();
        let (certificate_pem, key_pem) = (made.cert.pem(), made.signing_key.serialize_pem());
        let tls = TlsCredentials { ca_pem: certificate_pem.clone(), certificate_pem, key_pem };
        let access = given(EngineCredentials::Tls(tls));
        let endpoint = Endpoint::Tcp { address: "192.0.2.1".to_owned(), port: 2_376 };
        let spec = HostSpec { endpoint, ..HostSpec::local(HostName::parse("far").unwrap(), "/e.sock") };
        let connect = connector(vec!["10.0.0.0/8".parse().unwrap()], "test".to_owned());
        let failure = connect(&spec, &access).unwrap().probe().await.unwrap_err();
        assert_eq!((failure.stage, failure.remedy), (ProbeStage::Address, Remedy::UseOtherAddress));
    }

    #[test]
    fn a_cluster_is_the_portals_own_only_with_an_address_and_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        assert!(!is_in_cluster(true, &token), "an environment that somebody carried along");
        std::fs::write(&token, "token").unwrap();
        assert!(is_in_cluster(true, &token));
        assert!(!is_in_cluster(false, &token));
    }

    #[tokio::test]
    async fn clusters_are_called_in_the_named_networks_only() {
        let made = rcgen::generate_simple_self_signed(["api".to_owned()]).unwrap();
        let access = given(EngineCredentials::Cluster(ClusterCredentials {
            authority: ClusterAuthority::Ca { pem: made.cert.pem() },
            server_name: None,
            login: ClusterLogin::Token { token: "token".to_owned() },
        }));
        let at = |server: &str| {
            let endpoint = Endpoint::Cluster { server: server.to_owned() };
            HostSpec::cluster(HostName::parse("far").unwrap(), endpoint)
        };
        let connect = connector(vec!["10.0.0.0/8".parse().unwrap()], "test".to_owned());
        for server in ["https://192.0.2.1:6443", "https://127.0.0.1:6443"] {
            let failure = connect(&at(server), &access).unwrap().probe().await.unwrap_err();
            let wanted = (ProbeStage::Address, Remedy::UseOtherAddress);
            assert_eq!((failure.stage, failure.remedy), wanted, "{server}");
        }
        let failure = connect(&at("https://192.0.2.1"), &Access::default()).err().unwrap();
        assert_eq!((failure.stage, failure.remedy), (ProbeStage::Authentication, Remedy::RenewToken));
    }
}
