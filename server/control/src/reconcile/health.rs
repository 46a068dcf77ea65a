//! How well the running nodes of a chain do by their own account. That a process runs says little: an orderer without a
//! leader orders nothing, and one that hangs answers nobody. Every look has an end, and none waits for another.

use std::time::Duration;

use domain::chain::Ailment;
use domain::node::NodeKind;
use domain::{Code, Error};
use fabric::error::{ErrorKind, FabricError};
use futures::StreamExt;

use crate::network::{ChainLink, Network};
use crate::operations::full_text;
use crate::topology::PlannedNode;

/// Longest wait for a node.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// Nodes that are asked side by side.
const SIDE_BY_SIDE: usize = 40;
/// Characters that are shown of what a node says.
const SAID_MAX: usize = 200;

/// What is wrong with nodes whose processes run, in their order; one ailment for each that is not well.
pub(super) async fn ailments(
    network: &dyn Network,
    link: &ChainLink,
    running: &[&PlannedNode],
    channels: &[&str],
) -> Vec<Ailment> {
    let looks: Vec<_> = running.iter().map(|node| ailment(network, link, node, channels)).collect();
    let looks = futures::stream::iter(looks).buffered(SIDE_BY_SIDE);
    looks.filter_map(std::future::ready).collect().await
}

async fn ailment(
    network: &dyn Network,
    link: &ChainLink,
    node: &PlannedNode,
    channels: &[&str],
) -> Option<Ailment> {
    let look = async {
        if let Err(error) = network.healthy(link, node).await {
            return Some(unwell(&error));
        }
        if node.kind != NodeKind::Orderer {
            return None;
        }
        // Each channel has a leader of its own; the first one without says enough.
        for channel in channels {
            match network.orderer_ready(link, node, channel).await {
                Ok(true) => {}
                Ok(false) => {
                    return Some(Error::unavailable(Code::NoLeader).with("channel", channel));
                }
                Err(error) if error.kind() == ErrorKind::ChannelUnknown => {
                    return Some(Error::unavailable(Code::NodeNotInChannel).with("channel", channel));
                }
                Err(error) => return Some(unwell(&error)),
            }
        }
        None
    };
    let found = tokio::time::timeout(LOOK_TIMEOUT, look).await;
    let found = found.unwrap_or_else(|_elapsed| Some(Error::unavailable(Code::NodeSilent)));
    found.map(|why| Ailment::of(&node.name, why))
}

/// The node's own words stand behind the sentence.
fn unwell(error: &FabricError) -> Error {
    Error::unavailable(Code::NodeUnwell).with("why", shortened(full_text(error)))
}

fn shortened(text: String) -> String {
    if text.chars().count() <= SAID_MAX { text } else { text.chars().take(SAID_MAX).chain(['…']).collect() }
}
