//! What use cases and the steps of operations work with. Built once by the composition root; tests build it over
//! an in-memory store, simulated hosts and a simulated network.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use agents::{Agent, ProbeFailure, PullCredentials};
use domain::host::image::registry_of;
use domain::host::{Endpoint, HostSpec, RegistryCredentials};
use domain::id::HostId;
use domain::{Code, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;
use store::{SealedSecret, Store};
use tokio::sync::{Notify, broadcast};
use workflow::Workflow;
use zeroize::Zeroizing;

use crate::audit::Archive;
use crate::host::built::BeingBuilt;
use crate::host::credentials::Access;
use crate::host::images::Pulls;
use crate::keyring::Keyring;
use crate::mail::Mailer;
use crate::network::Network;
use crate::secrets::Vault;

/// Time, passed in so that tests can move it.
pub type SharedClock = Arc<dyn workflow::Clock>;

/// Makes an agent for a host; the composition root decides which kinds exist. Nothing is opened; a failure names the
/// stage that the endpoint or its credentials could never pass.
pub type Connector = Arc<dyn Fn(&HostSpec, &Access) -> Result<Arc<dyn Agent>, ProbeFailure> + Send + Sync>;

/// Something pages show has changed; they fetch it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Changed {
    /// `chain`, `host`, `operation`, `template`, `user`.
    pub noun: &'static str,
    pub id: String,
}

/// What is kept of a host.
#[derive(Default)]
struct Known {
    /// How often it was changed or removed; what was made before the last time is of no use.
    generation: u64,
    agent: Option<Arc<dyn Agent>>,
}

/// Everything below the façade.
pub struct Services {
    pub store: Store,
    pub vault: Vault,
    pub clock: SharedClock,
    /// Random id of this installation; part of every outside object's name.
    pub installation: String,
    pub network: Arc<dyn Network>,
    /// Socket of the local engine, if it was allowed at start.
    pub local_engine: Option<String>,
    /// Whether the portal runs in a cluster, which it may use as its own.
    pub in_cluster: bool,
    /// Scheme, host and port by which people reach the portal, without a slash at the end: what links begin with. It is
    /// the portal's own word, since whoever asks may call it by any name.
    pub origin: String,
    pub connector: Connector,
    /// Pulls under way, for the pages of their hosts.
    pub pulls: Pulls,
    /// Images that are built for the local engine meanwhile.
    pub built: BeingBuilt,
    /// Where old records of the audit go; none: they stay.
    pub archive: Option<Archive>,
    /// What mail is sent with; none: no mail is written.
    pub mail: Option<Mailer>,
    /// Told when a letter was written.
    pub(crate) mail_wake: Notify,
    /// Chains that were spoken with lately.
    pub(crate) keyring: Keyring,
    /// Held while a list of approved images is changed.
    pub(crate) approving: tokio::sync::Mutex<()>,
    agents: Mutex<HashMap<HostId, Known>>,
    /// What runs operations, for those that start others. Not held here: it holds these services.
    workflow: Mutex<Weak<Workflow<Services>>>,
    changes: broadcast::Sender<Changed>,
}

impl Services {
    /// Puts the parts together.
    pub fn new(
        store: Store,
        vault: Vault,
        clock: SharedClock,
        network: Arc<dyn Network>,
        connector: Connector,
        local_engine: Option<String>,
    ) -> Self {
        let installation = store.installation().to_owned();
        let (changes, _) = broadcast::channel(1_024);
        Self {
            store,
            vault,
            clock,
            installation,
            network,
            local_engine,
            in_cluster: false,
            origin: String::new(),
            connector,
            pulls: Pulls::default(),
            built: BeingBuilt::default(),
            archive: None,
            mail: None,
            mail_wake: Notify::new(),
            keyring: Keyring::default(),
            approving: tokio::sync::Mutex::default(),
            agents: Mutex::new(HashMap::new()),
            workflow: Mutex::new(Weak::new()),
            changes,
        }
    }

    /// The same, told about images that are built for the local engine meanwhile.
    pub fn with_built(self, built: BeingBuilt) -> Self {
        Self { built, ..self }
    }

    /// The same with a folder for old records of the audit.
    pub fn with_archive(self, archive: Archive) -> Self {
        Self { archive: Some(archive), ..self }
    }

    /// The same with what mail is sent with, if any is.
    pub fn with_mail(self, mail: Option<Mailer>) -> Self {
        Self { mail, ..self }
    }

    /// The same, told whether the portal runs in a cluster.
    pub fn running_in_cluster(self, in_cluster: bool) -> Self {
        Self { in_cluster, ..self }
    }

    /// The same, told by which address people reach the portal.
    pub fn reached_by(self, origin: String) -> Self {
        Self { origin, ..self }
    }

    /// Makes known what runs operations.
    pub(crate) fn attach(&self, workflow: &Arc<Workflow<Self>>) {
        *self.workflow.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(workflow);
    }

