//! What somebody has typed about a cluster, and what it means.

use std::collections::BTreeMap;

use domain::host::cluster::{
    ClusterAuthority, ClusterCredentials, ClusterExposure, ClusterLogin, ClusterSettings, ClusterStorage,
    KubeconfigContext, Toleration, canonical_server,
};
use domain::host::{Endpoint, HostCredentials, HostSpec};
use domain::{Code, Error};
use leptos::prelude::*;

use super::form::{filled, lines, number};

/// How the portal is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    Token,
    Certificate,
    Kubeconfig,
    /// As the account of the pod that the portal runs in.
    Own,
}

/// Words of the choices, as their fields hold them.
pub const TRUST_CA: &str = "ca";
pub const TRUST_PINNED: &str = "pinned";
pub const STORAGE_DEFAULT: &str = "default";
pub const STORAGE_NAMED: &str = "named";
pub const STORAGE_NFS: &str = "nfs";
pub const STORAGE_LOCAL: &str = "local";
pub const NODE_PORT: &str = "node-port";
pub const LOAD_BALANCER: &str = "load-balancer";
pub const CLUSTER_IP: &str = "cluster-ip";

/// The fields, as signals.
#[derive(Clone, Copy)]
pub struct ClusterForm {
    pub server: RwSignal<String>,
    pub sign_in: RwSignal<SignIn>,
    /// Whether the portal's own cluster may be chosen.
    pub has_own: bool,
    pub token: RwSignal<String>,
    pub certificate_pem: RwSignal<String>,
    pub key_pem: RwSignal<String>,
    pub trust: RwSignal<String>,
    pub ca_pem: RwSignal<String>,
    pub pinned: RwSignal<String>,
    pub kubeconfig: RwSignal<String>,
    pub context: RwSignal<String>,
    /// What the portal found in the kubeconfig.
    pub contexts: RwSignal<Vec<KubeconfigContext>>,
    pub settings: SettingsForm,
}

/// The fields of the settings, as signals.
#[derive(Clone, Copy)]
pub struct SettingsForm {
    pub namespace_prefix: RwSignal<String>,
    pub storage: RwSignal<String>,
    pub storage_class: RwSignal<String>,
    pub nfs_server: RwSignal<String>,
    pub nfs_path: RwSignal<String>,
    pub kube_node: RwSignal<String>,
    pub local_path: RwSignal<String>,
    pub volume_gib: RwSignal<String>,
    pub exposure: RwSignal<String>,
    pub annotations: RwSignal<String>,
    pub registry_prefix: RwSignal<String>,
    pub node_selector: RwSignal<String>,
    pub tolerations: RwSignal<String>,
}

/// What stands in the fields, as plain text.
#[derive(Clone, Debug)]
pub struct ClusterDraft {
    pub server: String,
    pub sign_in: SignIn,
    pub token: String,
    pub certificate_pem: String,
    pub key_pem: String,
    pub trust: String,
    pub ca_pem: String,
    pub pinned: String,
    pub kubeconfig: String,
    pub context: String,
    pub settings: SettingsDraft,
}

/// The same of the settings.
#[derive(Clone, Debug)]
pub struct SettingsDraft {
    pub namespace_prefix: String,
    pub storage: String,
    pub storage_class: String,
    pub nfs: (String, String),
    pub local: (String, String),
    pub volume_gib: String,
    pub exposure: String,
    pub annotations: String,
    pub registry_prefix: String,
    pub node_selector: String,
    pub tolerations: String,
}

impl ClusterForm {
    /// A cluster or the offer of one filled in; else an empty one.
    pub fn new(offer: Option<&HostSpec>) -> Self {
        let text = |value: &str| RwSignal::new(value.to_owned());
        let (server, has_own) = match offer.map(|spec| &spec.endpoint) {
            Some(Endpoint::Cluster { server }) => (server.as_str(), false),
            Some(Endpoint::InCluster) => ("", true),
            Some(Endpoint::Local { .. } | Endpoint::Tcp { .. }) | None => ("", false),
        };
        Self {
            server: text(server),
            sign_in: RwSignal::new(if has_own { SignIn::Own } else { SignIn::Token }),
            has_own,
            token: text(""),
            certificate_pem: text(""),
            key_pem: text(""),
            trust: text(TRUST_CA),
            ca_pem: text(""),
            pinned: text(""),
            kubeconfig: text(""),
            context: text(""),
            contexts: RwSignal::new(Vec::new()),
            settings: SettingsForm::new(&offer.and_then(|spec| spec.cluster.clone()).unwrap_or_default()),
        }
    }

