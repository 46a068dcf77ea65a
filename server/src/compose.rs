//! The composition root: constructs store, agents, workflow and façade. The only place that knows all of them.

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agents::docker::{DockerAgent, DockerEndpoint, DockerOptions};
use agents::{Agent, ProbeFailure, ProbeStage, Remedy};
use control::ControlPlane;
use control::audit::Verdict;
use control::host::built::BeingBuilt;
use control::network::native::NativeNetwork;
use control::secrets::{KEY_LEN, Vault};
use control::services::{Connector, Services};
use domain::host::{Endpoint, HostSpec, TlsCredentials};
use sha2::{Digest, Sha256};
use store::{Store, StoreError};
use workflow::{Settings, SystemClock};
use zeroize::Zeroizing;

use crate::config::{Config, Refused};
use crate::terminal::tell;
use crate::tls::TlsError;

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
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    let key = read_key(&config.key_path(), &config.data)?;
    std::fs::create_dir_all(&config.data).map_err(|error| StartError::Folder(config.data.clone(), error))?;
    let store = open(config).await?;
    let services = Services::new(
        store.clone(),
        Vault::new(*key, 1),
        Arc::new(SystemClock),
        Arc::new(NativeNetwork::default()),
        connector(),
        config.local_socket(),
    )
    .with_built(BeingBuilt::told_by(config.images_being_built.clone()));
    // A name of its own for each data folder: after a crash the portal takes its operations back at once.
    let settings = Settings::new(format!("portal-{}", store.installation()));
    let plane = ControlPlane::new(Arc::new(services), settings, audit_key(&key))?;
    Ok(Portal { plane: Arc::new(plane), store })
}

/// Checks the audit of a portal that is stopped.
pub async fn verify_audit(config: &Config) -> Result<Verdict, StartError> {
    if !config.data.join("portal").exists() {
        return Err(StartError::NoData(config.data.clone()));
    }
    let key = read_key(&config.key_path(), &config.data)?;
    let store = open(config).await?;
    let verdict = control::audit::verify(&store, &audit_key(&key)).await;
    verdict.map_err(|error| StartError::Data(config.data.clone(), error))
}

async fn open(config: &Config) -> Result<Store, StartError> {
    let url = format!("surrealkv://{}?sync=every", config.data.join("portal").display());
    Store::open(&url).await.map_err(|error| match error {
        StoreError::Locked => StartError::DataLocked(config.data.clone()),
        other => StartError::Data(config.data.clone(), other),
    })
}

/// The audit's key is made from the portal's, so that one file is backed up.
fn audit_key(key: &[u8; KEY_LEN]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(Sha256::new().chain_update(b"audit").chain_update(key).finalize().to_vec())
}

/// Makes agents: Docker engines by socket or by TCP with mutual TLS.
fn connector() -> Connector {
    Arc::new(|spec: &HostSpec, credentials: Option<&TlsCredentials>| {
        let endpoint = match (&spec.endpoint, credentials) {
            (Endpoint::Local { path }, _) => DockerEndpoint::Unix { path: path.into() },
            (Endpoint::Tcp { address, port }, Some(tls)) => DockerEndpoint::Tcp {
                address: address.clone(),
                port: *port,
                ca_pem: tls.ca_pem.clone(),
                client_cert_pem: tls.certificate_pem.clone(),
                client_key_pem: Zeroizing::new(tls.key_pem.clone()),
            },
            (Endpoint::Tcp { .. }, None) => {
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
            ..DockerOptions::default()
        };
        let agent: Arc<dyn Agent> = Arc::new(DockerAgent::connect(endpoint, options)?);
        Ok(agent)
    })
}

/// Reads the key, or makes it where nothing has been sealed yet.
fn read_key(path: &Path, data: &Path) -> Result<Zeroizing<[u8; KEY_LEN]>, StartError> {
    let fail = |error| StartError::Key(path.to_owned(), error);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if data.join("portal").exists() {
                return Err(StartError::KeyGone { data: data.to_owned(), key: path.to_owned() });
            }
            return make_key(path);
        }
        Err(error) => return Err(fail(error)),
    };
    let mode = std::fs::metadata(path).map_err(fail)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(StartError::KeyOpen(path.to_owned()));
    }
    let mut key = Zeroizing::new([0_u8; KEY_LEN]);
    hex::decode_to_slice(text.trim(), &mut key[..]).map_err(|_| StartError::KeyMalformed(path.to_owned()))?;
    Ok(key)
}

fn make_key(path: &Path) -> Result<Zeroizing<[u8; KEY_LEN]>, StartError> {
    let fail = |error| StartError::Key(path.to_owned(), error);
    let mut key = Zeroizing::new([0_u8; KEY_LEN]);
    getrandom::fill(&mut key[..]).map_err(|error| fail(std::io::Error::other(error)))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    // Written whole under another name and only then linked to its own: a crash leaves no half of a key, and a key that
    // is there is not replaced.
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let written = write_private(draft, hex::encode(&key[..]).as_bytes());
    let linked = written.and_then(|()| std::fs::hard_link(draft, path));
    let removed = std::fs::remove_file(draft);
    // What is sealed with the key outlives a power cut; so must the key's name.
    let kept = linked.and(removed).and_then(|()| sync_folder(path));
    kept.map_err(fail)?;
    let path = path.display();
    tell(&format!("a key for secrets was made: back {path} up, apart from the data folder"));
    Ok(key)
}

/// Has the folder of a file on disk, as it is now.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_must_be_private() {
        let folder = tempfile::tempdir().unwrap();
        let (path, data) = (folder.path().join("d.key"), folder.path().join("d"));
        let made = read_key(&path, &data).unwrap();
        assert_eq!(*made, *read_key(&path, &data).unwrap());
        let files: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["d.key"]);
        assert!(make_key(&path).is_err(), "a key that is there is not replaced");
        assert_eq!(*made, *read_key(&path, &data).unwrap());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read_key(&path, &data), Err(StartError::KeyOpen(_))));
    }

    #[test]
    fn a_lost_key_is_not_replaced_beside_data() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("d");
        std::fs::create_dir_all(data.join("portal")).unwrap();
        assert!(matches!(read_key(&folder.path().join("d.key"), &data), Err(StartError::KeyGone { .. })));
        std::fs::write(folder.path().join("bad"), "xyz").unwrap();
        std::fs::set_permissions(folder.path().join("bad"), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read_key(&folder.path().join("bad"), &data), Err(StartError::KeyMalformed(_))));
    }
}
