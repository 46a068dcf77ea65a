//! Blocks of a simulated ledger, made when somebody asks for them: each carries the hash of the one before and the
//! transactions that were ordered into it. Fabric's own messages, written by hand: two kinds of fields are all they need.

use fabric::block::parse_block;
use fabric::endorser::Proposal;
use fabric::identity::SigningIdentity;
use sha2::{Digest, Sha256};

use super::ledger::Ledger;

/// Slots of a block's metadata; the third tells of each transaction whether it counts.
const METADATA_SLOTS: usize = 5;
const FLAGS_SLOT: usize = 2;

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A field of bytes.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let length = u64::try_from(content.len()).unwrap_or_default();
    [varint((number << 3) | 2), varint(length), content.to_vec()].concat()
}

/// The first field of a message that begins with one of bytes.
fn first_field(message: &[u8]) -> Option<&[u8]> {
    let rest = message.strip_prefix(&[0x0a])?;
    let end = rest.iter().position(|byte| byte & 0x80 == 0)?;
    let length =
        rest.iter().take(end + 1).rev().try_fold(0_usize, |length, byte| {
            length.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))
        })?;
    rest.get(end + 1..)?.get(..length)
}

/// The envelope of a transaction: the header that was proposed, and nothing of what was done.
pub(super) fn envelope(proposal: &Proposal, identity: &SigningIdentity) -> Vec<u8> {
    let header = first_field(&proposal.signed().proposal_bytes).unwrap_or_default();
    let payload = field(1, header);
    let signature = identity.sign(&payload);
    [field(1, &payload), field(2, &signature)].concat()
}

/// A block of a ledger that begins with `first`.
pub(super) fn block(first: &[u8], ledger: &Ledger, number: u64) -> Option<Vec<u8>> {
    if number >= ledger.height {
        return None;
    }
    let mut bytes = first.to_vec();
    for next in 1..=number {
        let previous = parse_block(&bytes).ok()?.hash;
        bytes = following(next, &previous, ledger.envelopes(next));
    }
    Some(bytes)
}

fn following(number: u64, previous: &[u8], envelopes: Vec<Vec<u8>>) -> Vec<u8> {
    let data_hash = Sha256::digest(envelopes.concat());
    let header = [varint(1 << 3), varint(number), field(2, previous), field(3, &data_hash)].concat();
    let mut metadata = vec![Vec::new(); METADATA_SLOTS];
    if let Some(flags) = metadata.get_mut(FLAGS_SLOT) {
        // Zero says that a transaction counts.
        flags.resize(envelopes.len(), 0);
    }
    let listed = |items: &[Vec<u8>]| items.iter().map(|item| field(1, item)).collect::<Vec<_>>().concat();
    [field(1, &header), field(2, &listed(&envelopes)), field(3, &listed(&metadata))].concat()
}
