//! What a profile must fulfil before a block is made of it.
//!
//! Nodes would find most of this too, but only after they were started; here the caller hears it at once and
//! with the name of what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::{ApplicationOrg, Batch, ChannelProfile, Consensus, FabricVersion, OrdererOrg, VerifyError};
use crate::{material::chain, msp::Msp};

/// Names in a configuration and of channels.
pub(super) const NAME_CHARS_MAX: usize = 249;
const HOST_CHARS_MAX: usize = 253;
/// A block must stay below the 100 MB that nodes accept in one message.
const BATCH_BYTES_MAX: u32 = 99 * 1024 * 1024;
const RAFT_SIZES: [usize; 3] = [1, 3, 5];
const BFT_SIZES: [usize; 2] = [4, 7];

/// Why a profile does not become a block.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GenesisError {
    #[error("{0:?} is not a channel name")]
    Channel(String),
    #[error("{0:?} is not an MSP ID")]
    MspId(String),
    #[error("the organization {0} stands twice in the channel, or with different certificates")]
    Duplicate(String),
    #[error("a channel needs at least one ordering and one application organization")]
    NoOrganization,
    #[error("the certificate authorities of {msp_id} cannot be used: {reason}")]
    Authority { msp_id: String, reason: chain::ChainError },
    #[error("the ordering organization {0} has no endpoint")]
    NoEndpoint(String),
    #[error("{0:?} is not host:port")]
    Address(String),
    #[error("{0} consenters are not possible with this consensus")]
    ConsenterCount(usize),
    #[error("this consensus needs Fabric 3")]
    Version,
    #[error("two consenters share an id, an address or a certificate")]
    ConsenterDuplicate,
    #[error("the certificate of the consenter {address} cannot be used: {reason}")]
    ConsenterCertificate { address: String, reason: chain::ChainError },
    #[error("the bounds of a batch are zero, too large or contradict each other")]
    Batch,
    #[error("the block would be refused: {0}")]
    Refused(#[from] VerifyError),
}

pub(super) fn profile(profile: &ChannelProfile) -> Result<(), GenesisError> {
    if !is_channel_name(&profile.channel) {
        return Err(GenesisError::Channel(profile.channel.clone()));
    }
    organizations(&profile.orderer_orgs, &profile.application_orgs)?;
    batch(&profile.batch)?;
    match &profile.consensus {
        Consensus::Raft(consenters) => {
            count(consenters.len(), &RAFT_SIZES)?;
            let tls: Vec<_> = consenters
                .iter()
                .map(|one| (address(&one.host, one.port), &one.client_tls_pem, &one.server_tls_pem))
                .collect();
            tls_certificates(&tls, &profile.orderer_orgs)
        }
        Consensus::Bft(_) => bft(profile),
    }
}

fn bft(profile: &ChannelProfile) -> Result<(), GenesisError> {
    let Consensus::Bft(consenters) = &profile.consensus else { return Ok(()) };
    if profile.version != FabricVersion::V3 {
        return Err(GenesisError::Version);
    }
    count(consenters.len(), &BFT_SIZES)?;
    let ids: BTreeSet<u32> = consenters.iter().map(|one| one.id).collect();
    if ids.len() != consenters.len() || ids.contains(&0) {
        return Err(GenesisError::ConsenterDuplicate);
    }
    for one in consenters {
        let org = profile.orderer_orgs.iter().find(|org| org.msp.msp_id == one.msp_id);
        let org = org.ok_or_else(|| GenesisError::MspId(one.msp_id.clone()))?;
        chain::check(&one.identity_pem, &[&org.msp.ca_cert_pem])
            .map_err(|reason| certificate(address(&one.host, one.port), reason))?;
    }
    let tls: Vec<_> = consenters
        .iter()
        .map(|one| (address(&one.host, one.port), &one.client_tls_pem, &one.server_tls_pem))
        .collect();
    tls_certificates(&tls, &profile.orderer_orgs)
}

fn count(consenters: usize, allowed: &[usize]) -> Result<(), GenesisError> {
    if allowed.contains(&consenters) { Ok(()) } else { Err(GenesisError::ConsenterCount(consenters)) }
}

