//! What a host that keeps something free for what runs on it, and has rules for it, says of a planned chain. Such a host
//! is a cluster; this module does not know.

use agents::{EngineFacts, Rehearsal, Room, Share};
use domain::chain::{CheckKind, CheckView, Verdict};
use domain::{Code, Error};

use super::{item, passed};
use crate::host::probe::mib;

/// All permissions that were asked about are there, else the host's test had stopped before.
pub(super) fn permissions(facts: &EngineFacts) -> Option<CheckView> {
    facts.permissions.map(|count| passed(CheckKind::Permissions, format!("{count}/{count}")))
}

/// The same of where data will be.
pub(super) fn storage(facts: &EngineFacts) -> Option<CheckView> {
    facts.storage.clone().map(|storage| passed(CheckKind::Storage, storage))
}

/// What the host's rules say. Only what the chain itself would meet fails.
pub(super) fn rules(tried: &Rehearsal) -> Option<CheckView> {
    let place = tried.place.clone()?;
    let Some(refusal) = &tried.refusal else { return Some(passed(CheckKind::Quota, place)) };
    let (verdict, code) = if refusal.is_certain {
        (Verdict::Fail, Code::HostRulesRefuse)
    } else {
        (Verdict::Warn, Code::HostRulesDoubtful)
    };
    let problem = Error::conflict(code).with("why", &refusal.said);
    Some(item(CheckKind::Quota, verdict, Some(problem), place))
}

/// Whether the machines have processors for all nodes, and a place at all.
pub(super) fn cpu(room: &Room) -> CheckView {
    let fact = format!("{} / {} m", room.cpu_milli.wanted, room.cpu_milli.free);
    let codes = (Code::MachineCpuKept, Code::CpuKept);
    let short = short(CheckKind::Cpu, &room.cpu_milli, codes, &fact);
    short.or_else(|| scattered(room, &fact)).unwrap_or_else(|| passed(CheckKind::Cpu, fact))
}

/// The same of memory alone.
pub(super) fn memory(room: &Room) -> CheckView {
    let Share { wanted, of_one, free, largest } = room.memory_bytes;
    let share = Share { wanted: mib(wanted), of_one: mib(of_one), free: mib(free), largest: mib(largest) };
    let fact = format!("{} / {} MiB", share.wanted, share.free);
    let codes = (Code::MachineMemoryKept, Code::MemoryKept);
    short(CheckKind::Memory, &share, codes, &fact).unwrap_or_else(|| passed(CheckKind::Memory, fact))
}

/// What one resource lacks: a node alone has no place, or all together have not.
fn short(kind: CheckKind, share: &Share, codes: (Code, Code), fact: &str) -> Option<CheckView> {
    let low =
        |code, wanted: u64, has: u64| Some(Error::conflict(code).with("wanted", wanted).with("has", has));
    if share.of_one > share.largest {
        let problem = low(codes.0, share.of_one, share.largest);
        return Some(item(kind, Verdict::Fail, problem, fact.to_owned()));
    }
    if share.wanted > share.free {
        return Some(item(kind, Verdict::Warn, low(codes.1, share.wanted, share.free), fact.to_owned()));
    }
    None
}

/// Nodes that find no machine although no resource is short as a whole.
fn scattered(room: &Room, fact: &str) -> Option<CheckView> {
    let is_memory_short = room.memory_bytes.wanted > room.memory_bytes.free;
    if room.placed == room.nodes || (is_memory_short && room.placed > 0) {
        return None;
    }
    let problem = Error::conflict(Code::RoomScattered).with("placed", room.placed).with("nodes", room.nodes);
    let verdict = if room.placed == 0 { Verdict::Fail } else { Verdict::Warn };
    Some(item(CheckKind::Cpu, verdict, Some(problem), fact.to_owned()))
}

/// Of two looks at one thing the one that says more against it; else the first.
pub(super) fn worse(one: CheckView, other: CheckView) -> CheckView {
    if other.verdict > one.verdict { other } else { one }
}

#[cfg(test)]
mod tests {
    use agents::Refusal;

    use super::*;

    const GIB: u64 = 1 << 30;

    fn share(wanted: u64, of_one: u64, free: u64, largest: u64) -> Share {
        Share { wanted, of_one, free, largest }
    }

    fn of(check: &CheckView) -> (Verdict, Option<Code>) {
        (check.verdict, check.problem.as_ref().map(|problem| problem.code))
    }

    #[test]
    fn room_is_judged_by_what_a_node_and_all_nodes_keep() {
        let check = |cpu: Share, memory: Share, placed: usize, expect: [(Verdict, Option<Code>); 2]| {
            let room = Room { nodes: 3, placed, cpu_milli: cpu, memory_bytes: memory };
            assert_eq!([of(&super::cpu(&room)), of(&super::memory(&room))], expect, "{room:?}");
        };
        let pass = (Verdict::Pass, None);
        let (enough, memory) = (share(300, 100, 900, 500), share(3 * GIB, GIB, 9 * GIB, 4 * GIB));
        check(enough, memory, 3, [pass, pass]);
        let none = (Verdict::Fail, Some(Code::MachineCpuKept));
        check(share(300, 100, 200, 99), memory, 0, [none, pass]);
        let some = (Verdict::Warn, Some(Code::CpuKept));
        check(share(300, 100, 250, 150), memory, 2, [some, pass]);
        let few = (Verdict::Warn, Some(Code::MemoryKept));
        check(enough, share(3 * GIB, GIB, 2 * GIB, 2 * GIB), 2, [pass, few]);
        let scattered = |verdict| (verdict, Some(Code::RoomScattered));
        check(enough, memory, 2, [scattered(Verdict::Warn), pass]);
        check(enough, memory, 0, [scattered(Verdict::Fail), pass]);
        let no_memory = (Verdict::Fail, Some(Code::MachineMemoryKept));
        check(enough, share(3 * GIB, GIB, GIB, GIB / 2), 0, [scattered(Verdict::Fail), no_memory]);
    }

    #[test]
    fn only_rules_that_the_chain_would_meet_block_it() {
        let tried = |is_certain: Option<bool>| Rehearsal {
            place: Some("heddle-abc-demo".to_owned()),
            refusal: is_certain.map(|is_certain| Refusal { said: "no".to_owned(), is_certain }),
            room: None,
        };
        let check = |is_certain, expect| {
            let shown = rules(&tried(is_certain)).unwrap();
            assert_eq!((of(&shown), shown.fact.as_str()), (expect, "heddle-abc-demo"));
        };
        check(None, (Verdict::Pass, None));
        check(Some(true), (Verdict::Fail, Some(Code::HostRulesRefuse)));
        check(Some(false), (Verdict::Warn, Some(Code::HostRulesDoubtful)));
        assert_eq!(rules(&Rehearsal::default()), None);
    }
}
