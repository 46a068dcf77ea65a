//! Which addresses the portal never calls, although an admin typed them.
//!
//! A portal that calls whatever it is told can be used to reach what only it can reach: itself, or a cloud's
//! metadata service. Names are resolved once, every address that a name has is checked, and the connection goes
//! to the checked address, so that a name cannot change its meaning in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use domain::network::Network;

use crate::{ProbeFailure, ProbeStage, Remedy};

/// Name resolution that takes longer has failed.
const RESOLVE_MAX: Duration = Duration::from_secs(5);

/// Names under which clouds serve metadata.
const METADATA_NAMES: [&str; 5] =
    ["metadata", "metadata.google.internal", "metadata.goog", "instance-data", "instance-data.ec2.internal"];

/// Metadata services outside of the link-local ranges (Alibaba, Azure, Oracle).
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// The same over IPv6 (Amazon's two, Google, Oracle).
const METADATA_V6: [Ipv6Addr; 4] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// What the portal's configuration says about the addresses of engines.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    /// Whether this machine itself may be called.
    pub(crate) loopback: bool,
    /// The only networks that are called; empty: every one.
    pub(crate) networks: Vec<Network>,
}

impl Allowed {
    /// Says why an address is not called; `None` when it may be.
    pub(crate) fn refusal(&self, address: IpAddr) -> Option<&'static str> {
        let named = self.networks.is_empty() || self.networks.iter().any(|one| one.contains(address));
        denied(address, self.loopback).or((!named).then_some("is in no network of --engine-networks"))
    }
}

/// Says why an address is never called; `None` when it may be.
pub(crate) fn denied(address: IpAddr, allow_loopback: bool) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => denied_v4(v4, allow_loopback),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => denied_v4(v4, allow_loopback),
            None => denied_v6(v6, allow_loopback),
        },
    }
}

fn denied_v4(address: Ipv4Addr, allow_loopback: bool) -> Option<&'static str> {
    let first = address.octets()[0];
    if first == 0 {
        return Some("is in 0.0.0.0/8");
    }
    if address.is_loopback() {
        return (!allow_loopback).then_some("is a loopback address");
    }
    if address.is_link_local() {
        return Some("is link-local");
    }
    if first >= 224 {
        return Some("is multicast, reserved or broadcast");
    }
    METADATA_V4.contains(&address).then_some("is a metadata service")
}

fn denied_v6(address: Ipv6Addr, allow_loopback: bool) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some("is unspecified");
    }
    if address.is_loopback() {
        return (!allow_loopback).then_some("is a loopback address");
    }
    if address.is_unicast_link_local() {
        return Some("is link-local");
    }
    if address.is_multicast() {
        return Some("is multicast");
    }
    METADATA_V6.contains(&address).then_some("is a metadata service")
}

/// The IPv4 address that an IPv6 one stands for: mapped, translated (::ffff:0:0:0/96), NAT64 (64:ff9b::/96, and of a site
/// of its own in 64:ff9b:1::/48), 6to4 (2002::/16) or compatible.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let words = address.segments();
    let octets = address.octets();
    let last = Ipv4Addr::new(octets[12], octets[13], octets[14], octets[15]);
    if words[..5] == [0; 5] && words[5] == 0xffff {
        return Some(last);
    }
    let is_translated = words[..6] == [0, 0, 0, 0, 0xffff, 0];
    if is_translated || words[..6] == [0x64, 0xff9b, 0, 0, 0, 0] || words[..3] == [0x64, 0xff9b, 1] {
        return Some(last);
    }
    if words[0] == 0x2002 {
        return Some(Ipv4Addr::new(octets[2], octets[3], octets[4], octets[5]));
    }
    // `::` and `::1` have their own meaning; anything else there is an IPv4-compatible address.
    (words[..6] == [0; 6] && !address.is_unspecified() && !address.is_loopback()).then_some(last)
}

