//! Waiting until the containers that serve a chaincode stay up. An engine starts what ends again and again, so that a
//! container that runs at one look proves nothing.

use agents::{NodeRef, NodeState, NodeStatus};
use domain::Code;
use serde::{Deserialize, Serialize};
use workflow::{Context, Operation, StepError, StepOutput};

use super::DeploysChaincode;
use super::server::start_servers;
use crate::network::ChainLink;
use crate::operations::{agent_error, link, selector, step_error, with_lines_of};

/// How long one run has to last, from when its container was made to run. Engines wait a tenth of a second before they
/// start a crashed container again, and twice as long before each further time.
const SETTLE_MS: i64 = 700;
/// How long it has to last until somebody approves, where it is looked at again before the commit: what crashes at once
/// is found out by then, and the rest of the time passes while organizations approve.
const FIRST_MS: i64 = SETTLE_MS / 2;
/// Longest pause between two looks.
const LOOK_MS: u64 = 250;
/// Longest wait for a run that lasts.
const PATIENCE_MS: i64 = 20_000;
/// Further starts that are watched before a container is given up.
const RESTARTS_MAX: u32 = 2;

/// One run of a container: when it began, and how many runs the engine counts.
type Run = (Option<String>, u32);

fn run_of(status: &NodeStatus) -> Option<Run> {
    (status.state == NodeState::Running).then(|| (status.started_at.clone(), status.restarts))
}

/// A container as it was seen when it was made to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::operations) struct Started {
    server: String,
    run: Option<Run>,
    at_ms: i64,
}

impl Started {
    pub(super) fn new(status: &NodeStatus, at_ms: i64) -> Self {
        Self { server: status.node.node.clone(), run: run_of(status), at_ms }
    }

    /// The container on the host.
    fn place(&self, link: &ChainLink) -> NodeRef {
        link.place(&self.server)
    }
}

/// The containers that shall serve a definition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::operations) struct ServersStarted {
    pub(super) servers: Vec<Started>,
}

impl StepOutput for ServersStarted {
    const STEP: &'static str = "start-chaincode";
}

/// What the first step left, also in version 1 of the plans, which had nothing to tell.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct PerhapsStarted(Option<ServersStarted>);

impl StepOutput for PerhapsStarted {
    const STEP: &'static str = ServersStarted::STEP;
}

/// Looks, before anybody approves, whether the containers stay up; what was done since they were started counts as
/// waiting.
pub(super) async fn await_chaincode<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().deploy_spec().chain).await.map_err(step_error)?;
    let lasts_ms = if ctx.params().looks_again() { FIRST_MS } else { SETTLE_MS };
    let started = brought_back(&ctx, &link, ctx.output::<ServersStarted>()?).await?;
    await_started(&ctx, &link, started, lasts_ms).await
}

/// Looks again before the commit, by when the containers have to have stayed up for the whole time. Those of a commit by
/// itself were started, and looked at, by another operation.
pub(super) async fn await_settled<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
) -> Result<(), StepError> {
    let Some(PerhapsStarted(Some(started))) = ctx.try_output::<PerhapsStarted>()? else {
        return Ok(());
    };
    let started = brought_back(ctx, link, started).await?;
    await_servers(ctx, link, &started.servers, SETTLE_MS).await
}

/// The containers that were started: they are made to run again if somebody stopped or removed one meanwhile.
async fn brought_back<P: DeploysChaincode>(
    ctx: &Context<P>,
    link: &ChainLink,
    started: ServersStarted,
) -> Result<ServersStarted, StepError> {
    let present = link.agent.list_nodes(&selector(link)).await.map_err(agent_error)?;
    let is_lost = |one: &Started| {
        let found = present.iter().find(|found| found.node == one.place(link));
        !found.is_some_and(|found| matches!(found.state, NodeState::Running | NodeState::Restarting))
    };
    if started.servers.iter().any(is_lost) { start_servers(ctx, link).await } else { Ok(started) }
}

/// Makes the containers run and waits until they stay up, which was one step in version 1 of the plans.
pub(super) async fn start_and_await<P: DeploysChaincode>(ctx: Context<P>) -> Result<(), StepError> {
    let link = link(ctx.env(), &ctx.params().deploy_spec().chain).await.map_err(step_error)?;
    let started = start_servers(&ctx, &link).await?;
    await_started(&ctx, &link, started, SETTLE_MS).await
}

async fn await_started<P: Operation>(
    ctx: &Context<P>,
    link: &ChainLink,
    started: ServersStarted,
    lasts_ms: i64,
) -> Result<(), StepError> {
    await_servers(ctx, link, &started.servers, lasts_ms).await?;
    for one in started.servers {
        ctx.note(format!("{} is up", one.server)).await;
    }
    Ok(())
}

/// What looks at a container have shown so far.
struct Watched {
    /// How long one run has to last.
    lasts_ms: i64,
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
    fn new(started: &Started, lasts_ms: i64, now_ms: i64) -> Self {
        // A clock that was set back since then would make a run wait that never began.
        let since_ms = started.at_ms.min(now_ms);
        Self { lasts_ms, began_ms: now_ms, restarts: None, run: started.run.clone(), since_ms }
    }

    /// Pause until the next look: that run may have lasted long enough then.
    fn rest_ms(&self, now_ms: i64) -> u64 {
        u64::try_from(self.since_ms + self.lasts_ms - now_ms).unwrap_or(0).clamp(1, LOOK_MS)
    }

