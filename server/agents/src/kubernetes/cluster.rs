//! One cluster and the portal it is used for: what every verb needs. Nothing is decided here.

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource};

use super::client::Client;
use super::{KubernetesOptions, names};
use crate::{AgentError, NodeRef};

/// A connection to one cluster, on behalf of one portal.
pub(crate) struct Cluster {
    pub(super) client: Client,
    /// Which portal.
    pub(super) installation: String,
}

impl Cluster {
    /// What the portal's configuration says.
    pub(super) fn options(&self) -> &KubernetesOptions {
        &self.client.options
    }

    /// Objects of one kind in one namespace.
    pub(super) fn within<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.kube.clone(), namespace)
    }

    /// Objects of one kind, wherever they are; also those that are in no namespace.
    pub(super) fn everywhere<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = ()>,
    {
        Api::all(self.client.kube.clone())
    }

    /// The namespace of a chain.
    pub(super) fn namespace(&self, installation: &str, chain: &str) -> String {
        names::namespace(&self.options().settings.namespace_prefix, installation, chain)
    }

    /// The namespace of a node's chain.
    pub(super) fn namespace_of(&self, node: &NodeRef) -> String {
        self.namespace(&node.installation, &node.chain)
    }

    /// The namespace of what belongs to a portal and to no chain.
    pub(super) fn home(&self, installation: &str) -> String {
        names::home(&self.options().settings.namespace_prefix, installation)
    }
}

/// The selector of an installation's objects, or those of one of its chains.
pub(super) fn selector(installation: &str, chain: Option<&str>) -> Result<String, AgentError> {
    names::selector(installation, chain)
        .ok_or_else(|| AgentError::Refused("installation and chain are no legal names".to_owned()))
}

/// The selector of one node's objects.
pub(super) fn selector_of(node: &NodeRef) -> Result<String, AgentError> {
    node.check().map_err(|error| AgentError::Refused(error.to_string()))?;
    let chain = selector(&node.installation, Some(&node.chain))?;
    Ok(format!("{chain},{}={}", crate::labels::NODE, node.node))
}
