//! The verbs by which the portal acts on a host.
//!
//! Every verb is declarative and may be repeated: it finds what an earlier try made, because names and labels
//! follow from the specification alone. Nothing of one kind of host may appear here.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    AgentError, CheckedArchive, EngineFacts, ImageFacts, ImageProgress, LogLine, LogOptions, NodeEvent,
    NodeRef, NodeSpec, NodeStats, NodeStatus, ProbeFailure, PullCredentials, Rehearsal, Removed, Selector,
    SpaceSpec,
};

/// A byte stream in both directions.
pub trait DuplexStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> DuplexStream for T {}

/// An open connection to a port of a node; dropping it closes it.
pub type BoxedStream = Box<dyn DuplexStream>;

/// Runs nodes on one host.
#[async_trait]
pub trait Agent: Send + Sync {
    /// Asks the host who it is; a failure names the stage that failed and what to do about it.
    async fn probe(&self) -> Result<EngineFacts, ProbeFailure>;

    /// Makes sure that an image is on the host: nothing to do if it is there, else it is pulled.
    async fn ensure_image(
        &self,
        reference: &str,
        credentials: Option<&PullCredentials>,
        progress: &mut (dyn FnMut(ImageProgress) + Send),
    ) -> Result<ImageFacts, AgentError>;

    /// Tells about an image that is on the host, `None` when it is not; never pulls.
    async fn image(&self, reference: &str) -> Result<Option<ImageFacts>, AgentError>;

    /// Asks the registry of an image, by way of the host, whether it can be pulled from there. Nothing is pulled on a
    /// host that can ask without.
    ///
    /// # Errors
    /// [`AgentError::ImageMissing`] says why it cannot.
    async fn ask_registry(
        &self,
        reference: &str,
        credentials: Option<&PullCredentials>,
    ) -> Result<(), AgentError>;

    /// Puts the images of an archive on the host. An archive is checked before it becomes one of this type.
    ///
    /// # Errors
    /// [`AgentError::Conflict`] when the host has another image under a name of the archive, [`AgentError::Refused`] by
    /// a host that gets images from registries alone.
    async fn load_image(&self, archive: &CheckedArchive) -> Result<Vec<ImageFacts>, AgentError>;

    /// Asks how the host would take the nodes of one chain, beside all that is on it now. Nothing is made, so the
    /// specifications need no files, and an image that is not known may be empty.
    async fn rehearse(&self, nodes: &[NodeSpec]) -> Result<Rehearsal, AgentError>;

    /// Makes what the nodes of one chain share: a network of their own, and one without a way out for chaincode.
    async fn ensure_space(&self, space: &SpaceSpec) -> Result<(), AgentError>;

    /// Removes every object of one chain, data included, and verifies that nothing with its labels is left.
    async fn remove_space(&self, installation: &str, chain: &str) -> Result<Removed, AgentError>;

    /// The same, but the folders that the chain's data is in stay, under another name that holds `mark`: no later chain
    /// of that name finds them, and whoever runs the host may take the data from there. The mark is of letters, digits
    /// and hyphens, and the same for every try.
    ///
    /// # Errors
    /// [`AgentError::Refused`] by a host that keeps data in no folders; nothing is removed then.
    async fn release_space(&self, installation: &str, chain: &str, mark: &str)
    -> Result<Removed, AgentError>;

    /// Where [`Agent::release_space`] puts the folders of a chain's data, for people: it is known before anything is moved.
    /// `None` on a host that keeps data in no folders.
    fn kept_place(&self, _installation: &str, _chain: &str, _mark: &str) -> Option<String> {
        None
    }

    /// Removes what the portal keeps on the host for itself, beside its chains; nothing while one of them is there. It is
    /// made again where it is needed.
    async fn remove_home(&self, installation: &str) -> Result<Removed, AgentError>;

    /// Makes a node run as specified. An equal one is adopted, one that differs is replaced and keeps its data.
    ///
    /// # Errors
    /// [`AgentError::DataLost`] when the node had data that is gone, unless the specification allows a new start.
    async fn ensure_node(&self, spec: &NodeSpec) -> Result<NodeStatus, AgentError>;

    /// Removes a node; with `keep_data` its data and its files stay for a later `ensure_node`.
    async fn remove_node(&self, node: &NodeRef, keep_data: bool) -> Result<Removed, AgentError>;

    /// Starts a node that was stopped; no effect on one that runs. Refuses when its data is gone.
    async fn start(&self, node: &NodeRef) -> Result<(), AgentError>;

    /// Asks a node to end and kills it after the grace period; no effect on one that does not run.
    async fn stop(&self, node: &NodeRef, grace: Duration) -> Result<(), AgentError>;

    /// Stops and starts a node.
    async fn restart(&self, node: &NodeRef, grace: Duration) -> Result<(), AgentError>;

    /// Lists the nodes of an installation, those included of which only the data is left; sorted.
    async fn list_nodes(&self, selector: &Selector) -> Result<Vec<NodeStatus>, AgentError>;

    /// Names of the chains of an installation of which anything is on the host, also where no node is left.
    async fn list_spaces(&self, installation: &str) -> Result<BTreeSet<String>, AgentError>;

    /// Whether the host still lets itself be asked what runs on it, told by its error if not. It costs the same however
    /// many nodes there are, where the host can be asked so.
    async fn answers(&self, installation: &str) -> Result<(), AgentError> {
        let all = Selector { installation: installation.to_owned(), chain: None };
        self.list_nodes(&all).await.map(drop)
    }

    /// Tells when nodes change, until the stream is dropped. After each interruption a
    /// [`NodeEvent::Resync`] says that changes may have been missed and that a list is due.
    fn watch_nodes(&self, installation: &str) -> BoxStream<'static, NodeEvent>;

    /// Reads what a node printed, line by line.
    async fn logs(
        &self,
        node: &NodeRef,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<LogLine, AgentError>>, AgentError>;

    /// What a running node uses at this moment.
    ///
    /// # Errors
    /// [`AgentError::Refused`] by a host that measures nothing, [`AgentError::NotFound`] before a first measure.
    async fn stats(&self, node: &NodeRef) -> Result<NodeStats, AgentError>;

    /// Opens a connection to a port of a node, published or not to users, as the kind of host allows.
    async fn connect(&self, node: &NodeRef, container_port: u16) -> Result<BoxedStream, AgentError>;

    /// The ports of the host that are taken by containers, ours and others'.
    async fn used_ports(&self) -> Result<BTreeSet<u16>, AgentError>;

    /// Those of some ports of the host on which a connection from here is taken, whoever listens there.
    async fn answering_ports(&self, ports: &[u16]) -> Result<BTreeSet<u16>, AgentError>;
}
