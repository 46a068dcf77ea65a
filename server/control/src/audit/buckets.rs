//! Refusals of nobody signed in: anybody can cause any number of them, so they must not become a record each. The first
//! of a kind from an address in a minute is recorded as it is; those that follow are counted, and become one record when
//! the minute is over.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::net::{IpAddr, Ipv6Addr};

use super::Entry;

const MINUTE_MS: i64 = 60_000;
/// Most buckets at a time; what would need a further one is counted without its address.
const BUCKETS_MAX: usize = 1_000;
/// Bits of an IPv6 address that whoever holds it can choose freely.
const OWN_BITS: u32 = 64;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    minute: i64,
    address: String,
    what: String,
    result: String,
}

struct Bucket {
    /// Those that became no record.
    count: u64,
    last: Entry,
}

/// The buckets of the present minute, and those of the one before until they are closed.
#[derive(Default)]
pub(super) struct Buckets {
    open: HashMap<Kind, Bucket>,
}

impl Buckets {
    /// Counts a refusal, or gives it back to be recorded as it is.
    pub(super) fn take(&mut self, entry: Entry) -> Option<Entry> {
        let mut kind = Kind {
            minute: entry.at_ms.div_euclid(MINUTE_MS),
            address: neighbourhood(&entry.address),
            what: entry.what.clone(),
            result: entry.result.clone(),
        };
        let full = self.open.len() >= BUCKETS_MAX && !self.open.contains_key(&kind);
        if full {
            kind.address.clear();
        }
        let apart = kind.address.is_empty();
        let bucket = match self.open.entry(kind) {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => {
                let bucket = slot.insert(Bucket { count: 0, last: entry.clone() });
                if !apart {
                    return Some(entry);
                }
                bucket
            }
        };
        bucket.count += 1;
        bucket.last.at_ms = entry.at_ms;
        bucket.last.request_id = entry.request_id;
        if apart {
            bucket.last.address.clear();
        }
        if bucket.last.object != entry.object {
            // Many objects: only of what sort they are.
            let sort = entry.object.split('/').next().unwrap_or_default().to_owned();
            bucket.last.object = sort;
        }
        None
    }

    /// The records of the minutes that are over.
    pub(super) fn close(&mut self, now_ms: i64) -> Vec<Entry> {
        let minute = now_ms.div_euclid(MINUTE_MS);
        self.drain(|kind| kind.minute < minute)
    }

    /// The records of everything that was counted.
    pub(super) fn close_all(&mut self) -> Vec<Entry> {
        self.drain(|_| true)
    }

    fn drain(&mut self, over: impl Fn(&Kind) -> bool) -> Vec<Entry> {
        let mut entries: Vec<Entry> = self
            .open
            .extract_if(|kind, _| over(kind))
            .filter(|(_, bucket)| bucket.count > 0)
            .map(|(_, Bucket { count, last })| Entry { result: format!("{} ×{count}", last.result), ..last })
            .collect();
        entries.sort_by(|one, other| (one.at_ms, &one.request_id).cmp(&(other.at_ms, &other.request_id)));
        entries
    }
}

/// The addresses that one and the same sender may use: of IPv6 everything with the same first half.
pub(crate) fn neighbourhood(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V6(v6)) => Ipv6Addr::from_bits(v6.to_bits() >> OWN_BITS << OWN_BITS).to_string(),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at_ms: i64, address: &str, object: &str) -> Entry {
        Entry {
            at_ms,
            user: None,
            who: String::new(),
            what: "sign-in".to_owned(),
            object: object.to_owned(),
            result: "sign-in-failed".to_owned(),
            request_id: format!("r{at_ms}"),
            address: address.to_owned(),
            changes: Vec::new(),
        }
    }

    fn shown(entries: &[Entry]) -> Vec<(&str, &str, &str)> {
        entries.iter().map(|one| (one.address.as_str(), one.object.as_str(), one.result.as_str())).collect()
    }

    #[test]
    fn the_first_is_recorded_and_the_rest_is_counted() {
        let mut buckets = Buckets::default();
        assert!(buckets.take(entry(0, "192.0.2.1", "user/ada")).is_some());
        for at in 1..=40 {
            assert!(buckets.take(entry(at, "192.0.2.1", "user/ada")).is_none());
        }
        assert!(buckets.take(entry(41, "192.0.2.2", "user/ada")).is_some(), "another address");
        assert!(
            buckets.take(Entry { what: "setup".to_owned(), ..entry(42, "192.0.2.1", "portal") }).is_some()
        );
        assert!(buckets.close(59_999).is_empty(), "the minute is not over");
        assert_eq!(shown(&buckets.close(60_000)), [("192.0.2.1", "user/ada", "sign-in-failed ×40")]);
        assert!(buckets.close_all().is_empty());
        assert!(buckets.take(entry(60_001, "192.0.2.1", "user/ada")).is_some(), "another minute");
    }

    #[test]
    fn many_names_and_neighbouring_addresses_are_one() {
        let mut buckets = Buckets::default();
        let first = entry(0, "2001:db8::1", "user/ada");
        assert_eq!(buckets.take(first.clone()).map(|entry| entry.address), Some(first.address));
        for (at, name) in ["ada", "bob", "eve"].into_iter().enumerate() {
            let address = format!("2001:db8::ffff:{at}");
            assert!(buckets.take(entry(1, &address, &format!("user/{name}"))).is_none());
        }
        assert!(buckets.take(entry(2, "2001:db8:0:1::1", "user/ada")).is_some());
        assert_eq!(shown(&buckets.close_all()), [("2001:db8::1", "user", "sign-in-failed ×3")]);
    }

    #[test]
    fn a_flood_from_everywhere_is_bounded() {
        let mut buckets = Buckets::default();
        let recorded = (0..5_000).filter(|n| buckets.take(entry(1, &format!("a{n}"), "user/ada")).is_some());
        assert_eq!(recorded.count(), BUCKETS_MAX);
        assert_eq!(shown(&buckets.close_all()), [("", "user/ada", "sign-in-failed ×4000")]);
    }
}
