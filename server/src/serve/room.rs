//! How much of the portal's connections and of its time one peer may take.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::network::Network;

/// Most connections at a time; further ones wait.
const CONNECTIONS: usize = 1_024;
/// Most connections of one address: several offices' worth of browsers behind one router.
const OF_ADDRESS: usize = 256;
/// The same for this machine and for a trusted proxy, behind which there are many people.
const OF_NEAR: usize = 768;
/// Time for a handshake, and for the head of a request.
const HEAD: Duration = Duration::from_secs(10);
/// Longest wait for the next piece of a body.
const BODY: Duration = Duration::from_secs(30);
/// Longest time without a request.
const IDLE: Duration = Duration::from_secs(120);
/// Bits of an IPv6 address that whoever holds it can choose freely.
const OWN_BITS: u32 = 64;

/// What peers may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most connections at a time; further ones wait.
    pub connections: usize,
    /// Most connections of one address; further ones are closed.
    pub of_address: usize,
    /// The same for this machine and for each trusted proxy.
    pub of_near: usize,
    /// The trusted proxies.
    pub proxies: Vec<Network>,
    /// Time for a handshake, and for the head of a request.
    pub head: Duration,
    /// Longest wait for the next piece of a body.
    pub body: Duration,
    /// Longest time without a request.
    pub idle: Duration,
}

impl Limits {
    /// The limits of a portal behind these proxies.
    pub fn behind(proxies: Vec<Network>) -> Self {
        Self {
            connections: CONNECTIONS,
            of_address: OF_ADDRESS,
            of_near: OF_NEAR,
            proxies,
            head: HEAD,
            body: BODY,
            idle: IDLE,
        }
    }

    /// Most connections of an address.
    pub fn of(&self, address: IpAddr) -> usize {
        let address = address.to_canonical();
        let is_near = address.is_loopback() || self.proxies.iter().any(|proxy| proxy.contains(address));
        if is_near { self.of_near } else { self.of_address }
    }
}

/// Connections that are open, by where they come from.
#[derive(Clone, Debug, Default)]
pub struct Rooms {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// The place of one connection; free again when it is dropped.
#[derive(Debug)]
pub struct Seat {
    rooms: Rooms,
    of: IpAddr,
}

impl Rooms {
    /// A place for a connection, unless its address has as many as it may.
    pub fn seat(&self, address: IpAddr, most: usize) -> Option<Seat> {
        let of = sender(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(of).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { rooms: self.clone(), of })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.rooms.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let left = taken.get(&self.of).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            taken.remove(&self.of);
        } else {
            taken.insert(self.of, left);
        }
    }
}

/// What stands for all addresses that one and the same sender may use.
fn sender(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> OWN_BITS << OWN_BITS).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_no_more() {
        let rooms = Rooms::default();
        let seat = |address: &str| rooms.seat(address.parse().unwrap(), 2);
        let (first, second) = (seat("192.0.2.1").unwrap(), seat("::ffff:192.0.2.1").unwrap());
        assert!(seat("192.0.2.1").is_none());
        let other = seat("192.0.2.2").unwrap();
        drop(first);
        let third = seat("192.0.2.1").unwrap();
        assert!(seat("192.0.2.1").is_none());
        let network = [seat("2001:db8::1").unwrap(), seat("2001:db8::ffff:2").unwrap()];
        assert!(seat("2001:db8::3").is_none(), "whoever has a network has its addresses");
        assert!(seat("2001:db8:0:1::1").is_some());
        drop((second, third, other, network));
        assert!(rooms.taken.lock().unwrap().is_empty(), "who is gone is forgotten");
    }

    #[test]
    fn this_machine_and_proxies_have_more() {
        let limits = Limits::behind(vec!["10.1.0.0/16".parse().unwrap()]);
        let of = |address: &str| limits.of(address.parse().unwrap());
        for near in ["127.0.0.1", "127.0.0.2", "::1", "10.1.2.3", "::ffff:10.1.2.3"] {
            assert_eq!(of(near), OF_NEAR, "{near}");
        }
        assert_eq!((of("10.2.0.1"), of("2001:db8::1")), (OF_ADDRESS, OF_ADDRESS));
        assert!(OF_NEAR < limits.connections, "nobody has all of them");
    }
}
