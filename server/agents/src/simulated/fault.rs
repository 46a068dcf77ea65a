//! What a simulated host does wrong, and when.
//!
//! Faults are planned, not accidental: the same plan and the same calls always fail at the same place. The random
//! ones come from a seed.

use std::collections::BTreeMap;

use crate::AgentError;

/// The verbs of an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// `probe`
    Probe,
    /// `ensure_image`
    EnsureImage,
    /// `image`
    Image,
    /// `rehearse`
    Rehearse,
    /// `ensure_space`
    EnsureSpace,
    /// `remove_space`
    RemoveSpace,
    /// `remove_home`
    RemoveHome,
    /// `ensure_node`
    EnsureNode,
    /// `remove_node`
    RemoveNode,
    /// `start`
    Start,
    /// `stop`
    Stop,
    /// `restart`
    Restart,
    /// `list_nodes`
    ListNodes,
    /// `logs`
    Logs,
    /// `stats`
    Stats,
    /// `connect`
    Connect,
    /// `used_ports`
    UsedPorts,
    /// `answering_ports`
    AnsweringPorts,
    /// `ask_registry`
    AskRegistry,
    /// `load_image`
    LoadImage,
}

/// Where in a call it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing was done.
    Before,
    /// A part was done: a node is made but not started, a chain's nodes are gone but not its networks. Verbs
    /// without parts fail before anything is done.
    Midway,
    /// All was done, only the answer is lost.
    After,
}

/// One planned failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where in the call.
    pub when: When,
    /// What the caller sees.
    pub error: AgentError,
}

impl Fault {
    /// The host does not answer.
    pub fn unreachable(when: When) -> Self {
        Self { when, error: AgentError::Unreachable("simulated".to_owned()) }
    }

    /// The host answers with an error that does not go away.
    pub fn broken(when: When) -> Self {
        Self { when, error: AgentError::Refused("simulated".to_owned()) }
    }
}

/// What is wrong with what an image runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It says so and ends, however often the host starts it again.
    Crashes,
    /// It runs and answers nobody.
    Deaf,
}

/// The plan of a host's failures.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    calls: u64,
    verb_calls: BTreeMap<Verb, u64>,
    at_call: BTreeMap<u64, Fault>,
    at_verb: BTreeMap<(Verb, u64), Fault>,
    random: Option<Random>,
}

#[derive(Debug)]
struct Random {
    state: u64,
    per_mille: u64,
}

impl Faults {
    /// The n-th call from now on fails; 1 is the next one.
    pub(crate) fn fail_call(&mut self, nth: u64, fault: Fault) {
        self.at_call.insert(self.calls + nth, fault);
    }

    /// The n-th call of a verb from now on fails; 1 is the next one.
    pub(crate) fn fail_verb(&mut self, verb: Verb, nth: u64, fault: Fault) {
        let so_far = self.verb_calls.get(&verb).copied().unwrap_or_default();
        self.at_verb.insert((verb, so_far + nth), fault);
    }

    /// So many of a thousand calls fail, always the same ones for the same seed.
    pub(crate) fn fail_randomly(&mut self, seed: u64, per_mille: u64) {
        self.random = (per_mille > 0).then_some(Random { state: seed, per_mille });
    }

    /// No further failures.
    pub(crate) fn clear(&mut self) {
        self.at_call.clear();
        self.at_verb.clear();
        self.random = None;
    }

    /// Counts a call and tells how it fails.
    pub(crate) fn next(&mut self, verb: Verb) -> Option<Fault> {
        self.calls += 1;
        let of_verb = self.verb_calls.entry(verb).or_default();
        *of_verb += 1;
        let at = (verb, *of_verb);
        let random = self.random.as_mut().and_then(Random::next);
        self.at_call.remove(&self.calls).or_else(|| self.at_verb.remove(&at)).or(random)
    }
}

impl Random {
    fn next(&mut self) -> Option<Fault> {
        let drawn = self.draw();
        if drawn % 1000 >= self.per_mille {
            return None;
        }
        let when = match self.draw() % 3 {
            0 => When::Before,
            1 => When::Midway,
            _ => When::After,
        };
        Some(Fault::unreachable(when))
    }

    /// SplitMix64: small, and the same everywhere.
    fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planned_faults_come_once_and_where_planned() {
        let mut faults = Faults::default();
        faults.fail_call(2, Fault::unreachable(When::Before));
        faults.fail_verb(Verb::Stop, 2, Fault::broken(When::After));
        let verbs = [Verb::Start, Verb::Stop, Verb::Start, Verb::Stop, Verb::Stop];
        let hits: Vec<_> = verbs.iter().map(|verb| faults.next(*verb).map(|fault| fault.when)).collect();
        assert_eq!(hits, [None, Some(When::Before), None, Some(When::After), None]);
    }

    #[test]
    fn random_faults_follow_their_seed_and_rate() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.fail_randomly(seed, 100);
            (0..10_000).map(|_| faults.next(Verb::Start).map(|f| f.when)).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let hits = run(7).iter().filter(|hit| hit.is_some()).count();
        assert!((800..1200).contains(&hits), "{hits}");
    }
}
