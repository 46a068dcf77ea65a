//! Nodes of a chain, as they are: what the plan wants beside what the host and the nodes themselves say.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use agents::{
    Agent, DataVolume, LogOptions, NodeRef, NodeState as AgentState, NodeStats, NodeStatus, Selector,
};
use domain::chain::ChainState;
use domain::name::{ChainName, NodeName, OrganizationName};
use domain::node::{NodeKind, NodeState, NodeView};
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use futures::StreamExt;
use futures::stream::BoxStream;
use store::ChainRecord;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::chain::plan_of;
use crate::network::{ChainLink, height_in_time};
use crate::operations::side_by_side;
use crate::topology::{ChainPlan, PlannedNode, address};

mod resize;

/// How long a page waits for what a node uses.
const USAGE_WAIT: Duration = Duration::from_millis(300);
/// Longest wait of a page for a host to say what runs on it. Shorter than what operations and reconcilers grant, which
/// nobody watches.
const LIST_TIMEOUT: Duration = Duration::from_secs(8);

/// Which lines of a node somebody wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogAsked {
    /// So many of the last lines.
    pub tail: u32,
    /// Go on as the node writes.
    pub follow: bool,
    /// Those of the process before the one that runs now: they have an end, and nothing follows. A host that has all of a
    /// node's lines in one stream shows that.
    pub previous: bool,
}

/// What runs on a host; none if it does not say so while a page waits.
pub(crate) async fn listed(agent: &dyn Agent, selector: &Selector) -> Option<Vec<NodeStatus>> {
    tokio::time::timeout(LIST_TIMEOUT, agent.list_nodes(selector)).await.ok()?.ok()
}

impl ControlPlane {
    /// Every planned node with its state, `unknown` where the host does not answer, and the chaincode that runs there.
    pub(crate) async fn node_views(&self, record: &ChainRecord) -> Vec<NodeView> {
        let Ok(Some(plan)) = plan_of(record) else { return Vec::new() };
        let plan = self.as_reached(plan.clone()).await.unwrap_or(plan);
        let Ok(agent) = self.services.agent(&record.host).await else { return unknown(&plan) };
        let selector = Selector {
            installation: self.services.installation.clone(),
            chain: Some(record.name.to_string()),
        };
        let Some(statuses) = listed(agent.as_ref(), &selector).await else { return unknown(&plan) };
        let chaincode = statuses.iter().filter_map(|status| {
            let view = chaincode_view(&plan, record, status)?;
            Some(self.with_usage(Arc::clone(&agent), status.node.clone(), view))
        });
        let chaincode: Vec<_> = chaincode.collect();
        let by_name: BTreeMap<String, NodeStatus> =
            statuses.into_iter().map(|status| (status.node.node.clone(), status)).collect();
        // While keys are being made there is nobody to ask about heights.
        let link = if record.state == ChainState::Running { self.link(record).await.ok() } else { None };
        let channel = record.spec.channel.as_str();
        let views = plan.nodes.iter().map(|node| {
            let (status, link) = (by_name.get(node.name.as_str()), link.as_ref());
            let mut view = view(&plan, node, status);
            async move {
                if let Some(link) = link
                    && view.state == NodeState::Running
                {
                    self.measure(link, node, channel, &mut view).await;
                }
                view
            }
        });
        let (mut views, chaincode) =
            futures::join!(side_by_side(views.collect::<Vec<_>>()), side_by_side(chaincode));
        views.extend(chaincode);
        views
    }

    /// Whether the caller may read what the nodes of a chain write.
    pub async fn node_log_allowed(&self, caller: &Caller, chain: &ChainName) -> Result<(), Error> {
        self.chain_for(caller, Action::Read, Noun::Node, chain).await.map(drop)
    }

