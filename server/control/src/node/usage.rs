//! What nodes use, as pages show it. Their hosts are asked each time a page is read; one that is slow to say so does not
//! keep the page waiting, and what it said a moment ago stands there until its answer comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agents::{Agent, NodeRef, NodeStats};
use domain::node::NodeView;
use tokio::time::Instant;

use crate::services::Services;

/// How long a page waits for what a node uses.
const WAIT: Duration = Duration::from_millis(300);
/// Age at which figures say nothing about now any more. A page that somebody looks at asks more often than that.
const KEPT: Duration = Duration::from_secs(30);
/// Nodes whose figures are kept; more than that and all are forgotten.
const NODES_MAX: usize = 20_000;

/// Figures that hosts gave last.
#[derive(Clone, Default)]
pub(crate) struct Usages(Arc<Mutex<HashMap<NodeRef, (Instant, NodeStats)>>>);

impl Usages {
    /// What a node uses; absent if its host has not told it for a while. One that answers too late for this page has its
    /// answer kept for the next one, and where this one had nothing to show the pages are told.
    pub(crate) async fn read(
        &self,
        services: &Arc<Services>,
        agent: Arc<dyn Agent>,
        place: NodeRef,
    ) -> Option<NodeStats> {
        let kept = self.kept(&place);
        let (usages, services) = (self.clone(), Arc::clone(services));
        let look = tokio::spawn(async move {
            let begun = Instant::now();
            let stats = agent.stats(&place).await.ok()?;
            usages.keep(place.clone(), stats);
            // The first look of an engine takes a second or two.
            if kept.is_none() && begun.elapsed() >= WAIT {
                services.changed("chain", &place.chain);
            }
            Some(stats)
        });
        match tokio::time::timeout(WAIT, look).await {
            Ok(stats) => stats.ok()?,
            Err(_too_late) => kept,
        }
    }

    fn kept(&self, place: &NodeRef) -> Option<NodeStats> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(place).filter(|(at, _)| at.elapsed() < KEPT).map(|(_, stats)| *stats)
    }

    fn keep(&self, place: NodeRef, stats: NodeStats) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= NODES_MAX {
            known.clear();
        }
        known.insert(place, (Instant::now(), stats));
    }
}

pub(crate) fn show(view: &mut NodeView, usage: Option<NodeStats>) {
    view.cpu_milli = usage.map(|usage| u64::from(usage.cpu_milli));
    view.memory_bytes = usage.map(|usage| usage.memory_bytes);
}
