//! The nodes of a planned chain as a host is asked about them before there is a chain: without files, for there are no
//! identities yet, and with the image's name, for nothing is pulled yet. A host that does not answer must not take the
//! rest of the pre-flight with it.

use std::collections::BTreeMap;
use std::time::Duration;

use agents::{Agent, AgentError, NodeSpec, Rehearsal};
use domain::chain::{CheckKind, CheckView, Verdict};
use domain::{Code, Error};

use super::images::Images;
use super::item;
use crate::operations::chain_create;
use crate::topology::{ChainPlan, PlannedNode};

/// Names what would be the operation.
const OPERATION: &str = "preflight";

/// What the nodes would be; only for [`agents::Agent::rehearse`].
pub(super) fn nodes(installation: &str, plan: &ChainPlan, images: &Images) -> Vec<NodeSpec> {
    let node = |node: &PlannedNode| NodeSpec {
        installation: installation.to_owned(),
        chain: plan.chain.to_string(),
        node: node.name.to_string(),
        kind: node.kind.as_str().to_owned(),
        image: images.name_of(node.kind).to_owned(),
        entrypoint: Vec::new(),
        command: Vec::new(),
        environment: BTreeMap::new(),
        files: Vec::new(),
        data_path: Some(chain_create::DATA_PATH.to_owned()),
        config_path: chain_create::CONFIG_PATH.to_owned(),
        working_dir: None,
        ports: Vec::new(),
        health_port: Some(node.operations_port()),
        aliases: Vec::new(),
        network: chain_create::network_of(node.kind),
        limits: chain_create::limits(plan.resources),
        operation: OPERATION.to_owned(),
        user: None,
        read_only_root: false,
        refuse_image_volumes: false,
        allow_new_data: false,
    };
    plan.nodes.iter().map(node).collect()
}

/// Asks a host how it would take nodes. Where it does not say so within the limit, nothing is known of it, and a warning
/// tells why: the operation meets the host's rules anyway.
pub(super) async fn ask(
    agent: &dyn Agent,
    nodes: &[NodeSpec],
    limit: Duration,
) -> (Rehearsal, Option<CheckView>) {
    let late = |_| AgentError::Timeout { what: "a trial of the nodes".to_owned(), after: limit };
    let answer = tokio::time::timeout(limit, agent.rehearse(nodes)).await;
    match answer.map_err(late).and_then(std::convert::identity) {
        Ok(tried) => (tried, None),
        Err(error) => {
            tracing::warn!(%error, "a host does not say how it would take a chain");
            let problem = Error::unavailable(Code::HostTrialFailed).with("why", error);
            let warning = item(CheckKind::Quota, Verdict::Warn, Some(problem), String::new());
            (Rehearsal::default(), Some(warning))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agents::simulated::{Fault, SimulatedAgent, Verb, When};

    use super::*;

    #[tokio::test]
    async fn a_host_that_does_not_say_is_a_warning_with_its_reason() {
        let check = async |agent: &SimulatedAgent, limit: Duration, expect: Option<&str>| {
            let (tried, warning) = ask(agent, &[], limit).await;
            assert_eq!(tried, Rehearsal::default());
            let told = warning.map(|row| (row.kind, row.verdict, row.problem.unwrap()));
            let expect = expect.map(|why| {
                let problem = Error::unavailable(Code::HostTrialFailed).with("why", why);
                (CheckKind::Quota, Verdict::Warn, problem)
            });
            assert_eq!(told, expect);
        };
        let (agent, long) = (SimulatedAgent::new(), Duration::from_secs(60));
        check(&agent, long, None).await;
        agent.fail_verb(Verb::Rehearse, 1, Fault::broken(When::Before));
        check(&agent, long, Some("refused: simulated")).await;
        let silent = agent.with_delay(Arc::new(|_| Box::pin(std::future::pending::<()>())));
        let late = "no answer within 0 s: a trial of the nodes";
        check(&silent, Duration::from_millis(10), Some(late)).await;
    }
}