    /// A node's output. It ends with the node's process, when the host no longer answers, or when it is dropped. There
    /// are no lines of a process before that the host does not keep.
    pub async fn node_log_stream(
        &self,
        caller: &Caller,
        chain: &ChainName,
        node: &NodeName,
        asked: LogAsked,
    ) -> Result<BoxStream<'static, String>, Error> {
        let record = self.chain_for(caller, Action::Read, Noun::Node, chain).await?;
        let plan = plan_of(&record)?.ok_or_else(Error::not_found)?;
        if plan.node(node).is_none() && organization_of_chaincode(&plan, node.as_str()).is_none() {
            return Err(Error::not_found());
        }
        // The host knows only what carries the chain's labels: no other container can be named.
        let place = NodeRef::new(&self.services.installation, chain.as_str(), node.as_str());
        let agent = self.services.agent(&record.host).await?;
        let LogAsked { tail, follow, previous } = asked;
        let options = LogOptions { tail: Some(tail), follow, previous, ..LogOptions::default() };
        let lines = agent.logs(&place, &options).await.map_err(crate::error::agent)?;
        // An error in the middle ends the stream: whoever follows opens it again.
        let readable = lines.take_while(|line| std::future::ready(line.is_ok()));
        Ok(readable.filter_map(|line| std::future::ready(line.ok())).map(|line| line.text).boxed())
    }

    /// Height, CPU and memory; what does not answer stays unknown.
    async fn measure(&self, link: &ChainLink, node: &PlannedNode, channel: &str, view: &mut NodeView) {
        let (height, usage) = futures::join!(
            height_in_time(self.services.network.as_ref(), link, node, channel),
            self.usage(Arc::clone(&link.agent), link.node_ref(node))
        );
        if let Ok(height) = height {
            view.heights.push((channel.to_owned(), height));
        }
        show_usage(view, usage);
    }

    /// A view with what its container uses, if that runs.
    async fn with_usage(&self, agent: Arc<dyn Agent>, place: NodeRef, mut view: NodeView) -> NodeView {
        if view.state == NodeState::Running {
            let usage = self.usage(agent, place).await;
            show_usage(&mut view, usage);
        }
        view
    }

    /// What a container uses, if its host tells it while a page waits.
    pub(crate) async fn usage(&self, agent: Arc<dyn Agent>, place: NodeRef) -> Option<NodeStats> {
        // The engine's first look takes a second or two. It goes on by itself, and the next reading has its answer: the
        // pages are told when it is there, once for each node.
        let services = Arc::clone(&self.services);
        let tells = self.note_first_look(&place);
        let look = tokio::spawn(async move {
            let begun = Instant::now();
            let stats = agent.stats(&place).await;
            if tells && stats.is_ok() && begun.elapsed() >= USAGE_WAIT {
                services.changed("chain", &place.chain);
            }
            stats
        });
        tokio::time::timeout(USAGE_WAIT, look).await.ok()?.ok()?.ok()
    }
}

/// Nodes that are remembered as looked at; more than that and all are forgotten.
const LOOKED_AT_MAX: usize = 20_000;

impl ControlPlane {
    /// Whether nobody has asked yet what a node uses.
    fn note_first_look(&self, node: &NodeRef) -> bool {
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if looked_at.len() >= LOOKED_AT_MAX {
            looked_at.clear();
        }
        looked_at.insert(node.clone())
    }
}

fn show_usage(view: &mut NodeView, usage: Option<NodeStats>) {
    view.cpu_milli = usage.map(|usage| u64::from(usage.cpu_milli));
    view.memory_bytes = usage.map(|usage| usage.memory_bytes);
}

fn unknown(plan: &ChainPlan) -> Vec<NodeView> {
    let nodes = plan.nodes.iter().map(|node| {
        let mut view = view(plan, node, None);
        view.state = NodeState::Unknown;
        view
    });
    nodes.collect()
}

/// The organization in whose name a chaincode container of this name runs.
fn organization_of_chaincode(plan: &ChainPlan, name: &str) -> Option<OrganizationName> {
    let (_, organization) = name.strip_prefix("cc-")?.split_once('-')?;
    let mut members = plan.members().map(|(known, _)| known);
    members.find(|known| known.as_str() == organization).cloned()
}

/// A chaincode container; the plan does not hold them, the host does.
fn chaincode_view(plan: &ChainPlan, record: &ChainRecord, status: &NodeStatus) -> Option<NodeView> {
    if status.kind != NodeKind::Chaincode.as_str() {
        return None;
    }
    Some(NodeView {
        name: NodeName::parse(&status.node.node).ok()?,
        kind: NodeKind::Chaincode,
        organization: Some(organization_of_chaincode(plan, &status.node.node)?),
        host: record.host.clone(),
        endpoints: Vec::new(),
        state: state_of(Some(status)),
        reason: status.reason.clone(),
        problem: problem_of(Some(status)),
        heights: Vec::new(),
        cpu_milli: None,
        memory_bytes: None,
        resources: None,
        image: status.image_id.clone().unwrap_or_default(),
        started_ms: started_ms(status),
        restarts: status.restarts,
        exit_code: status.exit_code,
        machine: status.machine.clone(),
        ports: ports(status),
    })
}

