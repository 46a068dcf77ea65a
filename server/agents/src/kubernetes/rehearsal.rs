//! Tries what nodes would meet on a cluster, by dry runs: they pass every admission, those of others included, and
//! nothing is kept of them.
//!
//! The namespace of a new chain is not there yet, so its nodes are tried in the portal's own one. What holds for one
//! namespace alone, a quota or a range of limits, is then not the new one's: what such a trial is refused for is told
//! as a doubt, and a quota not at all. Where the chain's namespace is there, its own quota counts.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::Api;

use super::apply::{self, Owner};
use super::cluster::Cluster;
use super::{images, manifest, room};
use crate::{AgentError, NodeSpec, Refusal, Rehearsal, SpaceSpec};

/// What is said for a rule of somebody else that takes part in no trials.
const NO_TRIALS: &str = "does not support dry run";
/// What is said for a quota.
const QUOTA: [&str; 2] = ["exceeded quota", "failed quota"];

/// Asks how the cluster would take the nodes of one chain.
pub(super) async fn nodes(cluster: &Cluster, specs: &[NodeSpec]) -> Result<Rehearsal, AgentError> {
    let Some(first) = specs.first() else { return Ok(Rehearsal::default()) };
    let node = first.node_ref();
    node.check().map_err(|error| AgentError::Refused(error.to_string()))?;
    let (refusal, room) = tokio::try_join!(refusal(cluster, first, specs), room::look(cluster, specs))?;
    Ok(Rehearsal { place: Some(cluster.namespace_of(&node)), refusal, room: Some(room) })
}

/// Why the cluster's rules would not let the nodes in.
async fn refusal(
    cluster: &Cluster,
    first: &NodeSpec,
    specs: &[NodeSpec],
) -> Result<Option<Refusal>, AgentError> {
    let space = SpaceSpec {
        installation: first.installation.clone(),
        chain: first.chain.clone(),
        operation: first.operation.clone(),
    };
    let certain = |said: String| Some(Refusal { said, is_certain: true });
    let namespaces: Api<Namespace> = cluster.everywhere();
    let name = cluster.namespace(&space.installation, &space.chain);
    let owner = Owner::Chain(&space.installation, &space.chain);
    let found = match apply::find(&namespaces, &name, owner).await {
        Ok(found) => found,
        Err(AgentError::Conflict(said)) => return Ok(certain(said)),
        Err(error) => return Err(error),
    };
    let is_there = found.is_some_and(|found| found.metadata.deletion_timestamp.is_none());
    if !is_there {
        let wanted = manifest::space(&space, cluster.options()).namespace;
        if let Some(said) = judged(apply::try_out(&namespaces, &wanted).await)? {
            return Ok(certain(said));
        }
    }
    let at = if is_there { name } else { cluster.home(&space.installation) };
    let pods: Api<Pod> = cluster.within(&at);
    for spec in one_of_each_kind(specs) {
        let image = images::prefixed(&cluster.options().settings.registry_prefix, &spec.image);
        let pod = manifest::trial_pod(spec, &image, &at, is_there, cluster.options());
        let said = judged(apply::try_new(&pods, &pod).await)?;
        if let Some(said) = said.filter(|said| is_there || !is_quota(said)) {
            return Ok(Some(Refusal { said, is_certain: is_there }));
        }
    }
    Ok(None)
}

/// Nodes of one kind differ in nothing that a rule looks at. What image one would run may not be known.
fn one_of_each_kind(specs: &[NodeSpec]) -> impl Iterator<Item = &NodeSpec> {
    let mut seen = BTreeSet::new();
    specs.iter().filter(move |spec| !spec.image.is_empty() && seen.insert(spec.kind.as_str()))
}

/// What a trial came to: a refusal, or none where the object is let in or could not be tried.
fn judged(tried: Result<(), AgentError>) -> Result<Option<String>, AgentError> {
    match tried {
        Ok(()) | Err(AgentError::NotFound(_) | AgentError::Conflict(_)) => Ok(None),
        Err(AgentError::Refused(said)) => Ok(Some(said).filter(|said| !said.contains(NO_TRIALS))),
        Err(error) => Err(error),
    }
}

fn is_quota(said: &str) -> bool {
    QUOTA.iter().any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::tests::peer;

    #[test]
    fn only_a_rule_that_was_asked_refuses() {
        let refused = |said: &str| judged(Err(AgentError::Refused(said.to_owned())));
        assert_eq!(judged(Ok(())), Ok(None));
        assert_eq!(refused("violates PodSecurity"), Ok(Some("violates PodSecurity".to_owned())));
        assert_eq!(refused("admission webhook \"a\" does not support dry run"), Ok(None));
        assert_eq!(judged(Err(AgentError::NotFound("namespace".to_owned()))), Ok(None));
        let away = || AgentError::Unreachable("away".to_owned());
        assert_eq!(judged(Err(away())), Err(away()));
        assert!(is_quota("exceeded quota: small") && !is_quota("violates PodSecurity"));
    }

    #[test]
    fn each_kind_is_tried_once() {
        let spec = |kind: &str, node: &str, image: &str| NodeSpec {
            kind: kind.to_owned(),
            node: node.to_owned(),
            image: image.to_owned(),
            ..peer()
        };
        let all = [
            spec("peer", "peer0", ""),
            spec("peer", "peer1", "p:1"),
            spec("orderer", "orderer0", "o:1"),
            spec("peer", "peer2", "p:1"),
        ];
        let tried: Vec<&str> = one_of_each_kind(&all).map(|spec| spec.node.as_str()).collect();
        assert_eq!(tried, ["peer1", "orderer0"]);
    }
}
