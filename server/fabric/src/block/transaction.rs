//! One transaction of a block: envelope, headers, and what a chaincode call did.

use prost::Message;
use time::OffsetDateTime;

use super::{NamespaceView, Parties, Party, ValidationCode, party, rwset};
use crate::{
    endorser::tx_id,
    proto::{
        channel::{
            ChannelHeader, ConfigEnvelope, Envelope, Header, HeaderType, Payload, SignatureHeader, Timestamp,
        },
        peer::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ChaincodeInvocationSpec,
            ChaincodeProposalPayload, ChaincodeSpec, ProposalResponsePayload, Response, Transaction,
        },
    },
};

/// The header's type, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransactionKind {
    /// A chaincode call, lifecycle changes included.
    Endorser,
    /// A new channel configuration.
    Config,
    /// Only in the time of system channels.
    Orderer,
    /// Anything else; its content is not read.
    Other(i32),
    #[default]
    Unreadable,
}

/// A transaction as far as it can be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TransactionView {
    /// Position in the block.
    pub index: usize,
    /// False if not even the headers could be read; then everything else is empty.
    pub is_readable: bool,
    pub kind: TransactionKind,
    pub channel: String,
    /// Empty for configuration written by old versions.
    pub tx_id: String,
    /// Does the id belong to nonce and creator?
    pub is_tx_id_right: bool,
    /// As the creator's clock said.
    pub time: Option<OffsetDateTime>,
    pub creator: Option<Party>,
    /// `None` in blocks from orderers, which do not validate.
    pub code: Option<ValidationCode>,
    /// Only for [`TransactionKind::Endorser`].
    pub action: Option<ActionView>,
    /// Sequence of the new configuration; only for [`TransactionKind::Config`].
    pub config_sequence: Option<u64>,
}

/// A chaincode call and its outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActionView {
    pub chaincode: String,
    pub version: String,
    /// The first argument as text; bytes that are not UTF-8 are replaced.
    pub function: String,
    /// The other arguments.
    pub args: Vec<Vec<u8>>,
    pub is_init: bool,
    pub endorsers: Vec<Party>,
    pub response: Option<Response>,
    pub namespaces: Vec<NamespaceView>,
    pub event: Option<EventView>,
}

/// The event that the call set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventView {
    pub name: String,
    pub payload: Vec<u8>,
}

