//! The network as real nodes are it: every verb a call of the `fabric` crate over a connection that the host's agent
//! opens. Connections are kept; a chain that was made again under an old name has other certificates and so gets
//! connections of its own, and so does a host that was changed, because it has another agent.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agents::Agent;
use async_trait::async_trait;
use domain::node::NodeKind;
use fabric::config_update::{self, ConfigUpdateError};
use fabric::config_view;
use fabric::conn::{BoxedStream, Dial, NodeConn, TlsSettings};
use fabric::endorser::{self, Invocation};
use fabric::error::{ErrorKind, FabricError};
use fabric::gateway::Gateway;
use fabric::identity::SigningIdentity;
use fabric::lifecycle::{self, Definition, PolicyChoice};
use fabric::participation::{self, Status};
use fabric::proto::channel::Config;
use fabric::{operations, policy};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use super::{Call, ChainLink, Committed, CommittedDefinition, DefinitionSpec, Endorsed, Network};
use crate::topology::{ADMIN_PORT, PlannedNode};

mod change;

use change::signed_update;

/// Connections that are kept; beyond it all are dropped and made again when needed.
const CONNECTIONS_MAX: usize = 1_024;
/// Longest wait of one look at a transaction's status.
const STATUS_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest wait for an orderer's word whether it leads.
const LEADER_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for an orderer to forget a channel, and the pause between two looks.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(60);
const LEAVE_PAUSE: Duration = Duration::from_millis(100);

/// Speaks with real nodes.
#[derive(Default)]
pub struct NativeNetwork {
    connections: Mutex<HashMap<String, Kept>>,
}

/// A kept connection, and the agent that it dials through.
struct Kept {
    agent: Arc<dyn Agent>,
    conn: NodeConn,
}

/// Dials a node through the agent of its host.
struct AgentDial {
    link: ChainLink,
    node: PlannedNode,
    port: u16,
}

impl Dial for AgentDial {
    fn dial(&self) -> BoxFuture<'static, io::Result<BoxedStream>> {
        let (agent, node, port) = (self.link.agent.clone(), self.link.node_ref(&self.node), self.port);
        Box::pin(async move {
            let stream = agent.connect(&node, port).await.map_err(io::Error::other)?;
            let boxed: BoxedStream = Box::new(stream);
            Ok(boxed)
        })
    }
}

impl NativeNetwork {
    /// A connection to one port of a node, with the portal's own client certificate.
    fn connect(&self, link: &ChainLink, node: &PlannedNode, port: u16) -> Result<NodeConn, FabricError> {
        let key = format!("{}/{}/{port}/{}", link.plan.chain, node.name, link.trust.portal.cert_pem);
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = connections.get(&key) {
            if Arc::ptr_eq(&found.agent, &link.agent) {
                return Ok(found.conn.clone());
            }
            // The host was changed: nothing that leads where it was is used any more.
            let outdated = Arc::clone(&found.agent);
            connections.retain(|_, kept| !Arc::ptr_eq(&kept.agent, &outdated));
        }
        let msp = link.trust.msps.get(&node.msp_id);
        let roots = msp.ok_or_else(|| FabricError::Settings(format!("no authority of {}", node.msp_id)))?;
        let settings = TlsSettings {
            server_name: node.domain_name.clone(),
            roots_pem: roots.tls_ca_cert_pem.clone(),
            client: Some((link.trust.portal.cert_pem.clone(), link.trust.portal.key_pem.clone())),
        };
        let dial = AgentDial { link: link.clone(), node: node.clone(), port };
        let conn = NodeConn::new(Arc::new(dial), settings)?;
        if connections.len() >= CONNECTIONS_MAX {
            connections.clear();
        }
        connections.insert(key, Kept { agent: Arc::clone(&link.agent), conn: conn.clone() });
        Ok(conn)
    }

    fn grpc(&self, link: &ChainLink, node: &PlannedNode) -> Result<NodeConn, FabricError> {
        self.connect(link, node, node.inner_port())
    }

    fn gateway(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
    ) -> Result<Gateway, FabricError> {
        Ok(Gateway::new(self.grpc(link, node)?, identity.clone()))
    }

    /// Changes a channel's configuration in the name of the admin of the organization of `node`.
    async fn change_config(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        change: impl FnOnce(&Config) -> Result<Config, ConfigUpdateError> + Send,
    ) -> Result<(), FabricError> {
        let block = self.config_block(link, node, channel).await?;
        let admin = admin(link, node)?;
        let Some(envelope) = signed_update(&block, channel, admin, change)? else { return Ok(()) };
        self.gateway(link, node, admin)?.submit_envelope(channel, "", envelope).await
    }
}

/// The admin of the organization that a node belongs to.
fn admin<'a>(link: &'a ChainLink, node: &PlannedNode) -> Result<&'a SigningIdentity, FabricError> {
    let found = link.trust.admins.get(&node.msp_id);
    found.ok_or_else(|| FabricError::Settings(format!("no admin of {}", node.msp_id)))
}

