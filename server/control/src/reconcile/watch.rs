//! What wakes the reconcilers between two rounds: hosts tell when a node changes. What a message says is not believed,
//! only that it is time to look.

use std::collections::HashMap;
use std::sync::Arc;

use agents::NodeEvent;
use domain::id::HostId;
use futures::StreamExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::ControlPlane;

/// The watches of all hosts; dropping them ends them.
#[derive(Default)]
pub(super) struct Watches {
    tasks: JoinSet<()>,
    watched: HashMap<HostId, tokio::task::AbortHandle>,
}

impl Watches {
    /// Watches every host that is known, and none that is not any more.
    pub(super) async fn follow(&mut self, plane: &ControlPlane, wake: &Arc<Notify>) {
        while self.tasks.try_join_next().is_some() {}
        let Ok(hosts) = plane.services.store.host_list().await else { return };
        self.watched.retain(|id, task| {
            let keep = !task.is_finished() && hosts.iter().any(|host| host.id == *id);
            if !keep {
                task.abort();
            }
            keep
        });
        for host in hosts {
            if self.watched.contains_key(&host.id) {
                continue;
            }
            let Ok(agent) = plane.services.agent(&host.id).await else { continue };
            let mut events = agent.watch_nodes(&plane.services.installation);
            let wake = Arc::clone(wake);
            let task = self.tasks.spawn(async move {
                while let Some(event) = events.next().await {
                    if !matches!(event, NodeEvent::Interrupted(_)) {
                        wake.notify_one();
                    }
                }
            });
            self.watched.insert(host.id, task);
        }
    }
}
