//! A range of private IPv4 addresses, from which a host's networks take theirs. Pure arithmetic; it must never ask
//! a host what is in use.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};

/// The default range: private, and far from what engines and home routers take by themselves.
const DEFAULT: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 213, 0, 0), 16);
/// A larger range than this is a mistake.
const PREFIX_MIN: u8 = 8;
/// A smaller network than this holds no node.
const PREFIX_MAX: u8 = 30;

/// `10.213.0.0/16`: a first address and how many of its bits all addresses share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    first: u32,
    prefix: u8,
}

impl Default for Subnet {
    fn default() -> Self {
        Self { first: u32::from(DEFAULT.0), prefix: DEFAULT.1 }
    }
}

impl Subnet {
    /// Reads a private range; bits behind the prefix must be zero.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let malformed = || Error::invalid(Code::NetworkRangeMalformed).with("text", text);
        let subnet = Self::read(text.trim()).ok_or_else(malformed)?;
        subnet.is_private().then_some(subnet).ok_or_else(malformed)
    }

    /// Reads whatever an engine says, public ranges included; bits behind the prefix are dropped.
    pub fn observed(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let (address, prefix): (Ipv4Addr, u8) = (address.parse().ok()?, prefix.parse().ok()?);
        (prefix <= 32).then(|| Self { first: u32::from(address) & mask(prefix), prefix })
    }

    fn read(text: &str) -> Option<Self> {
        let subnet = Self::observed(text)?;
        let whole = text.split_once('/').and_then(|(address, _)| address.parse::<Ipv4Addr>().ok());
        let exact = whole.is_some_and(|address| u32::from(address) == subnet.first);
        (exact && (PREFIX_MIN..=PREFIX_MAX).contains(&subnet.prefix)).then_some(subnet)
    }

    fn is_private(self) -> bool {
        let ends = [self.first, self.last()].map(Ipv4Addr::from);
        let shared = |at: Ipv4Addr| at.octets()[0] == 100 && (64..128).contains(&at.octets()[1]);
        ends.iter().all(Ipv4Addr::is_private) || ends.into_iter().all(shared)
    }

    fn last(self) -> u32 {
        self.first | !mask(self.prefix)
    }

    /// Its first address that a machine can have: the gateway's, by custom.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from(self.first.saturating_add(1))
    }

    /// How many bits all of its addresses share.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether any address is in both.
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last() && other.first <= self.last()
    }

    /// Its parts of a smaller size, lowest first; none if that size is not smaller.
    pub fn parts(self, prefix: u8) -> impl Iterator<Item = Self> {
        let fits = prefix >= self.prefix && prefix <= 32;
        let count = if fits { 1_u64 << (prefix - self.prefix) } else { 0 };
        let size = 1_u64 << (32 - u32::from(prefix.min(32)));
        let base = u64::from(self.first);
        (0..count)
            .filter_map(move |n| u32::try_from(base + n * size).ok().map(|first| Self { first, prefix }))
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.first), self.prefix)
    }
}

impl TryFrom<String> for Subnet {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_private_ranges_with_clean_ends_are_read() {
        for text in ["10.0.0.0/8", "10.213.0.0/16", "172.20.0.0/14", "192.168.7.0/24", "100.64.0.0/10"] {
            assert_eq!(Subnet::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "10.0.0.0",
            "10.0.0.0/7",
            "10.0.0.1/24",
            "10.0.0.0/31",
            "10.0.0.0/99",
            "8.8.8.0/24",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "224.0.0.0/8",
            "172.0.0.0/8",
            "fd00::/64",
            "10.0.0.0/-1",
        ] {
            assert_eq!(Subnet::parse(text).unwrap_err().code, Code::NetworkRangeMalformed, "{text}");
        }
    }

    #[test]
    fn parts_are_in_order_disjoint_and_fill_the_whole() {
        let whole = Subnet::parse("192.168.4.0/22").unwrap();
        let parts: Vec<String> = whole.parts(24).map(|part| part.to_string()).collect();
        assert_eq!(parts, ["192.168.4.0/24", "192.168.5.0/24", "192.168.6.0/24", "192.168.7.0/24"]);
        let all: Vec<Subnet> = whole.parts(26).collect();
        assert_eq!(all.len(), 16);
        for (index, part) in all.iter().enumerate() {
            assert!(part.overlaps(whole));
            assert!(all.iter().skip(index + 1).all(|other| !part.overlaps(*other)));
        }
        assert_eq!(parts.len(), 4);
        assert_eq!(all[1].gateway().to_string(), "192.168.4.65");
        assert_eq!(whole.parts(20).count(), 0);
        assert_eq!(whole.parts(22).collect::<Vec<_>>(), [whole]);
    }

    #[test]
    fn what_an_engine_says_is_read_without_judging_it() {
        let seen = Subnet::observed("172.17.0.1/16").unwrap();
        assert_eq!(seen.to_string(), "172.17.0.0/16");
        assert!(Subnet::observed("0.0.0.0/0").unwrap().overlaps(seen));
        assert_eq!(Subnet::observed("fd00::/64"), None);
        assert_eq!(Subnet::observed("10.0.0.0/33"), None);
    }

    #[test]
    fn it_travels_as_text() {
        let text = serde_json::to_string(&Subnet::default()).unwrap();
        assert_eq!(text, "\"10.213.0.0/16\"");
        assert_eq!(serde_json::from_str::<Subnet>(&text).unwrap(), Subnet::default());
        assert!(serde_json::from_str::<Subnet>("\"8.8.8.0/24\"").is_err());
    }
}