fn definition(spec: &DefinitionSpec) -> Result<Definition, FabricError> {
    let endorsement_policy = match &spec.policy {
        None => PolicyChoice::Default,
        Some(text) => {
            let parsed = policy::parse(text);
            PolicyChoice::Signature(parsed.map_err(|error| FabricError::Request(error.to_string()))?)
        }
    };
    let sequence =
        u64::try_from(spec.sequence).map_err(|_| FabricError::Request("the sequence".to_owned()))?;
    Ok(Definition {
        name: spec.name.clone(),
        version: spec.version.clone(),
        sequence,
        endorsement_policy,
        init_required: spec.init_required,
        collections: Vec::new(),
    })
}

fn invocation(call: &Call) -> Invocation {
    let mut invocation = Invocation::new(&call.channel, &call.chaincode, call.arguments.clone());
    invocation.is_init = call.is_init;
    invocation.transient.clone_from(&call.transient);
    invocation
}

#[async_trait]
impl Network for NativeNetwork {
    async fn healthy(&self, link: &ChainLink, node: &PlannedNode) -> Result<(), FabricError> {
        let conn = self.connect(link, node, node.operations_port())?;
        let health = operations::healthz(&conn).await?;
        if health.is_ok {
            return Ok(());
        }
        let failed: Vec<String> =
            health.failed.iter().map(|check| format!("{}: {}", check.component, check.reason)).collect();
        Err(FabricError::Http { status: 503, body: failed.join("; ") })
    }

    async fn orderer_join(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        _channel: &str,
        block: &[u8],
    ) -> Result<(), FabricError> {
        let conn = self.connect(link, node, ADMIN_PORT)?;
        participation::join(&conn, block).await.map(drop)
    }

