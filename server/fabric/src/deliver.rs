//! Blocks as a stream, from a peer or an orderer, and handing envelopes to an orderer.
//!
//! A broken stream is opened again after the last block that was delivered, so that callers see every number
//! once and in order. Blocks are handed on as the bytes that were sent; they are not checked here.

use std::time::{Duration, SystemTime};

use futures::{Stream, StreamExt, stream};
use prost::Message;

use crate::{
    block,
    conn::NodeConn,
    endorser::timestamp,
    error::FabricError,
    identity::SigningIdentity,
    proto::{
        channel::{Block, ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
        peer::deliver::{
            BLOCK_UNTIL_READY, BroadcastResponse, DeliverResponse, FAIL_IF_NOT_READY, SeekInfo, SeekPosition,
            deliver_response,
            seek_position::{Nothing, Specified, Type as Position},
        },
    },
};

mod reconnect;

pub use reconnect::{Blocks, blocks};

const BROADCAST: &str = "/orderer.AtomicBroadcast/Broadcast";
const DELIVER_ORDERER: &str = "/orderer.AtomicBroadcast/Deliver";
const DELIVER_PEER: &str = "/protos.Deliver/Deliver";
const SUCCESS: i32 = 200;
/// Time for an answer to a broadcast, and for the opening of a stream.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Which service is asked. Only blocks from peers carry validation codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Peer,
    Orderer,
}

/// First block of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    Newest,
    At(u64),
}

/// A block as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveredBlock {
    pub number: u64,
    pub bytes: Vec<u8>,
}

/// Whose blocks are wanted, and who asks.
#[derive(Clone)]
pub struct Subscription {
    pub conn: NodeConn,
    pub source: Source,
    pub reader: SigningIdentity,
    pub channel: String,
}

/// Hands an envelope to an orderer; success means accepted for ordering, not committed.
pub async fn broadcast(conn: &NodeConn, envelope: Envelope) -> Result<(), FabricError> {
    let exchange = async {
        let mut answers =
            conn.streaming::<_, BroadcastResponse>(BROADCAST, stream::iter([envelope]), CALL_TIMEOUT).await?;
        let answer = answers.message().await.map_err(|status| FabricError::from_status(&status))?;
        answer.ok_or(FabricError::Decode("the orderer's answer"))
    };
    let late = |_| FabricError::Timeout { what: BROADCAST, after: CALL_TIMEOUT };
    let answer = tokio::time::timeout(CALL_TIMEOUT, exchange).await.map_err(late)??;
    if answer.status == SUCCESS {
        return Ok(());
    }
    Err(FabricError::Ordering { status: answer.status, message: answer.info })
}

/// One block, which must exist already.
pub async fn one_block(subscription: &Subscription, start: Start) -> Result<DeliveredBlock, FabricError> {
    let fetch = async {
        let position = position(start);
        let seek = SeekInfo {
            start: Some(position.clone()),
            stop: Some(position),
            behavior: FAIL_IF_NOT_READY,
            ..SeekInfo::default()
        };
        let mut opened = Box::pin(open(subscription, seek).await?);
        opened.next().await.ok_or(FabricError::Decode("the block stream"))?
    };
    let late = |_| FabricError::Timeout { what: "a block", after: CALL_TIMEOUT };
    tokio::time::timeout(CALL_TIMEOUT, fetch).await.map_err(late)?
}

/// The channel's newest configuration block, found through the metadata of its newest block.
pub async fn newest_config_block(subscription: &Subscription) -> Result<DeliveredBlock, FabricError> {
    let newest = one_block(subscription, Start::Newest).await?;
    let number = block::last_config_number(&newest.bytes);
    let number = number.map_err(|_| FabricError::Decode("the newest block"))?;
    match number {
        Some(number) if number != newest.number => one_block(subscription, Start::At(number)).await,
        Some(_) => Ok(newest),
        // Block 0 of old versions has no such metadata, and is a configuration block.
        None if newest.number == 0 => Ok(newest),
        None => Err(FabricError::Decode("the number of the configuration block")),
    }
}

/// Opens one stream; ends without an error when the service says that all wanted blocks were sent.
async fn open(
    subscription: &Subscription,
    seek: SeekInfo,
) -> Result<impl Stream<Item = Result<DeliveredBlock, FabricError>> + Send + 'static, FabricError> {
    let path = match subscription.source {
        Source::Peer => DELIVER_PEER,
        Source::Orderer => DELIVER_ORDERER,
    };
    let envelope = envelope(subscription, &seek)?;
    let answers = subscription
        .conn
        .streaming::<_, DeliverResponse>(path, stream::iter([envelope]), CALL_TIMEOUT)
        .await?;
    Ok(answers.filter_map(|answer| async move {
        match answer {
            Err(status) => Some(Err(FabricError::from_status(&status))),
            Ok(DeliverResponse { r#type: Some(deliver_response::Type::Block(bytes)) }) => {
                Some(numbered(bytes))
            }
            Ok(DeliverResponse { r#type: Some(deliver_response::Type::Status(SUCCESS)) }) => None,
            Ok(DeliverResponse { r#type: Some(deliver_response::Type::Status(status)) }) => {
                let message = "the block stream was refused".into();
                Some(Err(FabricError::Ordering { status, message }))
            }
            Ok(DeliverResponse { r#type: None }) => Some(Err(FabricError::Decode("the block stream"))),
        }
    }))
}

fn numbered(bytes: Vec<u8>) -> Result<DeliveredBlock, FabricError> {
    let header = Block::decode(bytes.as_slice()).ok().and_then(|block| block.header);
    let number = header.ok_or(FabricError::Decode("a block"))?.number;
    Ok(DeliveredBlock { number, bytes })
}

fn position(start: Start) -> SeekPosition {
    let r#type = match start {
        Start::Newest => Position::Newest(Nothing {}),
        Start::At(number) => Position::Specified(Specified { number }),
    };
    SeekPosition { r#type: Some(r#type) }
}

/// All blocks from `start` to `stop`, waiting for those that do not exist yet.
fn seek(start: Start, stop: u64) -> SeekInfo {
    SeekInfo {
        start: Some(position(start)),
        stop: Some(position(Start::At(stop))),
        behavior: BLOCK_UNTIL_READY,
        ..SeekInfo::default()
    }
}

fn envelope(subscription: &Subscription, seek: &SeekInfo) -> Result<Envelope, FabricError> {
    let mut nonce = vec![0_u8; 24];
    getrandom::fill(&mut nonce).map_err(|_| FabricError::Settings("no random numbers".into()))?;
    let reader = &subscription.reader;
    let channel_header = ChannelHeader {
        r#type: HeaderType::DeliverSeekInfo.into(),
        timestamp: Some(timestamp(SystemTime::now())),
        channel_id: subscription.channel.clone(),
        tls_cert_hash: subscription.conn.client_cert_hash().unwrap_or_default().to_vec(),
        ..ChannelHeader::default()
    };
    let header = Header {
        channel_header: channel_header.encode_to_vec(),
        signature_header: SignatureHeader { creator: reader.creator(), nonce }.encode_to_vec(),
    };
    let payload = Payload { header: Some(header), data: seek.encode_to_vec() }.encode_to_vec();
    let signature = reader.sign(&payload);
    Ok(Envelope { payload, signature })
}
