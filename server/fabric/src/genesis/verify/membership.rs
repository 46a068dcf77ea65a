//! The organizations of a first block and their ordering nodes: whether nodes could trust them.

use std::collections::BTreeSet;

use prost::Message;

use super::{ConsenterFacts, VerifyError, value};
use crate::{
    material::chain,
    proto::channel::{ConfigGroup, FabricMspConfig, MspConfig, Orderers, etcdraft::Consenter},
};

/// An organization as the channel knows it.
pub(super) struct Member {
    pub(super) msp_id: String,
    path: String,
    /// The whole value, to be compared.
    config: MspConfig,
    /// PEM.
    authorities: Vec<String>,
    /// PEM.
    tls_authorities: Vec<String>,
}

/// The half of a membership that signs. It has no place in a channel, where everybody would read the key.
#[derive(Clone, PartialEq, prost::Message)]
struct Signing {
    #[prost(bytes = "vec", optional, tag = "6")]
    identity: Option<Vec<u8>>,
}

/// A section's organizations; each has a membership of its own that nodes accept.
pub(super) fn organizations(path: &str, section: &ConfigGroup) -> Result<Vec<Member>, VerifyError> {
    let mut members: Vec<Member> = Vec::with_capacity(section.groups.len());
    for (name, org) in &section.groups {
        let path = format!("{path}/{name}");
        let config: MspConfig = value(&path, org, "MSP")?;
        let member = member(&path, config).ok_or_else(|| VerifyError::Invalid(format!("{path}/MSP")))?;
        if members.iter().any(|other| other.msp_id == member.msp_id) {
            return Err(VerifyError::Invalid(format!("{path}/MSP")));
        }
        members.push(member);
    }
    if members.is_empty() { Err(VerifyError::Missing(format!("{path}: organizations"))) } else { Ok(members) }
}

fn member(path: &str, config: MspConfig) -> Option<Member> {
    let bytes = config.config.as_slice();
    let msp = FabricMspConfig::decode(bytes).ok()?;
    let is_public = Signing::decode(bytes).is_ok_and(|signing| signing.identity.is_none());
    // Without a unit that makes an admin, admins must be listed.
    let has_admins = !msp.admins.is_empty()
        || msp.fabric_node_ous.as_ref().is_some_and(|ous| ous.enable && ous.admin_ou_identifier.is_some());
    if config.r#type != 0 || msp.name.is_empty() || msp.root_certs.is_empty() || !is_public || !has_admins {
        return None;
    }
    Some(Member {
        path: path.to_owned(),
        authorities: authorities([msp.root_certs, msp.intermediate_certs].concat())?,
        tls_authorities: authorities([msp.tls_root_certs, msp.tls_intermediate_certs].concat())?,
        msp_id: msp.name,
        config,
    })
}

/// Certificates of authorities with a key identifier, each once: two alike would make two ways to one identity.
fn authorities(list: Vec<Vec<u8>>) -> Option<Vec<String>> {
    let mut authorities: Vec<String> = Vec::with_capacity(list.len());
    for bytes in list {
        let pem = String::from_utf8(bytes).ok()?;
        chain::check_authority(&pem).ok()?;
        if authorities.iter().any(|other| other.trim() == pem.trim()) {
            return None;
        }
        authorities.push(pem);
    }
    Some(authorities)
}

/// An organization that runs both kinds of nodes is one and the same in both sections.
pub(super) fn same_in_both(orderers: &[Member], applications: &[Member]) -> Result<(), VerifyError> {
    for member in applications {
        let other = orderers.iter().find(|other| other.msp_id == member.msp_id);
        if other.is_some_and(|other| other.config != member.config) {
            return Err(VerifyError::Invalid(format!("{}/MSP", member.path)));
        }
    }
    Ok(())
}

/// At least one consenter; each has certificates that no other one has, issued by one of the ordering organizations. Both
/// ways to agree list the same of them, which is all that a consenter of Raft is.
pub(super) fn consenters(seats: Vec<Consenter>, orderers: &[Member]) -> Option<Vec<ConsenterFacts>> {
    let authorities: Vec<&str> =
        orderers.iter().flat_map(|member| &member.tls_authorities).map(String::as_str).collect();
    let mut certificates = BTreeSet::new();
    let mut facts = Vec::with_capacity(seats.len());
    for seat in seats {
        let client = String::from_utf8(seat.client_tls_cert).ok()?;
        let server = String::from_utf8(seat.server_tls_cert).ok()?;
        chain::check(&client, &authorities).ok()?;
        chain::check(&server, &authorities).ok()?;
        // One certificate may serve both ends of the same consenter.
        let own = BTreeSet::from([client.trim().to_owned(), server.trim().to_owned()]);
        let is_reachable = !seat.host.is_empty() && u16::try_from(seat.port).is_ok_and(|port| port != 0);
        if !is_reachable || own.into_iter().any(|pem| !certificates.insert(pem)) {
            return None;
        }
        facts.push(ConsenterFacts { host: seat.host, port: seat.port, server_tls_pem: server });
    }
    if facts.is_empty() { None } else { Some(facts) }
}

/// Whoever signs blocks has a number of its own, and belongs to an ordering organization.
pub(super) fn are_signers(mapping: &Orderers, orderers: &[Member]) -> bool {
    let list = &mapping.consenter_mapping;
    let ids: BTreeSet<u32> = list.iter().map(|one| one.id).collect();
    let belongs = |msp_id: &str, identity: &[u8]| {
        let member = orderers.iter().find(|member| member.msp_id == msp_id);
        let authorities: Vec<&str> =
            member.into_iter().flat_map(|member| &member.authorities).map(String::as_str).collect();
        std::str::from_utf8(identity).is_ok_and(|pem| chain::check(pem, &authorities).is_ok())
    };
    ids.len() == list.len() && !ids.contains(&0) && list.iter().all(|one| belongs(&one.msp_id, &one.identity))
}
