//! Figures of the portal: what is there, by what it is, and what happened day by day. Each caller gets figures of what
//! they may see, and of nothing else.

use serde::{Deserialize, Serialize};

use crate::chain::ChainSummary;
use crate::error::{Code, Error};
use crate::operation::OperationSummary;
use crate::transaction::SubmitView;

/// Spans of days that can be asked for.
pub const RANGES: [u32; 2] = [7, 30];
const DAY_MS: i64 = 86_400_000;

/// The day of a moment, in UTC, counted from 1970.
pub fn day_of(at_ms: i64) -> i64 {
    at_ms.div_euclid(DAY_MS)
}

/// Checks a span of days.
pub fn check_range(days: u32) -> Result<(), Error> {
    if RANGES.contains(&days) {
        return Ok(());
    }
    let [min, max] = RANGES;
    Err(Error::invalid(Code::ValueOutOfRange).with("min", min).with("max", max).on("days"))
}

/// How many there are of a kind; its word is the one that is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub word: String,
    pub count: u32,
}

impl Share {
    /// Counts words; the most frequent first, then by word.
    pub fn count<'a>(words: impl IntoIterator<Item = (&'a str, u32)>) -> Vec<Self> {
        let mut counts = std::collections::BTreeMap::<&str, u32>::new();
        for (word, count) in words {
            let sum = counts.entry(word).or_default();
            *sum = sum.saturating_add(count);
        }
        let mut shares: Vec<Self> =
            counts.into_iter().map(|(word, count)| Self { word: word.to_owned(), count }).collect();
        shares.sort_by_key(|share| std::cmp::Reverse(share.count));
        shares
    }
}

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Counted from 1970, UTC.
    pub day: i64,
    /// None: nothing was counted yet on that day, which is something else than nothing.
    pub total: Option<u32>,
    /// How many of them failed.
    pub failed: u32,
}

/// Hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFigures {
    pub states: Vec<Share>,
    /// `docker` and `kubernetes`.
    pub kinds: Vec<Share>,
    /// Chains that fit on all of them.
    pub capacity: u32,
    /// Chains that are on them.
    pub used: u32,
}

/// Chains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainFigures {
    pub total: u32,
    pub states: Vec<Share>,
    /// Of those that run.
    pub healths: Vec<Share>,
    pub consensus: Vec<Share>,
    pub versions: Vec<Share>,
    /// By the names of hosts, the fullest first and only some; empty for whoever may not know of hosts.
    pub hosts: Vec<Share>,
}

/// All figures for one caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatsView {
    /// Days that are shown, the last one being today.
    pub days: u32,
    /// None: the caller may not know of hosts.
    pub hosts: Option<HostFigures>,
    /// People by role; none: the caller may not know of them.
    pub people: Option<Vec<Share>>,
    pub chains: ChainFigures,
    pub transactions: Vec<Day>,
    /// Chains that are still there, by the day on which they were created.
    pub created: Vec<Day>,
    /// Operations under way.
    pub running: u32,
    /// Chains that need a look, then the newest others; only some.
    pub cards: Vec<ChainSummary>,
    /// The newest operations.
    pub operations: Vec<OperationSummary>,
    /// What the caller submitted last.
    pub submitted: Vec<SubmitView>,
}

/// The overview as it is sent: what decides on buttons, and sections that the server has rendered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverviewView {
    pub has_chains: bool,
    /// None: the caller may not know of hosts.
    pub has_hosts: Option<bool>,
    /// Markup, in the order of the page.
    pub sections: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight() {
        let days = [-1, 0, DAY_MS - 1, DAY_MS].map(day_of);
        assert_eq!(days, [-1, 0, 0, 1]);
    }

    #[test]
    fn only_two_spans_are_shown() {
        let codes = [0, 7, 8, 30, 3_000].map(|days| check_range(days).map_err(|error| error.code));
        let no = Err(Code::ValueOutOfRange);
        assert_eq!(codes, [no, Ok(()), no, Ok(()), no]);
    }

    #[test]
    fn the_most_frequent_comes_first() {
        let shares = Share::count([("b", 1), ("a", 1), ("c", 2), ("b", 0)]);
        let told: Vec<_> = shares.iter().map(|share| (share.word.as_str(), share.count)).collect();
        assert_eq!(told, [("c", 2), ("a", 1), ("b", 1)]);
    }
}
