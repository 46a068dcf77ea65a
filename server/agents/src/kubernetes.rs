//! Runs nodes on one Kubernetes cluster.
//!
//! Manifests are built by pure functions (`manifest`), applied by small ones (`nodes`, `space`). Every object is
//! found by its name and then proven ours by its labels before anything is done to it. This module must never touch
//! an object without our labels, or take a manifest from outside.

mod answer;
mod apply;
mod client;
mod closed;
mod cluster;
mod connect;
mod data;
mod dial;
mod endpoint;
mod errands;
mod events;
mod failure;
mod images;
pub mod kubeconfig;
mod logs;
mod machines;
mod manifest;
mod names;
mod nodes;
mod pods;
mod ports;
mod probe;
pub mod rbac;
mod reasons;
mod rehearsal;
mod remove;
mod request;
mod room;
mod space;
mod stats;
mod status;
mod tls;
mod way;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use self::client::Client;
use self::cluster::Cluster;
pub use self::endpoint::{KubernetesEndpoint, KubernetesOptions};
use self::events::Watches;
use crate::{
    Agent, AgentError, BoxedStream, CheckedArchive, EngineFacts, ImageFacts, ImageProgress, LogLine,
    LogOptions, NodeEvent, NodeRef, NodeSpec, NodeStats, NodeStatus, ProbeFailure, PullCredentials,
    Rehearsal, Removed, Selector, SpaceSpec,
};

/// An answer to an ordinary request that takes longer has failed.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(60);

/// Runs nodes on one Kubernetes cluster. Cheap to clone; clones share connections and watches.
#[derive(Clone)]
pub struct KubernetesAgent {
    cluster: Arc<Cluster>,
    watches: Arc<Watches>,
}

impl KubernetesAgent {
    /// Reads the endpoint. Nothing is opened before the first verb. `installation` says whose namespace remembers what
    /// is known of images, so that it outlives the portal.
    ///
    /// # Errors
    /// Stage `Address` for an address that is none, `Tls` or `Authentication` for certificates, keys and tokens that
    /// cannot be read.
    pub fn connect(
        endpoint: KubernetesEndpoint,
        options: KubernetesOptions,
        installation: &str,
    ) -> Result<Self, ProbeFailure> {
        let client = Client::new(endpoint, options)?;
        let cluster = Arc::new(Cluster { client, installation: installation.to_owned() });
        Ok(Self { watches: Arc::new(Watches::new(Arc::clone(&cluster))), cluster })
    }

    /// How users reach the cluster's machines.
    pub fn client_address(&self) -> &str {
        &self.cluster.options().client_address
    }
}

#[async_trait]
impl Agent for KubernetesAgent {
    async fn probe(&self) -> Result<EngineFacts, ProbeFailure> {
        probe::probe(&self.cluster.client).await
    }

    async fn ensure_image(
        &self,
        reference: &str,
        credentials: Option<&PullCredentials>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> Result<ImageFacts, AgentError> {
        images::ensure(&self.cluster, reference, credentials, progress).await
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, AgentError> {
        let known = images::find(&self.cluster, reference).await?;
        Ok(known.map(|known| known.facts(reference)))
    }

    async fn ask_registry(
        &self,
        reference: &str,
        credentials: Option<&PullCredentials>,
    ) -> Result<(), AgentError> {
        images::ask_registry(&self.cluster, reference, credentials).await
    }

    /// A cluster has no door for images: its machines pull them. An archive has to go to a registry they can reach.
    async fn load_image(&self, _archive: &CheckedArchive) -> Result<Vec<ImageFacts>, AgentError> {
        let why = "images are given to a cluster through its registry, not as archives";
        Err(AgentError::Refused(why.to_owned()))
    }

    async fn rehearse(&self, nodes: &[NodeSpec]) -> Result<Rehearsal, AgentError> {
        rehearsal::nodes(&self.cluster, nodes).await
    }

    async fn ensure_space(&self, space: &SpaceSpec) -> Result<(), AgentError> {
        space::ensure(&self.cluster, space).await
    }

    async fn remove_space(&self, installation: &str, chain: &str) -> Result<Removed, AgentError> {
        space::remove(&self.cluster, installation, chain, None).await
    }

    async fn release_space(
        &self,
        installation: &str,
        chain: &str,
        mark: &str,
    ) -> Result<Removed, AgentError> {
        errands::check_mark(&self.cluster, mark)?;
        space::remove(&self.cluster, installation, chain, Some(mark)).await
    }

    fn kept_place(&self, installation: &str, chain: &str, mark: &str) -> Option<String> {
        errands::check_mark(&self.cluster, mark).ok()?;
        Some(errands::kept_place(&self.cluster, installation, chain, mark))
    }

    async fn remove_home(&self, installation: &str) -> Result<Removed, AgentError> {
        space::remove_home(&self.cluster, installation).await
    }

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<NodeStatus, AgentError> {
        nodes::ensure(&self.cluster, spec).await
    }

    async fn remove_node(&self, node: &NodeRef, keep_data: bool) -> Result<Removed, AgentError> {
        remove::node(&self.cluster, node, keep_data).await
    }

    async fn start(&self, node: &NodeRef) -> Result<(), AgentError> {
        nodes::start(&self.cluster, node).await
    }

    async fn stop(&self, node: &NodeRef, grace: Duration) -> Result<(), AgentError> {
        nodes::stop(&self.cluster, node, grace).await
    }

    async fn restart(&self, node: &NodeRef, grace: Duration) -> Result<(), AgentError> {
        nodes::stop(&self.cluster, node, grace).await?;
        nodes::start(&self.cluster, node).await
    }

    async fn list_nodes(&self, selector: &Selector) -> Result<Vec<NodeStatus>, AgentError> {
        status::list(&self.cluster, selector).await
    }

    async fn list_spaces(&self, installation: &str) -> Result<BTreeSet<String>, AgentError> {
        space::list(&self.cluster, installation).await
    }

    async fn answers(&self, installation: &str) -> Result<(), AgentError> {
        status::ask(&self.cluster, installation).await
    }

    fn watch_nodes(&self, installation: &str) -> BoxStream<'static, NodeEvent> {
        events::watch(&self.watches, installation)
    }

    async fn logs(
        &self,
        node: &NodeRef,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine, AgentError>>, AgentError> {
        logs::read(&self.cluster, node, options).await
    }

    async fn stats(&self, node: &NodeRef) -> Result<NodeStats, AgentError> {
        stats::read(&self.cluster, node).await
    }

    async fn connect(&self, node: &NodeRef, container_port: u16) -> Result<BoxedStream, AgentError> {
        connect::connect(&self.cluster, node, container_port).await
    }

    async fn used_ports(&self) -> Result<BTreeSet<u16>, AgentError> {
        ports::used(&self.cluster).await
    }

    async fn answering_ports(&self, ports: &[u16]) -> Result<BTreeSet<u16>, AgentError> {
        Ok(ports::answering(&self.cluster, ports).await)
    }
}
