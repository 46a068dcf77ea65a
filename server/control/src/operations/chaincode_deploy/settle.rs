//! Waiting until the containers that serve a chaincode stay up. An engine starts what ends again and again, so that a
//! container that runs at one look proves nothing.

use agents::{NodeRef, NodeState, NodeStatus};
use domain::Code;
use workflow::{Context, Operation, StepError};

use crate::network::ChainLink;
use crate::operations::{agent_error, selector, with_lines_of};

/// How long one run has to last. Engines wait a tenth of a second before they start a crashed container again, and twice
/// as long before each further time.
const SETTLE_MS: i64 = 1_500;
/// Pause between two looks.
const LOOK_MS: u64 = 250;
/// Longest wait for a run that lasts.
const PATIENCE_MS: i64 = 20_000;
/// Further starts that are watched before a container is given up.
const RESTARTS_MAX: u32 = 2;

/// One run of a container: when it began, and how many runs the engine counts.
type Run = (Option<String>, u32);

/// What looks at a container have shown so far.
struct Watched {
    began_ms: i64,
    /// Restarts that the first look found.
    restarts: Option<u32>,
    run: Option<Run>,
    since_ms: i64,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Up,
    Wait,
    /// It will not stay up; why.
    Down(String),
}

impl Watched {
    fn new(now_ms: i64) -> Self {
        Self { began_ms: now_ms, restarts: None, run: None, since_ms: now_ms }
    }

    fn look(&mut self, status: Option<&NodeStatus>, now_ms: i64) -> Verdict {
        let running = status.filter(|status| status.state == NodeState::Running);
        let run = running.map(|status| (status.started_at.clone(), status.restarts));
        if run.is_none() || run != self.run {
            (self.run, self.since_ms) = (run, now_ms);
        } else if now_ms - self.since_ms >= SETTLE_MS {
            return Verdict::Up;
        }
        let count = status.map_or(0, |status| status.restarts);
        let first = *self.restarts.get_or_insert(count);
        let ended = status.and_then(|status| status.exit_code);
        let how = ended.map_or(String::new(), |code| format!(", it ended with code {code}"));
        if count.saturating_sub(first) > RESTARTS_MAX {
            return Verdict::Down(format!("it was started again {count} times{how}"));
        }
        if now_ms - self.began_ms > PATIENCE_MS {
            return Verdict::Down(format!("it does not stay up{how}"));
        }
        Verdict::Wait
    }
}

/// Waits until every one of some containers has stayed up for a while; fails with the last lines of one that does not.
pub(super) async fn await_servers<P: Operation>(
    ctx: &Context<P>,
    link: &ChainLink,
    servers: &[NodeRef],
) -> Result<(), StepError> {
    let mut watched: Vec<_> = servers.iter().map(|server| (server, Watched::new(ctx.now_ms()))).collect();
    loop {
        let present = link.agent.list_nodes(&selector(link)).await.map_err(agent_error)?;
        let (now_ms, mut waits) = (ctx.now_ms(), None);
        for (server, seen) in &mut watched {
            let status = present.iter().find(|found| found.node == **server);
            match seen.look(status, now_ms) {
                Verdict::Up => {}
                Verdict::Wait => waits = Some(&server.node),
                Verdict::Down(why) => {
                    let text = format!("{}: {why}", server.node);
                    let error = StepError::stop(Code::NodeNotHealthy.as_text(), text);
                    return Err(with_lines_of(link, server, error).await);
                }
            }
        }
        let Some(server) = waits else { return Ok(()) };
        if ctx.cancelled() {
            return Err(StepError::retry(Code::NodeNotHealthy.as_text(), format!("{server}: not yet")));
        }
        ctx.sleep(LOOK_MS).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use agents::DataVolume;

    use super::*;

    fn status(state: NodeState, started: &str, restarts: u32) -> NodeStatus {
        NodeStatus {
            node: NodeRef::new("one", "demo", "cc-1-org1"),
            kind: "chaincode".to_owned(),
            operation: "op-1".to_owned(),
            state,
            started_at: Some(started.to_owned()),
            exit_code: (state != NodeState::Running).then_some(2),
            reason: None,
            data_volume: DataVolume::None,
            ports: BTreeMap::new(),
            image_id: None,
            restarts,
            fingerprint: None,
        }
    }

    #[test]
    fn one_run_that_lasts_is_up() {
        let mut watched = Watched::new(0);
        for (at_ms, verdict) in [(0, Verdict::Wait), (SETTLE_MS - 1, Verdict::Wait), (SETTLE_MS, Verdict::Up)]
        {
            assert_eq!(watched.look(Some(&status(NodeState::Running, "first", 7)), at_ms), verdict);
        }
    }

    #[test]
    fn a_run_after_a_crash_is_waited_for_anew_and_a_third_one_is_too_many() {
        let mut watched = Watched::new(0);
        assert_eq!(watched.look(Some(&status(NodeState::Running, "first", 0)), 0), Verdict::Wait);
        let second = status(NodeState::Running, "second", 1);
        assert_eq!(watched.look(Some(&second), SETTLE_MS), Verdict::Wait);
        assert_eq!(watched.look(Some(&second), 2 * SETTLE_MS), Verdict::Up);
        let third = watched.look(Some(&status(NodeState::Restarting, "third", 3)), 2 * SETTLE_MS + 1);
        assert_eq!(third, Verdict::Down("it was started again 3 times, it ended with code 2".to_owned()));
    }

    #[test]
    fn what_never_runs_is_given_up() {
        let mut watched = Watched::new(0);
        assert_eq!(watched.look(None, 0), Verdict::Wait);
        let stopped = status(NodeState::Stopped, "first", 0);
        assert_eq!(watched.look(Some(&stopped), PATIENCE_MS), Verdict::Wait);
        let given_up = watched.look(Some(&stopped), PATIENCE_MS + 1);
        assert_eq!(given_up, Verdict::Down("it does not stay up, it ended with code 2".to_owned()));
    }
}