/// Reads an envelope. Everything up to the first unreadable part is shown.
pub(super) fn read(envelope: &[u8], parties: &mut Parties) -> TransactionView {
    let Some((header, data)) = open(envelope) else { return TransactionView::default() };
    let Ok(channel_header) = ChannelHeader::decode(header.channel_header.as_slice()) else {
        return TransactionView::default();
    };
    let signature = SignatureHeader::decode(header.signature_header.as_slice()).unwrap_or_default();
    let mut view = TransactionView {
        is_readable: true,
        kind: kind(channel_header.r#type),
        is_tx_id_right: tx_id(&signature.nonce, &signature.creator) == channel_header.tx_id,
        channel: channel_header.channel_id,
        tx_id: channel_header.tx_id,
        time: channel_header.timestamp.as_ref().and_then(time),
        creator: party::read(&signature.creator, parties),
        ..TransactionView::default()
    };
    match view.kind {
        TransactionKind::Endorser => view.action = action(&data, parties),
        TransactionKind::Config => {
            let config = ConfigEnvelope::decode(data.as_slice()).ok();
            view.config_sequence = config.and_then(|config| config.config).map(|config| config.sequence);
        }
        _ => {}
    }
    view
}

fn open(envelope: &[u8]) -> Option<(Header, Vec<u8>)> {
    let envelope = Envelope::decode(envelope).ok()?;
    let payload = Payload::decode(envelope.payload.as_slice()).ok()?;
    Some((payload.header?, payload.data))
}

fn kind(number: i32) -> TransactionKind {
    match HeaderType::try_from(number) {
        Ok(HeaderType::EndorserTransaction) => TransactionKind::Endorser,
        Ok(HeaderType::Config) => TransactionKind::Config,
        Ok(HeaderType::OrdererTransaction) => TransactionKind::Orderer,
        _ => TransactionKind::Other(number),
    }
}

/// Protobuf time; `None` for what is outside the calendar.
fn time(stamp: &Timestamp) -> Option<OffsetDateTime> {
    let seconds = OffsetDateTime::from_unix_timestamp(stamp.seconds).ok()?;
    let nanos = u32::try_from(stamp.nanos).ok()?;
    seconds.replace_nanosecond(nanos).ok()
}

/// Fabric has exactly one action in a transaction; of more than one, the first is shown.
fn action(data: &[u8], parties: &mut Parties) -> Option<ActionView> {
    let transaction = Transaction::decode(data).ok()?;
    let payload = transaction.actions.first()?.payload.as_slice();
    let payload = ChaincodeActionPayload::decode(payload).ok()?;
    let mut view = ActionView::default();
    if let Some(spec) = call(&payload.chaincode_proposal_payload) {
        let input = spec.input.unwrap_or_default();
        let mut args = input.args.into_iter();
        view.chaincode = spec.chaincode_id.unwrap_or_default().name;
        view.function = String::from_utf8_lossy(&args.next().unwrap_or_default()).into_owned();
        view.args = args.collect();
        view.is_init = input.is_init;
    }
    let endorsed = payload.action.unwrap_or_default();
    let endorsers = endorsed.endorsements.iter();
    view.endorsers = endorsers.filter_map(|one| party::read(&one.endorser, parties)).collect();
    if let Some(outcome) = outcome(&endorsed.proposal_response_payload) {
        view.namespaces = rwset::read(&outcome.results).unwrap_or_default();
        view.event = event(&outcome.events);
        view.response = outcome.response;
        let id = outcome.chaincode_id.unwrap_or_default();
        view.version = id.version;
        if !id.name.is_empty() {
            view.chaincode = id.name;
        }
    }
    Some(view)
}

fn call(proposal_payload: &[u8]) -> Option<ChaincodeSpec> {
    let payload = ChaincodeProposalPayload::decode(proposal_payload).ok()?;
    ChaincodeInvocationSpec::decode(payload.input.as_slice()).ok()?.chaincode_spec
}

fn outcome(response_payload: &[u8]) -> Option<ChaincodeAction> {
    let payload = ProposalResponsePayload::decode(response_payload).ok()?;
    ChaincodeAction::decode(payload.extension.as_slice()).ok()
}

fn event(bytes: &[u8]) -> Option<EventView> {
    let event = ChaincodeEvent::decode(bytes).ok()?;
    let is_set = !event.event_name.is_empty() || !event.payload.is_empty();
    is_set.then_some(EventView { name: event.event_name, payload: event.payload })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::channel::Block;

    /// The envelope of a real call (Fabric 2.5) as if its chaincode had set an event.
    fn envelope_with(events: Vec<u8>) -> Vec<u8> {
        let block = include_bytes!("../../tests/fixtures/invoke_4.block");
        let block = Block::decode(block.as_slice()).unwrap();
        let mut envelope = Envelope::decode(block.data.unwrap().data[0].as_slice()).unwrap();
        let mut payload = Payload::decode(envelope.payload.as_slice()).unwrap();
        let mut transaction = Transaction::decode(payload.data.as_slice()).unwrap();
        let mut call = ChaincodeActionPayload::decode(transaction.actions[0].payload.as_slice()).unwrap();
        let mut endorsed = call.action.unwrap();
        let response = endorsed.proposal_response_payload.as_slice();
        let mut response = ProposalResponsePayload::decode(response).unwrap();
        let mut action = ChaincodeAction::decode(response.extension.as_slice()).unwrap();
        action.events = events;
        response.extension = action.encode_to_vec();
        endorsed.proposal_response_payload = response.encode_to_vec();
        call.action = Some(endorsed);
        transaction.actions[0].payload = call.encode_to_vec();
        payload.data = transaction.encode_to_vec();
        envelope.payload = payload.encode_to_vec();
        envelope.encode_to_vec()
    }

    fn event_of(events: Vec<u8>) -> Option<EventView> {
        let action = read(&envelope_with(events), &mut Parties::new()).action.unwrap();
        assert_eq!(action.function, "put", "an event hides nothing else");
        action.event
    }

    #[test]
    fn an_event_is_read_with_its_payload() {
        let set = |name: &str, payload: &[u8]| ChaincodeEvent {
            chaincode_id: "cc".to_owned(),
            tx_id: "0".repeat(64),
            event_name: name.to_owned(),
            payload: payload.to_vec(),
        };
        let shown =
            |name: &str, payload: &[u8]| Some(EventView { name: name.to_owned(), payload: payload.to_vec() });
        let payload: &[u8] = br#"{"from":"a","to":"b","amount":10}"#;
        assert_eq!(event_of(set("moved", payload).encode_to_vec()), shown("moved", payload));
        assert_eq!(event_of(set("moved", b"").encode_to_vec()), shown("moved", b""));
        // A call that set none, and bytes that are no event.
        assert_eq!(event_of(Vec::new()), None);
        assert_eq!(event_of(set("", b"").encode_to_vec()), None);
        assert_eq!(event_of(vec![0xff]), None);
    }
}