    async fn orderer_ready(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<bool, FabricError> {
        let info = participation::info(&self.connect(link, node, ADMIN_PORT)?, channel).await?;
        if info.status != Status::Active {
            return Ok(false);
        }
        let answers = FuturesUnordered::new();
        for orderer in link.plan.of_kind(NodeKind::Orderer) {
            let conn = self.connect(link, orderer, orderer.operations_port())?;
            answers.push(async move {
                // One that does not answer cannot be the leader that is looked for, and must not hide it.
                let asked = tokio::time::timeout(LEADER_TIMEOUT, operations::is_leader(&conn, channel)).await;
                matches!(asked, Ok(Ok(true)))
            });
        }
        Ok(answers.any(std::future::ready).await)
    }

    async fn orderer_leads(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<bool, FabricError> {
        let conn = self.connect(link, node, node.operations_port())?;
        operations::is_leader(&conn, channel).await
    }

    async fn peer_join(&self, link: &ChainLink, node: &PlannedNode, block: &[u8]) -> Result<(), FabricError> {
        endorser::join_chain(&self.grpc(link, node)?, admin(link, node)?, block).await
    }

    async fn height(&self, link: &ChainLink, node: &PlannedNode, channel: &str) -> Result<u64, FabricError> {
        if node.kind == NodeKind::Orderer {
            let conn = self.connect(link, node, ADMIN_PORT)?;
            return participation::info(&conn, channel).await.map(|info| info.height);
        }
        let info = endorser::get_chain_info(&self.grpc(link, node)?, admin(link, node)?, channel).await?;
        Ok(info.height)
    }

    async fn install(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        package: &[u8],
    ) -> Result<String, FabricError> {
        let installed = lifecycle::install(&self.grpc(link, node)?, admin(link, node)?, package).await?;
        Ok(installed.package_id)
    }

    async fn installed(&self, link: &ChainLink, node: &PlannedNode) -> Result<Vec<String>, FabricError> {
        let packages = lifecycle::query_installed(&self.grpc(link, node)?, admin(link, node)?).await?;
        Ok(packages.into_iter().map(|package| package.package_id).collect())
    }

    async fn approve(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        spec: &DefinitionSpec,
        package_id: &str,
    ) -> Result<(), FabricError> {
        let gateway = self.gateway(link, node, admin(link, node)?)?;
        lifecycle::approve(&gateway, channel, &definition(spec)?, Some(package_id)).await.map(drop)
    }

    async fn readiness(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        spec: &DefinitionSpec,
    ) -> Result<BTreeMap<String, bool>, FabricError> {
        let conn = self.grpc(link, node)?;
        let readiness =
            lifecycle::check_commit_readiness(&conn, admin(link, node)?, channel, &definition(spec)?).await?;
        Ok(readiness.approvals)
    }

    async fn approved(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        spec: &DefinitionSpec,
    ) -> Result<bool, FabricError> {
        let wanted = definition(spec)?;
        let conn = self.grpc(link, node)?;
        let admin = admin(link, node)?;
        let found =
            lifecycle::query_approved(&conn, admin, channel, &spec.name, Some(wanted.sequence)).await?;
        Ok(found.is_some_and(|approved| approved.definition.is_same(&wanted)))
    }

    async fn commit(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        spec: &DefinitionSpec,
        msp_ids: &[String],
    ) -> Result<(), FabricError> {
        let gateway = self.gateway(link, node, admin(link, node)?)?;
        lifecycle::commit(&gateway, channel, &definition(spec)?, msp_ids.to_vec()).await.map(drop)
    }

    async fn committed(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        name: &str,
    ) -> Result<Option<CommittedDefinition>, FabricError> {
        let conn = self.grpc(link, node)?;
        let found = lifecycle::query_definition(&conn, admin(link, node)?, channel, name).await?;
        Ok(found.map(|in_force| CommittedDefinition {
            version: in_force.definition.version,
            sequence: i64::try_from(in_force.definition.sequence).unwrap_or(i64::MAX),
        }))
    }

    async fn evaluate(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
        call: &Call,
    ) -> Result<Vec<u8>, FabricError> {
        let gateway = self.gateway(link, node, identity)?;
        let answer = gateway.prepare(&invocation(call), call.organizations.clone())?.evaluate().await?;
        Ok(answer.payload)
    }

    async fn endorse(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
        call: &Call,
    ) -> Result<Endorsed, FabricError> {
        let gateway = self.gateway(link, node, identity)?;
        let endorsed = gateway.prepare(&invocation(call), call.organizations.clone())?.endorse().await?;
        Ok(Endorsed {
            tx_id: endorsed.tx_id().to_owned(),
            result: endorsed.response().payload.clone(),
            envelope: endorsed.envelope_bytes(),
        })
    }

    async fn order(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        endorsed: &Endorsed,
    ) -> Result<(), FabricError> {
        let gateway = self.gateway(link, node, admin(link, node)?)?;
        gateway.submit_bytes(channel, &endorsed.tx_id, &endorsed.envelope).await
    }

    async fn commit_status(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        identity: &SigningIdentity,
        channel: &str,
        tx_id: &str,
    ) -> Result<Committed, FabricError> {
        let gateway = self.gateway(link, node, identity)?;
        let committed = gateway.commit_status(channel, tx_id, STATUS_TIMEOUT).await?;
        Ok(Committed {
            block: committed.block,
            code: committed.code.name().to_owned(),
            valid: committed.code == fabric::block::ValidationCode::Valid,
        })
    }

    async fn block(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        number: u64,
    ) -> Result<Vec<u8>, FabricError> {
        endorser::get_block_by_number(&self.grpc(link, node)?, admin(link, node)?, channel, number).await
    }

    async fn block_of(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        tx_id: &str,
    ) -> Result<Vec<u8>, FabricError> {
        endorser::get_block_by_txid(&self.grpc(link, node)?, admin(link, node)?, channel, tx_id).await
    }

    async fn orderer_leave(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<(), FabricError> {
        let conn = self.connect(link, node, ADMIN_PORT)?;
        participation::remove(&conn, channel).await?;
        // The orderer removes in the background; joining again before it has ended would be refused.
        let gone = async {
            loop {
                match participation::info(&conn, channel).await {
                    Err(error) if error.kind() == ErrorKind::ChannelUnknown => return Ok(()),
                    Err(error) => return Err(error),
                    Ok(_) => tokio::time::sleep(LEAVE_PAUSE).await,
                }
            }
        };
        let late = FabricError::Timeout { what: "leaving a channel", after: LEAVE_TIMEOUT };
        tokio::time::timeout(LEAVE_TIMEOUT, gone).await.unwrap_or(Err(late))
    }

    async fn config_block(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<u8>, FabricError> {
        endorser::get_config_block(&self.grpc(link, node)?, admin(link, node)?, channel).await
    }

    async fn set_anchor_peers(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        anchors: &[(String, u16)],
    ) -> Result<(), FabricError> {
        let change = |config: &Config| config_update::set_anchor_peers(config, &node.msp_id, anchors);
        self.change_config(link, node, channel, change).await
    }

    async fn anchor_peers(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<String>, FabricError> {
        let block = self.config_block(link, node, channel).await?;
        let view = config_view::view(&block).map_err(|_| FabricError::Decode("the configuration"))?;
        let own = view.anchors.into_iter().find(|(msp_id, _)| *msp_id == node.msp_id);
        Ok(own.map(|(_, anchors)| anchors).unwrap_or_default())
    }

    async fn set_revocations(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
        crl_pem: &str,
    ) -> Result<(), FabricError> {
        let change = |config: &Config| config_update::set_revocations(config, &node.msp_id, crl_pem);
        self.change_config(link, node, channel, change).await
    }

    async fn revocations(
        &self,
        link: &ChainLink,
        node: &PlannedNode,
        channel: &str,
    ) -> Result<Vec<String>, FabricError> {
        let block = self.config_block(link, node, channel).await?;
        let unreadable = |_| FabricError::Decode("the configuration");
        let config = config_update::config_from_block(&block).map_err(unreadable)?;
        config_update::revocations(&config, &node.msp_id).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests;
