//! The images of a chain before it is created: present, to be had, or missing. A registry is asked, nothing is pulled.

use std::collections::BTreeMap;

use agents::{Agent, AgentError, ImageFacts, MissingWhy};
use domain::chain::{ChainSpec, CheckKind, CheckView, PlannedNodeView, Verdict};
use domain::node::NodeKind;
use domain::{Code, Error};
use store::HostRecord;

use super::item;
use crate::error::image_missing;
use crate::services::Services;
use crate::topology::{self, ChainPlan};

/// What an image that is not there yet is taken to need.
const IMAGE_MIB: u64 = 300;

/// How one kind of node gets its image.
enum Found {
    Present(ImageFacts),
    /// A registry has it.
    Offered,
    /// It is built for this host meanwhile.
    Building,
    /// Nobody could be asked; the operation will see.
    Unasked,
    Missing(Error),
}

/// The images that a chain would run.
pub(super) struct Images {
    of_kind: BTreeMap<&'static str, (String, Found)>,
    /// Architecture of the host.
    architecture: String,
}

/// Looks for the images of both kinds of nodes, side by side.
pub(super) async fn look(
    services: &Services,
    host: &HostRecord,
    agent: &dyn Agent,
    spec: &ChainSpec,
    architecture: &str,
) -> Result<Images, Error> {
    let names = |names: &[String]| topology::images(names, spec.version);
    let (peers, orderers) = (names(&host.spec.images.peer), names(&host.spec.images.orderer));
    let (peer, orderer) =
        tokio::join!(find(services, host, agent, &peers), find(services, host, agent, &orderers));
    let of_kind = [(NodeKind::Peer.as_str(), peer?), (NodeKind::Orderer.as_str(), orderer?)].into();
    Ok(Images { of_kind, architecture: architecture.to_owned() })
}

/// The first image that is present, else the first that a registry has, else the reason that says most.
async fn find(
    services: &Services,
    host: &HostRecord,
    agent: &dyn Agent,
    names: &[String],
) -> Result<(String, Found), Error> {
    for name in names {
        if let Some(facts) = agent.image(name).await.map_err(crate::error::agent)? {
            return Ok((name.clone(), Found::Present(facts)));
        }
    }
    let built = services.being_built(&host.spec).await;
    if let Some(name) = names.iter().find(|name| built.contains(name)) {
        return Ok((name.clone(), Found::Building));
    }
    let mut best: Option<(String, Found)> = None;
    for name in names {
        let credentials = services.pull_credentials(&host.id, name).await?;
        let found = match agent.ask_registry(name, credentials.as_ref()).await {
            Ok(()) => return Ok((name.clone(), Found::Offered)),
            Err(AgentError::ImageMissing { why, .. }) => {
                // A name that no registry serves explains nothing, if another one was asked for.
                if best.is_some() && why == MissingWhy::LocalOnly {
                    continue;
                }
                Found::Missing(image_missing(name, why))
            }
            Err(_) => Found::Unasked,
        };
        best = Some((name.clone(), found));
    }
    Ok(best.unwrap_or_else(|| (String::new(), Found::Missing(Error::unavailable(Code::ImageMissing)))))
}

impl Images {
    /// Disk space for what is not there yet.
    pub(super) fn to_pull_mib(&self) -> u64 {
        let absent = self.of_kind.values().filter(|(_, found)| !matches!(found, Found::Present(_)));
        absent.map(|_| IMAGE_MIB).sum()
    }

    /// The name of the image that a kind of node would run; empty when there is none.
    pub(super) fn name_of(&self, kind: NodeKind) -> &str {
        self.of_kind.get(kind.as_str()).map(|(name, _)| name.as_str()).unwrap_or_default()
    }

    /// One line for all: the worst that was found.
    pub(super) fn check(&self) -> CheckView {
        let judged = self.of_kind.values().map(|(name, found)| self.judge(name, found));
        let worst = judged.max_by_key(|(verdict, _)| *verdict);
        let (verdict, problem) = worst.unwrap_or((Verdict::Pass, None));
        let mut names: Vec<&str> = self.of_kind.values().map(|(name, _)| name.as_str()).collect();
        names.dedup();
        item(CheckKind::Images, verdict, problem, names.join(", "))
    }

    fn judge(&self, name: &str, found: &Found) -> (Verdict, Option<Error>) {
        let about = |code| Some(Error::unavailable(code).with("image", name));
        match found {
            Found::Present(facts) => {
                let (is, wanted) = (facts.architecture.as_str(), self.architecture.as_str());
                if is.is_empty() || wanted.is_empty() || is == wanted {
                    return (Verdict::Pass, None);
                }
                // Some engines run foreign programs slowly; most do not at all.
                let other = about(Code::ImageOtherArchitecture);
                (Verdict::Warn, other.map(|error| error.with("found", is).with("wanted", wanted)))
            }
            Found::Offered => (Verdict::Warn, about(Code::ImageToPull)),
            Found::Building => (Verdict::Warn, about(Code::ImageBuilding)),
            Found::Unasked => (Verdict::Warn, about(Code::ImageUnasked)),
            Found::Missing(error) => (Verdict::Fail, Some(error.clone())),
        }
    }

    /// The nodes of a plan with the content that their image's name stands for now.
    pub(super) fn nodes(&self, plan: &ChainPlan) -> Vec<PlannedNodeView> {
        let nodes = plan.nodes.iter().map(|node| {
            let image = self.of_kind.get(node.kind.as_str());
            let facts = match image {
                Some((_, Found::Present(facts))) => Some(facts),
                _ => None,
            };
            PlannedNodeView {
                name: node.name.to_string(),
                domain_name: node.domain_name.clone(),
                ports: vec![node.port],
                image: image.map(|(name, _)| name.clone()).unwrap_or_default(),
                pinned: facts.map(pinned),
                local_only: facts.is_some_and(|facts| facts.local_only),
            }
        });
        nodes.collect()
    }
}

/// What an image is pinned by: the digest that its registry knows, else its id on the host.
fn pinned(facts: &ImageFacts) -> String {
    facts.registry_digest().unwrap_or(&facts.id).to_owned()
}