    fn look(&mut self, status: Option<&NodeStatus>, now_ms: i64) -> Verdict {
        let run = status.and_then(run_of);
        if run.is_none() || run != self.run {
            (self.run, self.since_ms) = (run, now_ms);
        } else if now_ms - self.since_ms >= self.lasts_ms {
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
async fn await_servers<P: Operation>(
    ctx: &Context<P>,
    link: &ChainLink,
    servers: &[Started],
    lasts_ms: i64,
) -> Result<(), StepError> {
    let now_ms = ctx.now_ms();
    let watched = servers.iter().map(|server| (server.place(link), Watched::new(server, lasts_ms, now_ms)));
    let mut watched: Vec<(NodeRef, Watched)> = watched.collect();
    loop {
        let present = link.agent.list_nodes(&selector(link)).await.map_err(agent_error)?;
        let (now_ms, mut rest_ms, mut waits) = (ctx.now_ms(), 0_u64, None);
        for (server, seen) in &mut watched {
            let status = present.iter().find(|found| found.node == *server);
            match seen.look(status, now_ms) {
                Verdict::Up => {}
                Verdict::Wait => {
                    rest_ms = rest_ms.max(seen.rest_ms(now_ms));
                    waits = Some(server.node.clone());
                }
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
        ctx.sleep(rest_ms).await;
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
            machine: None,
            data_volume: DataVolume::None,
            ports: BTreeMap::new(),
            reached: BTreeMap::new(),
            image_id: None,
            restarts,
            fingerprint: None,
        }
    }

    fn watched(status: &NodeStatus) -> Watched {
        Watched::new(&Started::new(status, 0), SETTLE_MS, 0)
    }

    #[test]
    fn one_run_that_lasts_is_up() {
        let mut watched = watched(&status(NodeState::Running, "first", 7));
        for (at_ms, verdict) in [(0, Verdict::Wait), (SETTLE_MS - 1, Verdict::Wait), (SETTLE_MS, Verdict::Up)]
        {
            assert_eq!(watched.look(Some(&status(NodeState::Running, "first", 7)), at_ms), verdict);
        }
    }

    #[test]
    fn what_passed_since_the_start_counts_unless_it_crashed_meanwhile_or_the_clock_was_set_back() {
        let first = status(NodeState::Running, "first", 0);
        for (began_ms, now_ms, found, verdict) in [
            (0, SETTLE_MS, &first, Verdict::Up),
            (0, SETTLE_MS, &status(NodeState::Running, "second", 1), Verdict::Wait),
            (9 * SETTLE_MS, SETTLE_MS, &first, Verdict::Wait),
        ] {
            let mut watched = Watched::new(&Started::new(&first, began_ms), SETTLE_MS, now_ms);
            assert_eq!(watched.look(Some(found), now_ms), verdict, "{began_ms} {now_ms} {found:?}");
            let after_ms = now_ms + SETTLE_MS;
            assert_eq!(watched.look(Some(found), after_ms), Verdict::Up, "{began_ms} {now_ms} {found:?}");
        }
    }

    #[test]
    fn a_run_that_lasts_for_the_first_look_is_waited_for_longer_before_the_commit() {
        let status = status(NodeState::Running, "first", 0);
        let started = Started::new(&status, 0);
        for (lasts_ms, verdict) in [(FIRST_MS, Verdict::Up), (SETTLE_MS, Verdict::Wait)] {
            let mut watched = Watched::new(&started, lasts_ms, FIRST_MS);
            assert_eq!(watched.look(Some(&status), FIRST_MS), verdict, "{lasts_ms}");
            assert_eq!(watched.look(Some(&status), SETTLE_MS), Verdict::Up, "{lasts_ms}");
        }
    }

    #[test]
    fn what_an_earlier_version_left_of_its_start_is_read() {
        let read = |text: &str| serde_json::from_str::<PerhapsStarted>(text).unwrap().0;
        assert!(read("null").is_none());
        let servers =
            read(r#"{"servers":[{"server":"cc-1-org1","run":["first",0],"at_ms":7}]}"#).unwrap().servers;
        assert_eq!(servers.iter().map(|one| one.at_ms).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn the_next_look_is_when_the_run_may_have_lasted_long_enough() {
        let first = watched(&status(NodeState::Running, "first", 0));
        for (at_ms, rest_ms) in [(0, LOOK_MS), (SETTLE_MS - 30, 30), (SETTLE_MS + 5, 1)] {
            assert_eq!(first.rest_ms(at_ms), rest_ms, "{at_ms}");
        }
    }

    #[test]
    fn a_run_after_a_crash_is_waited_for_anew_and_a_third_one_is_too_many() {
        let mut watched = watched(&status(NodeState::Running, "first", 0));
        assert_eq!(watched.look(Some(&status(NodeState::Running, "first", 0)), 0), Verdict::Wait);
        let second = status(NodeState::Running, "second", 1);
        assert_eq!(watched.look(Some(&second), SETTLE_MS), Verdict::Wait);
        assert_eq!(watched.look(Some(&second), 2 * SETTLE_MS), Verdict::Up);
        let third = watched.look(Some(&status(NodeState::Restarting, "third", 3)), 2 * SETTLE_MS + 1);
        assert_eq!(third, Verdict::Down("it was started again 3 times, it ended with code 2".to_owned()));
    }

    #[test]
    fn what_never_runs_is_given_up() {
        let mut watched = watched(&status(NodeState::Created, "first", 0));
        assert_eq!(watched.look(None, 0), Verdict::Wait);
        let stopped = status(NodeState::Stopped, "first", 0);
        assert_eq!(watched.look(Some(&stopped), PATIENCE_MS), Verdict::Wait);
        let given_up = watched.look(Some(&stopped), PATIENCE_MS + 1);
        assert_eq!(given_up, Verdict::Down("it does not stay up, it ended with code 2".to_owned()));
    }
}
