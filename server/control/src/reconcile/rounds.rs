//! Rounds of hosts, each by itself: one that does not answer holds up no other. A host has one round at a time.

use std::collections::{HashMap, HashSet};

use domain::id::HostId;
use tokio::task::{AbortHandle, JoinSet};

/// The rounds that are under way; dropping them ends them.
#[derive(Default)]
pub(super) struct Rounds {
    tasks: JoinSet<HostId>,
    under_way: HashMap<HostId, AbortHandle>,
}

impl Rounds {
    /// Begins the round of a host; false while its last one is under way.
    pub(super) fn begin(&mut self, host: &HostId, round: impl Future<Output = ()> + Send + 'static) -> bool {
        while self.tasks.try_join_next().is_some() {}
        self.under_way.retain(|_, task| !task.is_finished());
        if self.under_way.contains_key(host) {
            return false;
        }
        let id = host.clone();
        let task = self.tasks.spawn(async move {
            round.await;
            id
        });
        self.under_way.insert(host.clone(), task);
        true
    }

    /// Waits until the round of one of these hosts ends, or one failed; for ever where there are none.
    pub(super) async fn ended(&mut self, hosts: &HashSet<HostId>) {
        let is_over = |host| self.under_way.get(host).is_none_or(AbortHandle::is_finished);
        if hosts.iter().any(is_over) {
            return;
        }
        while !hosts.is_empty() {
            match self.tasks.join_next().await {
                Some(Ok(host)) if !hosts.contains(&host) => {}
                Some(_) => return,
                None => break,
            }
        }
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn a_host_has_one_round_at_a_time_and_holds_up_no_other() {
        let (hung, quick) = (HostId::new("hung"), HostId::new("quick"));
        let (end, ended) = oneshot::channel::<()>();
        let mut rounds = Rounds::default();
        assert!(rounds.begin(&hung, async move {
            let _ended = ended.await;
        }));
        for _ in 0..3 {
            assert!(rounds.begin(&quick, std::future::ready(())));
            rounds.ended(&HashSet::from([quick.clone()])).await;
            assert!(!rounds.begin(&hung, std::future::ready(())));
        }
        end.send(()).unwrap();
        rounds.ended(&HashSet::from([hung.clone()])).await;
        assert!(rounds.begin(&hung, std::future::ready(())));
    }

    #[tokio::test]
    async fn nobody_is_waited_for_where_nobody_was_passed_over() {
        let mut rounds = Rounds::default();
        rounds.begin(&HostId::new("one"), std::future::ready(()));
        let ended = tokio::time::timeout(Duration::from_millis(50), rounds.ended(&HashSet::new())).await;
        assert!(ended.is_err());
    }
}