    /// What stands in the fields now.
    pub fn draft(self) -> ClusterDraft {
        ClusterDraft {
            server: self.server.get_untracked(),
            sign_in: self.sign_in.get_untracked(),
            token: self.token.get_untracked(),
            certificate_pem: self.certificate_pem.get_untracked(),
            key_pem: self.key_pem.get_untracked(),
            trust: self.trust.get_untracked(),
            ca_pem: self.ca_pem.get_untracked(),
            pinned: self.pinned.get_untracked(),
            kubeconfig: self.kubeconfig.get_untracked(),
            context: self.context.get_untracked(),
            settings: self.settings.draft(),
        }
    }

    /// Takes over what the portal found in the kubeconfig: the context that the file itself chooses, if it can be
    /// used, else the first that can.
    pub fn found(self, contexts: Vec<KubeconfigContext>) {
        let usable = || contexts.iter().filter(|context| context.refused.is_none());
        let chosen = usable().find(|context| context.current).or_else(|| usable().next());
        self.context.set(chosen.map(|context| context.name.clone()).unwrap_or_default());
        self.contexts.set(contexts);
    }

    /// Forgets what was found in another text: its context must not stand for one of this.
    pub fn retyped(self) {
        self.contexts.set(Vec::new());
        self.context.set(String::new());
    }
}

impl SettingsForm {
    fn new(settings: &ClusterSettings) -> Self {
        let text = |value: &str| RwSignal::new(value.to_owned());
        let (mut class, mut nfs, mut local) = ("", ("", ""), ("", ""));
        let storage = match &settings.storage {
            ClusterStorage::Class { name: None } => STORAGE_DEFAULT,
            ClusterStorage::Class { name: Some(name) } => {
                class = name.as_str();
                STORAGE_NAMED
            }
            ClusterStorage::Nfs { server, path } => {
                nfs = (server.as_str(), path.as_str());
                STORAGE_NFS
            }
            ClusterStorage::NodeLocal { kube_node, path } => {
                local = (kube_node.as_str(), path.as_str());
                STORAGE_LOCAL
            }
        };
        let (exposure, annotations) = match &settings.exposure {
            ClusterExposure::NodePort => (NODE_PORT, String::new()),
            ClusterExposure::LoadBalancer { annotations } => (LOAD_BALANCER, entry_lines(annotations)),
            ClusterExposure::ClusterIp => (CLUSTER_IP, String::new()),
        };
        Self {
            namespace_prefix: text(&settings.namespace_prefix),
            storage: text(storage),
            storage_class: text(class),
            nfs_server: text(nfs.0),
            nfs_path: text(nfs.1),
            kube_node: text(local.0),
            local_path: text(local.1),
            volume_gib: RwSignal::new(settings.volume_gib.to_string()),
            exposure: text(exposure),
            annotations: RwSignal::new(annotations),
            registry_prefix: text(&settings.registry_prefix),
            node_selector: RwSignal::new(entry_lines(&settings.node_selector)),
            tolerations: RwSignal::new(toleration_lines(&settings.tolerations)),
        }
    }

    /// What stands in the fields now.
    pub fn draft(self) -> SettingsDraft {
        SettingsDraft {
            namespace_prefix: self.namespace_prefix.get_untracked(),
            storage: self.storage.get_untracked(),
            storage_class: self.storage_class.get_untracked(),
            nfs: (self.nfs_server.get_untracked(), self.nfs_path.get_untracked()),
            local: (self.kube_node.get_untracked(), self.local_path.get_untracked()),
            volume_gib: self.volume_gib.get_untracked(),
            exposure: self.exposure.get_untracked(),
            annotations: self.annotations.get_untracked(),
            registry_prefix: self.registry_prefix.get_untracked(),
            node_selector: self.node_selector.get_untracked(),
            tolerations: self.tolerations.get_untracked(),
        }
    }
}

impl ClusterDraft {
    /// What it means; the first refusal names its field. Where there are credentials already, giving none keeps them.
    pub fn parse(
        self,
        has_some: bool,
    ) -> Result<(Endpoint, ClusterSettings, Option<HostCredentials>), Error> {
        if self.sign_in == SignIn::Own {
            return Ok((Endpoint::InCluster, self.settings.parse()?, None));
        }
        let keeps = has_some && self.gives_none();
        if self.sign_in == SignIn::Kubeconfig && !keeps {
            // The address comes from these and cannot be typed, so that they are asked for first.
            filled(&self.kubeconfig, "kubeconfig")?;
            filled(&self.context, "context")?;
        }
        let server = canonical_server(&filled(&self.server, "server")?)?;
        let endpoint = Endpoint::Cluster { server };
        let credentials = if keeps { None } else { Some(self.credentials()?) };
        if let Some(given) = &credentials {
            given.check(&endpoint)?;
        }
        Ok((endpoint, self.settings.parse()?, credentials))
    }