/// When a node's process started last, in milliseconds since 1970.
fn started_ms(status: &NodeStatus) -> Option<i64> {
    let at = OffsetDateTime::parse(status.started_at.as_deref()?, &Rfc3339).ok()?;
    at.unix_timestamp().checked_mul(1_000)?.checked_add(i64::from(at.millisecond()))
}

/// Where a node's ports are found: as clients reach them, where the host tells that, else where they are published.
fn ports(status: &NodeStatus) -> Vec<(u16, String)> {
    let published = status.ports.iter().map(|(own, at)| (*own, at.to_string()));
    let mut all: BTreeMap<u16, String> = published.collect();
    all.extend(status.reached.iter().map(|(own, (host, port))| (*own, address(host, *port))));
    all.into_iter().collect()
}

/// A node's state as the host tells it.
pub(crate) fn state_of(status: Option<&NodeStatus>) -> NodeState {
    match status {
        None => NodeState::Missing,
        Some(status) if status.data_volume == DataVolume::Missing => NodeState::Failed,
        Some(status) => match status.state {
            AgentState::Created => NodeState::Created,
            AgentState::Running => NodeState::Running,
            AgentState::Restarting => NodeState::Restarting,
            AgentState::Stopped => NodeState::Stopped,
            AgentState::Missing => NodeState::Missing,
        },
    }
}

/// What a person must do about a node: one that lost its data is nobody else's to cure.
fn problem_of(status: Option<&NodeStatus>) -> Option<Error> {
    let lost = status.filter(|status| status.data_volume == DataVolume::Missing)?;
    Some(Error::conflict(Code::NodeDataLost).with("node", &lost.node.node))
}

fn view(plan: &ChainPlan, node: &PlannedNode, status: Option<&NodeStatus>) -> NodeView {
    let (host, port) = plan.reached(node, status);
    let reached = address(&host, port);
    let mut ports = status.map(ports).unwrap_or_default();
    // Clients know its main port by the address of the host, wherever that publishes it.
    for (_, at) in ports.iter_mut().filter(|(own, _)| *own == node.inner_port()) {
        at.clone_from(&reached);
    }
    NodeView {
        name: node.name.clone(),
        kind: node.kind,
        organization: node.organization.clone(),
        host: node.host.clone(),
        endpoints: vec![(node.endpoint_name.clone(), reached)],
        state: state_of(status),
        reason: status.and_then(|status| status.reason.clone()),
        problem: problem_of(status),
        heights: Vec::new(),
        cpu_milli: None,
        memory_bytes: None,
        resources: Some(plan.resources_of(node)),
        image: status.and_then(|status| status.image_id.clone()).unwrap_or_default(),
        started_ms: status.and_then(started_ms),
        restarts: status.map_or(0, |status| status.restarts),
        exit_code: status.and_then(|status| status.exit_code),
        machine: status.and_then(|status| status.machine.clone()),
        ports,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn status(started_at: Option<&str>) -> NodeStatus {
        NodeStatus {
            node: NodeRef::new("abc", "first", "peer0-org1"),
            kind: "peer".to_owned(),
            operation: "op".to_owned(),
            state: AgentState::Running,
            started_at: started_at.map(str::to_owned),
            exit_code: None,
            reason: None,
            machine: None,
            data_volume: DataVolume::Present,
            ports: BTreeMap::new(),
            reached: BTreeMap::new(),
            image_id: None,
            restarts: 0,
            fingerprint: None,
        }
    }

    #[test]
    fn the_start_of_a_process_is_read_whatever_its_digits() {
        let check = |text: Option<&str>, expect| assert_eq!(started_ms(&status(text)), expect, "{text:?}");
        check(Some("1970-01-01T00:00:02Z"), Some(2_000));
        check(Some("1970-01-01T00:00:02.345678901Z"), Some(2_345));
        check(Some("1970-01-01T01:00:00+01:00"), Some(0));
        check(Some("yesterday"), None);
        check(None, None);
    }

    #[test]
    fn ports_are_told_as_clients_reach_them_and_else_as_they_are_published() {
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let told = NodeStatus {
            ports: BTreeMap::from([(7051, at("10.9.0.2:31000")), (9443, at("[fd00::1]:32768"))]),
            reached: BTreeMap::from([
                (7051, ("lb.example".to_owned(), 7051)),
                (7053, ("fd00::2".to_owned(), 1)),
            ]),
            ..status(None)
        };
        let expect = [(7051, "lb.example:7051"), (7053, "[fd00::2]:1"), (9443, "[fd00::1]:32768")];
        let found = ports(&told);
        assert_eq!(found.iter().map(|(own, at)| (*own, at.as_str())).collect::<Vec<_>>(), expect);
    }
}
