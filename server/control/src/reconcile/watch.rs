//! What wakes the reconcilers between two rounds: hosts tell when a node changes. What a message says is not believed,
//! only that it is time to look.

use std::collections::HashMap;
use std::sync::Arc;

use agents::{NodeChange, NodeEvent};
use domain::id::HostId;
use futures::StreamExt;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use crate::ControlPlane;

/// The watches of all hosts; dropping them ends them.
#[derive(Default)]
pub(super) struct Watches {
    tasks: JoinSet<()>,
    /// The task of each host, and the generation of the host that it watches.
    watched: HashMap<HostId, (u64, AbortHandle)>,
}

impl Watches {
    /// Watches every host that is known as it is now, and none that is not any more.
    pub(super) async fn follow(&mut self, plane: &ControlPlane, wake: &Arc<Notify>) {
        while self.tasks.try_join_next().is_some() {}
        let Ok(hosts) = plane.services.store.host_list().await else { return };
        self.watched.retain(|id, (generation, task)| {
            let is_known = hosts.iter().any(|host| host.id == *id);
            let keep = is_known && !task.is_finished() && *generation == plane.services.generation(id);
            if !keep {
                task.abort();
            }
            keep
        });
        for host in hosts {
            if self.watched.contains_key(&host.id) {
                continue;
            }
            // Before the agent: of one that is made while the host is changed, the next round makes another watch.
            let generation = plane.services.generation(&host.id);
            let Ok(agent) = plane.services.agent(&host.id).await else { continue };
            let mut events = agent.watch_nodes(&plane.services.installation);
            let (wake, services) = (Arc::clone(wake), Arc::clone(&plane.services));
            let task = self.tasks.spawn(async move {
                while let Some(event) = events.next().await {
                    // Nothing that is stored follows from it, so no round tells the pages, which read it from the host.
                    if let NodeEvent::Changed { node, change: NodeChange::Readiness } = &event {
                        services.changed("chain", &node.chain);
                    }
                    if !matches!(event, NodeEvent::Interrupted(_)) {
                        wake.notify_one();
                    }
                }
            });
            self.watched.insert(host.id, (generation, task));
        }
    }
}