    fn gives_none(&self) -> bool {
        let secrets = [&self.token, &self.certificate_pem, &self.key_pem, &self.kubeconfig];
        let authority = if self.trust == TRUST_PINNED { &self.pinned } else { &self.ca_pem };
        secrets.into_iter().chain([authority]).all(|text| text.trim().is_empty())
    }

    fn credentials(&self) -> Result<HostCredentials, Error> {
        let login = match self.sign_in {
            SignIn::Kubeconfig | SignIn::Own => {
                let (text, context) = (self.kubeconfig.clone(), self.context.clone());
                return Ok(HostCredentials::Kubeconfig { text, context });
            }
            SignIn::Token => ClusterLogin::Token { token: filled(&self.token, "token")? },
            SignIn::Certificate => ClusterLogin::Certificate {
                certificate_pem: filled(&self.certificate_pem, "certificate_pem")?,
                key_pem: filled(&self.key_pem, "key_pem")?,
            },
        };
        let authority = if self.trust == TRUST_PINNED {
            // Tools print fingerprints with colons and in capitals.
            let digits = filled(&self.pinned, "pinned")?.replace(':', "").to_ascii_lowercase();
            ClusterAuthority::Pinned { sha256: digits }
        } else {
            ClusterAuthority::Ca { pem: filled(&self.ca_pem, "ca_pem")? }
        };
        Ok(HostCredentials::Cluster(ClusterCredentials { authority, server_name: None, login }))
    }
}

impl SettingsDraft {
    /// What it means; the first refusal names its field.
    pub fn parse(self) -> Result<ClusterSettings, Error> {
        let storage = match self.storage.as_str() {
            STORAGE_NAMED => {
                ClusterStorage::Class { name: Some(filled(&self.storage_class, "storage_class")?) }
            }
            STORAGE_NFS => ClusterStorage::Nfs {
                server: filled(&self.nfs.0, "nfs_server")?,
                path: filled(&self.nfs.1, "nfs_path")?,
            },
            STORAGE_LOCAL => ClusterStorage::NodeLocal {
                kube_node: filled(&self.local.0, "kube_node")?,
                path: filled(&self.local.1, "local_path")?,
            },
            _ => ClusterStorage::Class { name: None },
        };
        let exposure = match self.exposure.as_str() {
            LOAD_BALANCER => {
                ClusterExposure::LoadBalancer { annotations: entries(&self.annotations, "annotations")? }
            }
            CLUSTER_IP => ClusterExposure::ClusterIp,
            _ => ClusterExposure::NodePort,
        };
        let settings = ClusterSettings {
            namespace_prefix: self.namespace_prefix.trim().to_owned(),
            storage,
            volume_gib: number(&self.volume_gib, "volume_gib")?,
            exposure,
            registry_prefix: self.registry_prefix.trim().to_owned(),
            node_selector: entries(&self.node_selector, "node_selector")?,
            tolerations: lines(&self.tolerations).iter().map(|line| toleration(line)).collect(),
        };
        settings.check()?;
        Ok(settings)
    }
}

/// Lines of `key=value`; what stands behind the first `=` is the value.
fn entries(text: &str, field: &str) -> Result<BTreeMap<String, String>, Error> {
    let entry = |line: String| match line.split_once('=') {
        Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
        None => Err(Error::invalid(Code::EntryMalformed).with("name", &line).on(field)),
    };
    lines(text).into_iter().map(entry).collect()
}

/// The same the other way round.
pub fn entry_lines(entries: &BTreeMap<String, String>) -> String {
    entries.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
}

/// `key=value:effect`, with value and effect left out where any will do.
fn toleration(line: &str) -> Toleration {
    let (taint, effect) = match line.rsplit_once(':') {
        Some((taint, effect)) => (taint, Some(effect.trim().to_owned())),
        None => (line, None),
    };
    let (key, value) = match taint.split_once('=') {
        Some((key, value)) => (key, Some(value.trim().to_owned())),
        None => (taint, None),
    };
    Toleration { key: key.trim().to_owned(), value, effect }
}

/// The same the other way round.
pub fn toleration_lines(tolerations: &[Toleration]) -> String {
    let line = |toleration: &Toleration| {
        let value = toleration.value.as_ref().map(|value| format!("={value}")).unwrap_or_default();
        let effect = toleration.effect.as_ref().map(|effect| format!(":{effect}")).unwrap_or_default();
        format!("{}{value}{effect}", toleration.key)
    };
    tolerations.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
pub(super) mod tests;