    /// What runs operations; none before there is a façade, and after its end.
    pub(crate) fn workflow(&self) -> Option<Arc<Workflow<Self>>> {
        self.workflow.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    /// Tells pages that something changed.
    pub fn changed(&self, noun: &'static str, id: impl ToString) {
        // Nobody may be listening.
        let _listeners = self.changes.send(Changed { noun, id: id.to_string() });
    }

    /// What changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    /// The agent of a host, made when first needed.
    pub async fn agent(&self, id: &HostId) -> Result<Arc<dyn Agent>, Error> {
        let generation = {
            let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
            let known = agents.get(id);
            if let Some(agent) = known.and_then(|known| known.agent.as_ref()) {
                return Ok(agent.clone());
            }
            known.map_or(0, |known| known.generation)
        };
        let host =
            self.store.host_read(id).await.map_err(crate::error::store)?.ok_or_else(Error::not_found)?;
        // It may have been allowed at an earlier start, and be allowed again at the next one.
        self.may_open(&host.spec.endpoint).map_err(Error::unavailable)?;
        let access = self.access(id, &host.spec).await?;
        let agent =
            (self.connector)(&host.spec, &access).map_err(|failure| crate::error::agent(failure.into()))?;
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let known = agents.entry(id.clone()).or_default();
        // A host that was changed since it was read gets another agent from whoever asks next. Of two who made one at
        // the same time the first one's counts: what is kept of a host's nodes is kept for one agent.
        if known.generation == generation {
            return Ok(known.agent.get_or_insert(agent).clone());
        }
        Ok(agent)
    }

    /// Whether an endpoint may be opened: of local ones only that which was allowed at this start. Any other path would
    /// make the portal open files of an admin's choice. Its own cluster it has only if it runs in one.
    ///
    /// # Errors
    /// The reason.
    pub(crate) fn may_open(&self, endpoint: &Endpoint) -> Result<(), Code> {
        match endpoint {
            Endpoint::Local { path } if self.local_engine.as_ref() != Some(path) => {
                Err(Code::HostLocalRefused)
            }
            Endpoint::InCluster if !self.in_cluster => Err(Code::HostNotInCluster),
            Endpoint::Local { .. }
            | Endpoint::Tcp { .. }
            | Endpoint::Cluster { .. }
            | Endpoint::InCluster => Ok(()),
        }
    }

    /// Forgets the agent of a host that was changed or removed.
    pub fn forget_agent(&self, id: &HostId) {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let known = agents.entry(id.clone()).or_default();
        known.generation += 1;
        known.agent = None;
    }

    /// A number that grows whenever a host is changed or removed: what was made of it under another one is old.
    pub(crate) fn generation(&self, id: &HostId) -> u64 {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        agents.get(id).map_or(0, |known| known.generation)
    }

    /// Credentials for the registry that an image comes from, if an admin gave some for it.
    pub async fn pull_credentials(
        &self,
        host: &HostId,
        image: &str,
    ) -> Result<Option<PullCredentials>, Error> {
        let key = registry_key(host, registry_of(image));
        let found: Option<RegistryCredentials> = self.secret(&key).await?;
        Ok(found
            .map(|found| PullCredentials { username: found.user, password: Zeroizing::new(found.password) }))
    }

    /// Opens a secret.
    pub async fn secret<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(sealed) = self.store.secret_read(key).await.map_err(crate::error::store)? else {
            return Ok(None);
        };
        let opened = self
            .vault
            .open(key, &sealed.sealed)
            .map_err(|error| crate::error::internal("open a secret", error))?;
        serde_json::from_slice(&opened)
            .map(Some)
            .map_err(|error| crate::error::internal("read a secret", error.classify_text()))
    }

    /// Seals a secret; the record is stored by the caller, alone or with others.
    pub fn seal<T: Serialize>(&self, key: &str, content: &T) -> Result<SealedSecret, Error> {
        let plain = Zeroizing::new(
            serde_json::to_vec(content)
                .map_err(|_| crate::error::internal("seal a secret", "not serialisable"))?,
        );
        let sealed =
            self.vault.seal(key, &plain).map_err(|error| crate::error::internal("seal a secret", error))?;
        Ok(SealedSecret {
            key: key.to_owned(),
            sealed,
            key_version: self.vault.version(),
            created_ms: self.clock.now_ms(),
        })
    }
}

/// Where a host's credentials are kept.
pub fn credentials_key(id: &HostId) -> String {
    format!("host/{id}/tls")
}

/// Where a host's credentials for a registry are kept.
pub(crate) fn registry_key(id: &HostId, registry: &str) -> String {
    format!("{}{registry}", registry_prefix(id))
}

/// What the keys of a host's registries begin with.
pub(crate) fn registry_prefix(id: &HostId) -> String {
    format!("host/{id}/registry/")
}

/// What the keys of everything kept of hosts begin with.
pub(crate) const HOST_SECRETS: &str = "host/";

/// The host and the registry of a key, if it is one of a host's registries.
pub(crate) fn registry_of_key(key: &str) -> Option<(&str, &str)> {
    key.strip_prefix(HOST_SECRETS)?.split_once("/registry/")
}

/// The kind of a JSON error without the text, which could quote a secret.
trait ClassifyText {
    fn classify_text(&self) -> &'static str;
}

impl ClassifyText for serde_json::Error {
    fn classify_text(&self) -> &'static str {
        match self.classify() {
            serde_json::error::Category::Io => "i/o",
            serde_json::error::Category::Syntax => "syntax",
            serde_json::error::Category::Data => "data",
            serde_json::error::Category::Eof => "end of input",
        }
    }
}