/// Resolves a host name or address and checks every address it has.
pub(crate) async fn resolve(
    address: &str,
    port: u16,
    allowed: &Allowed,
) -> Result<Vec<SocketAddr>, ProbeFailure> {
    let fail = |remedy, message: String| ProbeFailure::at(ProbeStage::Address, remedy, message);
    let name = address.trim_start_matches('[').trim_end_matches(']');
    if name.is_empty() || port == 0 || name.contains(['/', '@', ' ', '?', '#', '%']) {
        return Err(fail(Remedy::CorrectAddress, format!("{address:?} port {port} is not an address")));
    }
    if METADATA_NAMES.contains(&name.trim_end_matches('.').to_ascii_lowercase().as_str()) {
        return Err(fail(Remedy::UseOtherAddress, format!("{name} is a metadata service")));
    }
    let found: Vec<SocketAddr> = match name.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => match tokio::time::timeout(RESOLVE_MAX, tokio::net::lookup_host((name, port))).await {
            Ok(Ok(found)) => found.take(16).collect(),
            Ok(Err(error)) => {
                return Err(fail(Remedy::CheckName, format!("{name} does not resolve: {error}")));
            }
            Err(_) => return Err(fail(Remedy::CheckName, format!("{name} does not resolve in time"))),
        },
    };
    if found.is_empty() {
        return Err(fail(Remedy::CheckName, format!("{name} has no address")));
    }
    for at in &found {
        if let Some(why) = allowed.refusal(at.ip()) {
            return Err(fail(Remedy::UseOtherAddress, format!("{} {why}", at.ip())));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, allowed: bool) {
        let ip: IpAddr = address.parse().unwrap();
        assert_eq!(denied(ip, false).is_none(), allowed, "{address}");
    }

    /// What nobody is led to by an address that an admin types, in whatever way it is written.
    const NEVER: [&str; 62] = [
        // "This" network, loopback, link-local, multicast, reserved, broadcast.
        "0.0.0.0",
        "0.1.2.3",
        "0.255.255.255",
        "127.0.0.1",
        "127.0.0.53",
        "127.1.2.3",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.255.254",
        "224.0.0.1",
        "224.0.0.251",
        "239.1.1.1",
        "239.255.255.250",
        "240.0.0.1",
        "254.1.2.3",
        "255.255.255.255",
        // Metadata of clouds.
        "169.254.169.254",
        "169.254.169.253",
        "169.254.169.123",
        "169.254.170.2",
        "169.254.170.23",
        "169.254.42.42",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fe80::a9fe:a9fe",
        // The same kinds over IPv6.
        "::",
        "::1",
        "0:0:0:0:0:0:0:1",
        "fe80::1",
        "fe80::ffff:ffff:ffff:ffff",
        "febf::1",
        "ff01::1",
        "ff02::1",
        "ff02::fb",
        "ff05::1:3",
        "ff0e::1",
        // IPv4 addresses inside of IPv6 ones.
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "::ffff:0.0.0.0",
        "::ffff:224.0.0.1",
        "::ffff:100.100.100.200",
        "::ffff:0:127.0.0.1",
        "::ffff:0:a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::6464:64c8",
        "64:ff9b:1::127.0.0.1",
        "64:ff9b:1:7::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:e000:1::1",
        "2002:a83f:8110::1",
        "::127.0.0.1",
        "::169.254.169.254",
        "::224.0.0.1",
    ];

    #[tokio::test]
    async fn v1_3_6_addresses_that_are_never_called() {
        let allowed = Allowed::default();
        for address in NEVER {
            check(address, false);
            let failure = resolve(address, 2376, &allowed).await.unwrap_err();
            assert_eq!(failure.remedy, Remedy::UseOtherAddress, "{address}");
        }
        // Spellings that only a resolver reads: it reads them as an address, or not at all.
        for address in ["127.1", "2130706433", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "2852039166", "0"] {
            assert!(resolve(address, 2376, &allowed).await.is_err(), "{address}");
        }
        // No network that is named opens them.
        let everything = ["0.0.0.0/0", "::/0"].map(|text| text.parse::<Network>().unwrap());
        let allowed = Allowed { loopback: false, networks: everything.to_vec() };
        for address in NEVER {
            assert!(allowed.refusal(address.parse().unwrap()).is_some(), "{address}");
        }
    }

    #[test]
    fn private_and_public_addresses_are_legitimate() {
        for address in [
            "10.0.0.1",
            "172.16.5.4",
            "192.168.1.1",
            "100.64.0.1",
            "198.51.100.7",
            "8.8.8.8",
            "223.255.255.254",
            "fd00::1",
            "2001:db8::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a00:1",
            "2002:a00:1::1",
            "fd00:ec2::1",
        ] {
            check(address, true);
        }
    }

    #[test]
    fn loopback_is_allowed_only_by_option_and_nothing_else_with_it() {
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(denied(address.parse().unwrap(), true), None, "{address}");
        }
        for address in ["169.254.169.254", "0.0.0.0", "fe80::1"] {
            assert!(denied(address.parse().unwrap(), true).is_some(), "{address}");
        }
    }

    #[tokio::test]
    async fn bad_addresses_fail_at_the_address_stage_with_their_remedy() {
        let failure = async |address: &str, port| {
            let failure = resolve(address, port, &Allowed::default()).await.unwrap_err();
            assert_eq!(failure.stage, ProbeStage::Address, "{address}");
            failure.remedy
        };
        assert_eq!(failure("", 2376).await, Remedy::CorrectAddress);
        assert_eq!(failure("tcp://host", 2376).await, Remedy::CorrectAddress);
        assert_eq!(failure("user@host", 2376).await, Remedy::CorrectAddress);
        assert_eq!(failure("10.0.0.1", 0).await, Remedy::CorrectAddress);
        assert_eq!(failure("Metadata.Google.Internal.", 2376).await, Remedy::UseOtherAddress);
        assert_eq!(failure("169.254.169.254", 80).await, Remedy::UseOtherAddress);
        assert_eq!(failure("[::1]", 2376).await, Remedy::UseOtherAddress);
        assert_eq!(failure("localhost", 2376).await, Remedy::UseOtherAddress);
        assert_eq!(failure("does-not-exist.invalid", 2376).await, Remedy::CheckName);
        assert!(resolve("10.1.2.3", 2376, &Allowed::default()).await.is_ok());
    }

    #[tokio::test]
    async fn where_networks_are_named_no_other_is_called() {
        let networks = ["10.0.0.0/8", "192.0.2.7", "169.254.0.0/16", "2001:db8::/32"];
        let networks = networks.iter().map(|text| text.parse::<Network>().unwrap()).collect();
        let allowed = Allowed { loopback: false, networks };
        for address in ["10.9.9.9", "192.0.2.7", "2001:db8::1", "::ffff:10.0.0.1"] {
            assert_eq!(allowed.refusal(address.parse().unwrap()), None, "{address}");
            assert!(resolve(address, 2376, &allowed).await.is_ok(), "{address}");
        }
        // What is never called stays so, whatever is named.
        for address in
            ["11.0.0.1", "192.0.2.8", "2001:db9::1", "64:ff9b::a00:1", "169.254.169.254", "127.0.0.1"]
        {
            let failure = resolve(address, 2376, &allowed).await.unwrap_err();
            assert_eq!(failure.remedy, Remedy::UseOtherAddress, "{address}");
        }
    }
}
