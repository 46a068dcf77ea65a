//! Values of the ordering service: consensus type, options, consenters and who must sign a block.
//!
//! Options are Fabric's defaults (`sampleconfig/configtx.yaml`).

use prost::Message;

use super::{Batch, BftConsenter, ChannelProfile, Consensus, RaftConsenter};
use crate::{
    material::pem,
    policy,
    proto::channel::{
        ConsensusState, ConsensusType, Consenter, Orderers, SerializedIdentity, SignaturePolicyEnvelope,
        etcdraft, smartbft,
    },
};

pub(crate) const CONSENSUS_RAFT: &str = "etcdraft";
pub(crate) const CONSENSUS_BFT: &str = "BFT";

pub(super) fn consensus_type(profile: &ChannelProfile) -> ConsensusType {
    let (name, metadata) = match &profile.consensus {
        Consensus::Raft(consenters) => (CONSENSUS_RAFT, raft(consenters).encode_to_vec()),
        Consensus::Bft(_) => (CONSENSUS_BFT, bft(&profile.batch).encode_to_vec()),
    };
    ConsensusType { r#type: name.into(), metadata, state: ConsensusState::Normal.into() }
}

fn raft(consenters: &[RaftConsenter]) -> etcdraft::ConfigMetadata {
    let consenters = consenters.iter().map(|consenter| etcdraft::Consenter {
        host: consenter.host.clone(),
        port: u32::from(consenter.port),
        client_tls_cert: certificate(&consenter.client_tls_pem),
        server_tls_cert: certificate(&consenter.server_tls_pem),
    });
    etcdraft::ConfigMetadata {
        consenters: consenters.collect(),
        options: Some(etcdraft::Options {
            tick_interval: "500ms".into(),
            election_tick: 10,
            heartbeat_tick: 1,
            max_inflight_blocks: 5,
            snapshot_interval_size: 16 * 1024 * 1024,
        }),
    }
}

/// SmartBFT cuts blocks itself, so the batch's bounds are its options.
fn bft(batch: &Batch) -> smartbft::Options {
    smartbft::Options {
        request_batch_max_count: u64::from(batch.max_messages),
        request_batch_max_bytes: u64::from(batch.absolute_max_bytes),
        request_batch_max_interval: go_duration(batch.timeout_ms),
        incoming_message_buffer_size: 200,
        request_pool_size: 400,
        request_forward_timeout: "2s".into(),
        request_complain_timeout: "20s".into(),
        request_auto_remove_timeout: "3m0s".into(),
        request_max_bytes: u64::from(batch.absolute_max_bytes),
        view_change_resend_interval: "5s".into(),
        view_change_timeout: "20s".into(),
        leader_heartbeat_timeout: "1m0s".into(),
        leader_heartbeat_count: 10,
        collect_timeout: "1s".into(),
        sync_on_start: false,
        speed_up_view_change: false,
        leader_rotation: smartbft::Rotation::Off.into(),
        decisions_per_leader: 0,
    }
}

/// The value `Orderers`.
pub(super) fn mapping(consenters: &[BftConsenter]) -> Orderers {
    let consenters = consenters.iter().map(|consenter| Consenter {
        id: consenter.id,
        host: consenter.host.clone(),
        port: u32::from(consenter.port),
        msp_id: consenter.msp_id.clone(),
        identity: certificate(&consenter.identity_pem),
        client_tls_cert: certificate(&consenter.client_tls_pem),
        server_tls_cert: certificate(&consenter.server_tls_pem),
    });
    Orderers { consenter_mapping: consenters.collect() }
}

/// Orderers compute this policy themselves and compare the bytes.
pub(super) fn block_validation(consenters: &[BftConsenter]) -> SignaturePolicyEnvelope {
    block_validation_of(&mapping(consenters))
}

/// The policy for a mapping: a quorum of the consenters' own certificates, in the mapping's order.
pub(crate) fn block_validation_of(mapping: &Orderers) -> SignaturePolicyEnvelope {
    let consenters = mapping.consenter_mapping.iter();
    let identities: Vec<SerializedIdentity> = consenters
        .map(|one| SerializedIdentity { mspid: one.msp_id.clone(), id_bytes: one.identity.clone() })
        .collect();
    policy::identities(quorum(identities.len()), &identities)
}

/// ceil((n + f + 1) / 2) with f = (n − 1) / 3 faulty consenters (`common/policies/bft.go`).
fn quorum(consenters: usize) -> usize {
    let faulty = consenters.saturating_sub(1) / 3;
    (consenters + faulty + 1).div_ceil(2)
}

/// Canonical PEM bytes; the profile was checked before, so that the fallback is never seen.
fn certificate(text: &str) -> Vec<u8> {
    pem::normalized(text).unwrap_or_else(|_| text.to_owned()).into_bytes()
}

/// A duration as Go writes it: `200ms`, `1.5s`, `1m30s`.
pub(crate) fn go_duration(milliseconds: u32) -> String {
    if milliseconds < 1000 {
        return if milliseconds == 0 { "0s".into() } else { format!("{milliseconds}ms") };
    }
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    let fraction = format!("{:03}", rest % 1000);
    let fraction = fraction.trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    let seconds = format!("{}{point}{fraction}s", rest / 1000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => seconds,
        (0, minutes) => format!("{minutes}m{seconds}"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        let check = |milliseconds, expect: &str| assert_eq!(go_duration(milliseconds), expect);
        check(1, "1ms");
        check(200, "200ms");
        check(2000, "2s");
        check(1500, "1.5s");
        check(1001, "1.001s");
        check(60_000, "1m0s");
        check(90_500, "1m30.5s");
        check(3_600_000, "1h0m0s");
    }

    #[test]
    fn quorums_tolerate_a_third() {
        for (consenters, expect) in [(1, 1), (4, 3), (7, 5), (10, 7)] {
            assert_eq!(quorum(consenters), expect, "{consenters} consenters");
        }
    }
}
