//! What is asked before a cluster becomes a host: the ways into it that a kubeconfig knows, and the rights that the
//! portal's account needs there. Nothing is stored and no cluster is called.

use agents::kubernetes::kubeconfig::{self, KubeconfigEntry};
use agents::kubernetes::rbac;
use domain::Error;
use domain::host::check_kubeconfig;
use domain::host::cluster::{ClusterSettings, KubeconfigContext};
use domain::permission::{Action, Noun};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

impl ControlPlane {
    /// The contexts of a kubeconfig, each with the reason if it cannot be used. The text is forgotten.
    pub async fn host_kubeconfig(
        &self,
        caller: &Caller,
        text: &str,
    ) -> Result<Vec<KubeconfigContext>, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        check_kubeconfig(text)?;
        Ok(kubeconfig::read(text)?.iter().map(KubeconfigEntry::view).collect())
    }

    /// The rights that the portal's account needs on a cluster, as YAML that a person applies there.
    pub async fn host_rbac(&self, caller: &Caller, settings: &ClusterSettings) -> Result<String, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        settings.check()?;
        Ok(rbac::manifest(settings))
    }
}
