//! How the portal is let in to a host: what an admin gave, checked and taken apart; as it is stored; and as agents get
//! it. A kubeconfig is read here once: it is never stored, and nothing below knows that there are such files.

use agents::kubernetes::kubeconfig;
use domain::host::cluster::ClusterCredentials;
use domain::host::{Endpoint, HostCredentials, HostSpec, RegistryCredentials, TlsCredentials};
use domain::id::HostId;
use domain::{Code, Error};
use serde::{Deserialize, Serialize};

use crate::services::{Services, credentials_key, registry_prefix};

/// Credentials of an engine or a cluster, as they are stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum EngineCredentials {
    Tls(TlsCredentials),
    Cluster(ClusterCredentials),
}

/// What former portals stored had no kind: it was for engines over TCP alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Now(EngineCredentials),
    Before(TlsCredentials),
}

impl From<Stored> for EngineCredentials {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Now(credentials) => credentials,
            Stored::Before(credentials) => Self::Tls(credentials),
        }
    }
}

/// What an agent needs beside its host's specification.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// None: nobody asks for any, or they are not there.
    pub credentials: Option<EngineCredentials>,
    /// For registries that the host itself pulls from, without the portal's doing.
    pub registries: Vec<RegistryCredentials>,
}

impl EngineCredentials {
    /// What an admin gave, taken apart. What a kubeconfig says is taken only if it leads where the host is to be.
    pub(super) fn from_given(given: HostCredentials, endpoint: &Endpoint) -> Result<Self, Error> {
        given.check(endpoint)?;
        match given {
            HostCredentials::Tls(tls) => Ok(Self::Tls(tls)),
            HostCredentials::Cluster(cluster) => Ok(Self::Cluster(cluster)),
            HostCredentials::Kubeconfig { text, context } => {
                let mut entries = kubeconfig::read(&text)?.into_iter();
                let entry = entries.find(|entry| entry.name == context);
                let entry = entry.ok_or_else(|| Error::invalid(Code::FieldMissing).on("context"))?;
                let credentials = entry.access?;
                if entry.server != endpoint.canonical() {
                    let other = Error::invalid(Code::KubeconfigServer).with("found", entry.server);
                    return Err(other.on("context"));
                }
                Ok(Self::Cluster(credentials))
            }
        }
    }

    /// Whether they are for this kind of host.
    pub(super) fn fit(&self, endpoint: &Endpoint) -> bool {
        match (self, endpoint) {
            (Self::Tls(_), Endpoint::Tcp { .. }) | (Self::Cluster(_), Endpoint::Cluster { .. }) => true,
            (Self::Tls(_) | Self::Cluster(_), _) => false,
        }
    }
}

/// Refuses a host that is reached over a network and got no credentials for that.
pub(super) fn check_given(endpoint: &Endpoint, credentials: Option<&EngineCredentials>) -> Result<(), Error> {
    match (endpoint, credentials) {
        (Endpoint::Tcp { .. }, None) => Err(Error::invalid(Code::HostPlainTcp).on("ca_pem")),
        (Endpoint::Cluster { .. }, None) => Err(Error::invalid(Code::FieldMissing).on("token")),
        (
            Endpoint::Local { .. } | Endpoint::Tcp { .. } | Endpoint::Cluster { .. } | Endpoint::InCluster,
            _,
        ) => Ok(()),
    }
}

impl Services {
    /// The stored credentials of a host.
    pub(crate) async fn engine_credentials(&self, id: &HostId) -> Result<Option<EngineCredentials>, Error> {
        let stored: Option<Stored> = self.secret(&credentials_key(id)).await?;
        Ok(stored.map(EngineCredentials::from))
    }

    /// Everything that the agent of a stored host gets. The portal itself gives an engine what it needs for a pull; a
    /// cluster's machines pull by themselves.
    pub(crate) async fn access(&self, id: &HostId, spec: &HostSpec) -> Result<Access, Error> {
        let credentials = self.engine_credentials(id).await?;
        let mut registries = Vec::new();
        if spec.endpoint.is_cluster() {
            let secrets = self.store.secret_list_prefix(&registry_prefix(id)).await;
            for secret in secrets.map_err(crate::error::store)? {
                registries.extend(self.secret::<RegistryCredentials>(&secret.key).await?);
            }
        }
        Ok(Access { credentials, registries })
    }
}

#[cfg(test)]
mod tests {
    use domain::host::cluster::{ClusterAuthority, ClusterLogin};

    use super::*;

    fn tls() -> TlsCredentials {
        let text = |text: &str| text.to_owned();
        TlsCredentials { ca_pem: text("ca"), certificate_pem: text("certificate"), key_pem: text("key") }
    }

    fn token() -> ClusterCredentials {
        ClusterCredentials {
            authority: ClusterAuthority::Pinned { sha256: "0".repeat(64) },
            server_name: None,
            login: ClusterLogin::Token { token: "abc".to_owned() },
        }
    }

    fn read(text: &str) -> EngineCredentials {
        serde_json::from_str::<Stored>(text).unwrap().into()
    }

    #[test]
    fn what_former_portals_stored_is_still_read() {
        let before = serde_json::to_string(&tls()).unwrap();
        assert_eq!(before, r#"{"ca_pem":"ca","certificate_pem":"certificate","key_pem":"key"}"#);
        assert_eq!(read(&before), EngineCredentials::Tls(tls()));
    }

    #[test]
    fn what_is_stored_now_comes_back_as_what_it_was() {
        for credentials in [EngineCredentials::Tls(tls()), EngineCredentials::Cluster(token())] {
            let stored = serde_json::to_string(&credentials).unwrap();
            assert!(stored.contains("\"kind\":"), "{stored}");
            assert_eq!(read(&stored), credentials);
        }
    }

    #[test]
    fn each_kind_of_host_takes_its_own() {
        let tcp = Endpoint::Tcp { address: "engine".to_owned(), port: 2376 };
        let cluster = Endpoint::Cluster { server: "https://api.example".to_owned() };
        let (of_tcp, of_cluster) = (EngineCredentials::Tls(tls()), EngineCredentials::Cluster(token()));
        assert!(of_tcp.fit(&tcp) && of_cluster.fit(&cluster));
        assert!(!of_tcp.fit(&cluster) && !of_cluster.fit(&tcp) && !of_cluster.fit(&Endpoint::InCluster));
        assert_eq!(check_given(&tcp, None).unwrap_err().code, Code::HostPlainTcp);
        assert_eq!(check_given(&cluster, None).unwrap_err().field.as_deref(), Some("token"));
        assert_eq!(check_given(&cluster, Some(&of_cluster)), Ok(()));
        assert_eq!(check_given(&Endpoint::InCluster, None), Ok(()));
    }
}
