//! Runs nodes on one Docker engine.
//!
//! Bodies are built by pure functions (`body`), applied by small ones (`nodes`, `space`, `images`). Every object
//! is found by its name and then proven ours by its labels before anything is done to it. This module must never
//! touch an object without our labels, write a key to a disk, or take a body from outside.

mod body;
mod client;
mod endpoint;
mod events;
mod failure;
mod files;
mod images;
mod load;
mod logs;
mod names;
mod nodes;
mod ports;
mod probe;
mod remove;
mod space;
mod stats;
mod status;
mod transport;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;

use self::client::Client;
pub use self::endpoint::{DockerEndpoint, DockerOptions};
use crate::{
    Agent, AgentError, BoxedStream, CheckedArchive, EngineFacts, ImageFacts, ImageProgress, LogLine,
    LogOptions, NodeEvent, NodeRef, NodeSpec, NodeStats, NodeStatus, ProbeFailure, PullCredentials,
    Rehearsal, Removed, Selector, SpaceSpec,
};

/// An answer to an ordinary request that takes longer has failed.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(60);

/// Runs nodes on one Docker engine. Cheap to clone; clones share the negotiated version.
#[derive(Clone)]
pub struct DockerAgent {
    client: Arc<Client>,
}

impl DockerAgent {
    /// Reads the endpoint. Nothing is opened before the first verb.
    ///
    /// # Errors
    /// Stage `Address` for an address that is none, `Tls` or `Authentication` for certificates and keys that
    /// cannot be read.
    pub fn connect(endpoint: DockerEndpoint, options: DockerOptions) -> Result<Self, ProbeFailure> {
        Ok(Self { client: Arc::new(Client::new(endpoint, options)?) })
    }

    /// The host's address on which ports are published.
    pub fn bind_address(&self) -> IpAddr {
        self.client.options.bind_address
    }

    /// How users reach the host.
    pub fn client_address(&self) -> &str {
        &self.client.options.client_address
    }
}

#[async_trait]
impl Agent for DockerAgent {
    async fn probe(&self) -> Result<EngineFacts, ProbeFailure> {
        probe::probe(&self.client).await
    }

    async fn ensure_image(
        &self,
        reference: &str,
        credentials: Option<&PullCredentials>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> Result<ImageFacts, AgentError> {
        images::ensure(&self.client, reference, credentials, progress).await
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, AgentError> {
        images::find(&self.client, reference).await
    }

    async fn ask_registry(
        &self,
        reference: &str,
        credentials: Option<&PullCredentials>,
    ) -> Result<(), AgentError> {
        images::ask_registry(&self.client, reference, credentials).await
    }

    async fn load_image(&self, archive: &CheckedArchive) -> Result<Vec<ImageFacts>, AgentError> {
        load::load(&self.client, archive).await
    }

    /// An engine has no rules for what runs on it and keeps nothing free.
    async fn rehearse(&self, _nodes: &[NodeSpec]) -> Result<Rehearsal, AgentError> {
        Ok(Rehearsal::default())
    }

    async fn ensure_space(&self, space: &SpaceSpec) -> Result<(), AgentError> {
        space::ensure(&self.client, space).await
    }

    async fn remove_space(&self, installation: &str, chain: &str) -> Result<Removed, AgentError> {
        remove::space(&self.client, installation, chain).await
    }

    async fn release_space(
        &self,
        _installation: &str,
        _chain: &str,
        _mark: &str,
    ) -> Result<Removed, AgentError> {
        Err(AgentError::Refused("an engine keeps data in volumes, not in folders".to_owned()))
    }

    /// On an engine there is nothing beside chains.
    async fn remove_home(&self, _installation: &str) -> Result<Removed, AgentError> {
        Ok(Removed::default())
    }

    async fn ensure_node(&self, spec: &NodeSpec) -> Result<NodeStatus, AgentError> {
        nodes::ensure(&self.client, spec).await
    }

    async fn remove_node(&self, node: &NodeRef, keep_data: bool) -> Result<Removed, AgentError> {
        remove::node(&self.client, node, keep_data).await
    }

    async fn start(&self, node: &NodeRef) -> Result<(), AgentError> {
        nodes::start(&self.client, node).await
    }

    async fn stop(&self, node: &NodeRef, grace: Duration) -> Result<(), AgentError> {
        nodes::stop(&self.client, node, grace).await
    }

    async fn restart(&self, node: &NodeRef, grace: Duration) -> Result<(), AgentError> {
        nodes::stop(&self.client, node, grace).await?;
        nodes::start(&self.client, node).await
    }

    async fn list_nodes(&self, selector: &Selector) -> Result<Vec<NodeStatus>, AgentError> {
        status::list(&self.client, selector).await
    }

    async fn list_spaces(&self, installation: &str) -> Result<BTreeSet<String>, AgentError> {
        remove::spaces(&self.client, installation).await
    }

    fn watch_nodes(&self, installation: &str) -> BoxStream<'static, NodeEvent> {
        events::watch(Arc::clone(&self.client), installation)
    }

    async fn logs(
        &self,
        node: &NodeRef,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine, AgentError>>, AgentError> {
        logs::read(&self.client, node, options).await
    }

    async fn stats(&self, node: &NodeRef) -> Result<NodeStats, AgentError> {
        stats::read(&self.client, node).await
    }

    async fn connect(&self, node: &NodeRef, container_port: u16) -> Result<BoxedStream, AgentError> {
        let at = status::address(&self.client, node, container_port).await?;
        Ok(Box::new(self.client.transport.dial(at).await?))
    }

    async fn used_ports(&self) -> Result<BTreeSet<u16>, AgentError> {
        status::used_ports(&self.client).await
    }

    async fn answering_ports(&self, ports: &[u16]) -> Result<BTreeSet<u16>, AgentError> {
        Ok(ports::answering(&self.client, ports).await)
    }
}
