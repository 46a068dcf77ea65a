//! What each value of a first block must say for itself, whatever else stands in the block.
//!
//! The sources are those of the whole configuration (`common/channelconfig`, `orderer/consensus`).

use prost::Message;

use super::{VerifyError, value};
use crate::{
    genesis::METADATA_SLOTS,
    proto::channel::{
        BatchSize, BatchTimeout, BlockDataHashingStructure, ChannelHeader, ConfigGroup, ConsensusState,
        ConsensusType, HashingAlgorithm, ImplicitMetaPolicy, ImplicitMetaRule, LastConfig, Metadata,
        OrdererBlockMetadata, Policy, PolicyType, SignatureHeader, SignaturePolicy, SignaturePolicyEnvelope,
        etcdraft, signature_policy::Type as Rule, smartbft,
    },
};

const NONCE_BYTES: usize = 24;

/// All slots are there, nobody has signed, and block 0 is the last configuration.
pub(super) fn is_first_metadata(slots: &[Vec<u8>]) -> bool {
    let [signatures, last_config, verdicts, ..] = slots else { return false };
    let unsigned = |slot: &[u8]| Metadata::decode(slot).ok().filter(|slot| slot.signatures.is_empty());
    let first =
        unsigned(signatures).and_then(|slot| OrdererBlockMetadata::decode(slot.value.as_slice()).ok());
    let last = unsigned(last_config).and_then(|slot| LastConfig::decode(slot.value.as_slice()).ok());
    slots.len() >= METADATA_SLOTS
        && first.is_some_and(|first| first.last_config.unwrap_or_default().index == 0)
        && last.is_some_and(|last| last.index == 0)
        && verdicts.iter().all(|verdict| *verdict == 0)
}

/// Made by nobody, once, at a full second.
pub(super) fn are_first_headers(channel: &ChannelHeader, signature: &SignatureHeader) -> bool {
    channel.version == 1
        && channel.epoch == 0
        && channel.timestamp.as_ref().is_some_and(|time| time.nanos == 0)
        && signature.creator.is_empty()
        && signature.nonce.len() == NONCE_BYTES
}

/// A rule over policies of the same name below, or one over signatures whose identities are all listed.
pub(super) fn is_policy(policy: &Policy) -> bool {
    match PolicyType::try_from(policy.r#type) {
        Ok(PolicyType::ImplicitMeta) => ImplicitMetaPolicy::decode(policy.value.as_slice())
            .is_ok_and(|meta| !meta.sub_policy.is_empty() && ImplicitMetaRule::try_from(meta.rule).is_ok()),
        Ok(PolicyType::Signature) => SignaturePolicyEnvelope::decode(policy.value.as_slice())
            .ok()
            .and_then(|envelope| envelope.rule.map(|rule| is_rule(&rule, envelope.identities.len())))
            .unwrap_or_default(),
        _ => false,
    }
}

fn is_rule(rule: &SignaturePolicy, identities: usize) -> bool {
    match &rule.r#type {
        Some(Rule::SignedBy(index)) => usize::try_from(*index).is_ok_and(|index| index < identities),
        Some(Rule::NOutOf(several)) => {
            several.n >= 0 && several.rules.iter().all(|rule| is_rule(rule, identities))
        }
        None => false,
    }
}

/// Hashes are the only ones that exist, and blocks have bounds.
pub(super) fn values(root: &ConfigGroup, orderer: &ConfigGroup) -> Result<(), VerifyError> {
    let ensure = |is_valid: bool, path: &str, name: &str| {
        if is_valid { Ok(()) } else { Err(VerifyError::Invalid(format!("{path}/{name}"))) }
    };
    let path = "/Channel";
    let hash: HashingAlgorithm = value(path, root, "HashingAlgorithm")?;
    ensure(hash.name == "SHA256", path, "HashingAlgorithm")?;
    let structure: BlockDataHashingStructure = value(path, root, "BlockDataHashingStructure")?;
    ensure(structure.width == u32::MAX, path, "BlockDataHashingStructure")?;
    let path = "/Channel/Orderer";
    let size: BatchSize = value(path, orderer, "BatchSize")?;
    let counts = [size.max_message_count, size.absolute_max_bytes, size.preferred_max_bytes];
    let is_bounded = !counts.contains(&0) && size.preferred_max_bytes <= size.absolute_max_bytes;
    ensure(is_bounded, path, "BatchSize")?;
    let timeout: BatchTimeout = value(path, orderer, "BatchTimeout")?;
    ensure(nanoseconds(&timeout.timeout).is_some_and(|wait| wait > 0), path, "BatchTimeout")?;
    let consensus: ConsensusType = value(path, orderer, "ConsensusType")?;
    ensure(consensus.state == i32::from(ConsensusState::Normal), path, "ConsensusType")?;
    if orderer.policies.contains_key("BlockValidation") {
        Ok(())
    } else {
        Err(VerifyError::Missing(format!("{path}/BlockValidation")))
    }
}

/// Ticks of elections and heartbeats suit each other.
pub(super) fn are_raft_options(options: &etcdraft::Options) -> bool {
    options.heartbeat_tick > 0
        && options.election_tick > options.heartbeat_tick
        && options.max_inflight_blocks > 0
        && nanoseconds(&options.tick_interval).is_some_and(|tick| tick > 0)
}

/// Waits can be read and grow from one step to the next; the leader stays until it fails.
pub(super) fn are_bft_options(options: &smartbft::Options) -> bool {
    let waits = [
        &options.request_batch_max_interval,
        &options.request_forward_timeout,
        &options.request_complain_timeout,
        &options.request_auto_remove_timeout,
        &options.view_change_resend_interval,
        &options.view_change_timeout,
        &options.leader_heartbeat_timeout,
        &options.collect_timeout,
    ];
    let waits = waits.map(|text| nanoseconds(text).filter(|wait| *wait > 0));
    let [Some(_), Some(forward), Some(complain), Some(remove), Some(resend), Some(change), Some(_), Some(_)] =
        waits
    else {
        return false;
    };
    let stays = matches!(
        smartbft::Rotation::try_from(options.leader_rotation),
        Ok(smartbft::Rotation::Unspecified | smartbft::Rotation::Off)
    );
    let counts =
        [options.request_batch_max_count, options.request_batch_max_bytes, options.leader_heartbeat_count];
    (forward <= complain && complain <= remove && resend <= change)
        && !counts.contains(&0)
        && stays
        && options.decisions_per_leader == 0
}

/// A duration as Go reads it, such as `500ms` or `1m30s`; none for what it does not read, and for negative ones.
fn nanoseconds(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut sum) = (text, 0_u64);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit() && c != '.')?);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        sum = sum.checked_add(part(number, unit)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(sum)
}

fn part(number: &str, unit: &str) -> Option<u64> {
    let mut scale: u64 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 3_600 * 1_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut sum = whole.checked_mul(scale)?;
    for digit in fraction.chars() {
        scale /= 10;
        sum = sum.checked_add(u64::from(digit.to_digit(10)?).checked_mul(scale)?)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_does() {
        for (text, expect) in [
            ("0", Some(0)),
            ("500ms", Some(500_000_000)),
            ("1m30.5s", Some(90_500_000_000)),
            (".5h", Some(1_800_000_000_000)),
            ("2us3ns", Some(2_003)),
            ("", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("1.2.3s", None),
            ("-1s", None),
            ("1 s", None),
            ("1d", None),
            ("99999999999h", None),
        ] {
            assert_eq!(nanoseconds(text), expect, "{text:?}");
        }
    }
}