/// Every consenter has its own address and certificate, issued by one of the ordering organizations.
fn tls_certificates(
    consenters: &[(String, &String, &String)],
    orgs: &[OrdererOrg],
) -> Result<(), GenesisError> {
    let authorities: Vec<&str> = orgs.iter().map(|org| org.msp.tls_ca_cert_pem.as_str()).collect();
    let mut addresses = BTreeSet::new();
    let mut certificates = BTreeSet::new();
    for (address, client, server) in consenters {
        is_address(address)?;
        for pem in [client, server] {
            chain::check(pem, &authorities).map_err(|reason| certificate(address.clone(), reason))?;
        }
        // One certificate may serve both ends of the same consenter.
        let own: BTreeSet<&str> = [client.trim(), server.trim()].into();
        if !addresses.insert(address) || own.into_iter().any(|pem| !certificates.insert(pem)) {
            return Err(GenesisError::ConsenterDuplicate);
        }
    }
    Ok(())
}

fn certificate(address: String, reason: chain::ChainError) -> GenesisError {
    GenesisError::ConsenterCertificate { address, reason }
}

fn organizations(orderers: &[OrdererOrg], applications: &[ApplicationOrg]) -> Result<(), GenesisError> {
    if orderers.is_empty() || applications.is_empty() {
        return Err(GenesisError::NoOrganization);
    }
    let orderer_msps = distinct(orderers.iter().map(|org| &org.msp))?;
    let application_msps = distinct(applications.iter().map(|org| &org.msp))?;
    for (id, msp) in &application_msps {
        // An organization may run both, but then it is one and the same.
        if orderer_msps.get(id).is_some_and(|other| other != msp) {
            return Err(GenesisError::Duplicate((*id).to_owned()));
        }
    }
    for org in orderers {
        if org.endpoints.is_empty() {
            return Err(GenesisError::NoEndpoint(org.msp.msp_id.clone()));
        }
        org.endpoints.iter().try_for_each(|endpoint| is_address(endpoint))?;
    }
    let anchors = applications.iter().flat_map(|org| &org.anchor_peers);
    anchors.into_iter().try_for_each(|(host, port)| is_address(&address(host, *port)))
}

fn distinct<'a>(msps: impl Iterator<Item = &'a Msp>) -> Result<BTreeMap<&'a str, &'a Msp>, GenesisError> {
    let mut seen = BTreeMap::new();
    for msp in msps {
        if !is_config_key(&msp.msp_id) {
            return Err(GenesisError::MspId(msp.msp_id.clone()));
        }
        for pem in [&msp.ca_cert_pem, &msp.tls_ca_cert_pem] {
            chain::check_authority(pem)
                .map_err(|reason| GenesisError::Authority { msp_id: msp.msp_id.clone(), reason })?;
        }
        if seen.insert(msp.msp_id.as_str(), msp).is_some() {
            return Err(GenesisError::Duplicate(msp.msp_id.clone()));
        }
    }
    Ok(seen)
}

fn batch(batch: &Batch) -> Result<(), GenesisError> {
    let counts = [batch.timeout_ms, batch.max_messages, batch.preferred_max_bytes];
    let fits = batch.preferred_max_bytes <= batch.absolute_max_bytes
        && batch.absolute_max_bytes <= BATCH_BYTES_MAX
        && batch.max_messages <= batch.absolute_max_bytes;
    if fits && !counts.contains(&0) { Ok(()) } else { Err(GenesisError::Batch) }
}

pub(super) fn is_channel_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    name.len() <= NAME_CHARS_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(allowed)
}

/// A name that a group, value or policy may have.
pub(super) fn is_config_key(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let length = name.len();
    (1..=NAME_CHARS_MAX).contains(&length) && name != "." && name != ".." && name.chars().all(allowed)
}

fn address(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

fn is_address(text: &str) -> Result<(), GenesisError> {
    let refused = || GenesisError::Address(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(refused)?;
    let port: u16 = port.parse().map_err(|_| refused())?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    let valid = port != 0 && (1..=HOST_CHARS_MAX).contains(&host.len()) && host.chars().all(allowed);
    if valid { Ok(()) } else { Err(refused()) }
}
