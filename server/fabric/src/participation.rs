//! The orderer's channel participation interface (REST on the admin listener, Fabric 2.3 and newer).
//!
//! Whoever holds a client certificate of the admin CA may do everything here, so the connection must be made
//! with that certificate. Joining is idempotent; this module never decides whether a channel may be removed.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    conn::NodeConn,
    error::{ErrorKind, FabricError},
};

const CHANNELS: &str = "/participation/v1/channels";
/// Name of the one part of the multipart form.
const BLOCK_PART: &str = "config-block";
/// Bytes of an error body that are kept.
const ERROR_BODY_BYTES_MAX: usize = 1024;

/// What an orderer says about one of its channels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ChannelInfo {
    pub name: String,
    pub status: Status,
    #[serde(rename = "consensusRelation")]
    pub relation: Relation,
    /// Number of blocks the orderer has.
    pub height: u64,
}

/// Is the orderer working for this channel?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Active,
    /// Fetching earlier blocks before it can take part.
    Onboarding,
    Inactive,
    Failed,
    #[serde(other)]
    Unknown,
}

/// The orderer's part in the channel's consensus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Relation {
    Consenter,
    Follower,
    ConfigTracker,
    Other,
    #[serde(other)]
    Unknown,
}

/// Result of joining.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    Now(ChannelInfo),
    /// The orderer was in the channel before; ask [`info`] for its state.
    Already,
}

#[derive(Deserialize)]
struct ChannelList {
    channels: Option<Vec<ChannelEntry>>,
}

#[derive(Deserialize)]
struct ChannelEntry {
    name: String,
}

/// Makes the orderer join the channel of a genesis or configuration block (its bytes, unchanged).
pub async fn join(conn: &NodeConn, block: &[u8]) -> Result<Joined, FabricError> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|_| FabricError::Settings("no random numbers".into()))?;
    let boundary = hex::encode(random);
    let request = Request::builder()
        .method(Method::POST)
        .uri(CHANNELS)
        .header(header::CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}"))
        .header(header::ACCEPT, "application/json")
        .body(Full::from(form(&boundary, block)))
        .map_err(|_| FabricError::Request("participation".into()))?;
    match expect(conn.http(request).await?, StatusCode::CREATED) {
        Ok(body) => decode(&body).map(Joined::Now),
        Err(error) if error.kind() == ErrorKind::AlreadyJoined => Ok(Joined::Already),
        Err(error) => Err(error),
    }
}

/// Names of the channels that the orderer has.
pub async fn list(conn: &NodeConn) -> Result<Vec<String>, FabricError> {
    let body = expect(conn.http(request(Method::GET, CHANNELS)?).await?, StatusCode::OK)?;
    let list: ChannelList = decode(&body)?;
    Ok(list.channels.unwrap_or_default().into_iter().map(|channel| channel.name).collect())
}

/// State of one channel; an unknown channel is an error of kind [`ErrorKind::ChannelUnknown`].
pub async fn info(conn: &NodeConn, channel: &str) -> Result<ChannelInfo, FabricError> {
    let answer = conn.http(request(Method::GET, &channel_path(channel)?)?).await?;
    decode(&expect(answer, StatusCode::OK)?)
}

/// Takes the orderer out of a channel and deletes its blocks there. A channel it does not have, or is removing
/// already, is no error. The orderer goes on in the background: until [`info`] says
/// [`ErrorKind::ChannelUnknown`], joining again is refused as [`ErrorKind::Unavailable`].
pub async fn remove(conn: &NodeConn, channel: &str) -> Result<(), FabricError> {
    let answer = conn.http(request(Method::DELETE, &channel_path(channel)?)?).await?;
    if matches!(answer.status(), StatusCode::NOT_FOUND | StatusCode::CONFLICT) {
        return Ok(());
    }
    expect(answer, StatusCode::NO_CONTENT).map(drop)
}

fn request(method: Method, path: &str) -> Result<Request<Full<Bytes>>, FabricError> {
    let request = Request::builder().method(method).uri(path).header(header::ACCEPT, "application/json");
    request.body(Full::default()).map_err(|_| FabricError::Request("participation".into()))
}

/// A channel's path; only characters that a channel name may have reach the request line.
fn channel_path(channel: &str) -> Result<String, FabricError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let named = channel.starts_with(|c: char| c.is_ascii_lowercase());
    if !named || channel.len() > 249 || !channel.chars().all(allowed) {
        return Err(FabricError::Request("channel name".into()));
    }
    Ok(format!("{CHANNELS}/{channel}"))
}

/// A form with one file part (RFC 7578).
fn form(boundary: &str, block: &[u8]) -> Bytes {
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{BLOCK_PART}\"; filename=\"{BLOCK_PART}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(block);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body.into()
}

/// The body if the status is the wanted one, otherwise the status and the beginning of the body as an error.
pub(crate) fn expect(answer: Response<Bytes>, wanted: StatusCode) -> Result<Bytes, FabricError> {
    if answer.status() == wanted {
        return Ok(answer.into_body());
    }
    let body = answer.body();
    let shown = body.get(..ERROR_BODY_BYTES_MAX).unwrap_or(body);
    let body = String::from_utf8_lossy(shown).into_owned();
    Err(FabricError::Http { status: answer.status().as_u16(), body })
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FabricError> {
    serde_json::from_slice(body).map_err(|_| FabricError::Decode("the participation answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_names_cannot_leave_their_path_segment() {
        assert_eq!(
            channel_path("my-channel.1").ok().as_deref(),
            Some("/participation/v1/channels/my-channel.1")
        );
        for name in ["", "..", "a/b", "a?x", "A", "a b", "a%2f", "1a"] {
            assert!(channel_path(name).is_err(), "{name}");
        }
    }

    #[test]
    fn the_form_has_one_part_with_the_exact_bytes() {
        let block = b"\x00--x\r\n\xff";
        let body = form("xyz", block);
        assert!(body.starts_with(b"--xyz\r\nContent-Disposition: form-data; name=\"config-block\""));
        assert!(body.ends_with(b"\r\n--xyz--\r\n"));
        let start = body.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        assert_eq!(body.get(start..start + block.len()), Some(block.as_slice()));
    }

    #[test]
    fn answers_are_read() {
        let info: ChannelInfo = decode(
            br#"{"name":"ch","url":"/participation/v1/channels/ch","consensusRelation":"config-tracker","status":"active","height":7}"#,
        )
        .unwrap();
        assert_eq!((info.relation, info.status, info.height), (Relation::ConfigTracker, Status::Active, 7));
        let list: ChannelList = decode(br#"{"systemChannel":null,"channels":null}"#).unwrap();
        assert!(list.channels.is_none());
        let odd = r#"{"name":"ch","consensusRelation":"king","status":"asleep","height":0}"#;
        let info: ChannelInfo = decode(odd.as_bytes()).unwrap();
        assert_eq!((info.relation, info.status), (Relation::Unknown, Status::Unknown));
    }
}
