//! Health and version of a node, from its operations listener.
//!
//! Both answer without a client certificate. Metrics and log levels are not read here.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{conn::NodeConn, error::FabricError, participation::expect};

/// A node's own judgement of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub is_ok: bool,
    /// What fails, when `is_ok` is false.
    pub failed: Vec<FailedCheck>,
}

/// A part that fails, for instance `couchdb`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FailedCheck {
    pub component: String,
    #[serde(default)]
    pub reason: String,
}

/// Release of the node's program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Version {
    #[serde(rename = "Version")]
    pub version: String,
    #[serde(rename = "CommitSHA", default)]
    pub commit: String,
}

#[derive(Deserialize)]
struct HealthBody {
    #[serde(default)]
    failed_checks: Vec<FailedCheck>,
}

/// Asks `/healthz`. A sick node is an answer, not an error.
pub async fn healthz(conn: &NodeConn) -> Result<Health, FabricError> {
    let answer = conn.http(get("/healthz")?).await?;
    if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
        return expect(answer, StatusCode::OK).map(|_| Health { is_ok: true, failed: Vec::new() });
    }
    let body: HealthBody = decode(answer.body())?;
    Ok(Health { is_ok: false, failed: body.failed_checks })
}

/// Asks `/version`.
pub async fn version(conn: &NodeConn) -> Result<Version, FabricError> {
    decode(&expect(conn.http(get("/version")?).await?, StatusCode::OK)?)
}

/// Whether an orderer leads a channel, by its own metrics (`consensus_etcdraft_is_leader`, `consensus_BFT_is_leader`).
/// They are only told to those who show a client certificate.
pub async fn is_leader(conn: &NodeConn, channel: &str) -> Result<bool, FabricError> {
    let body = expect(conn.http(get("/metrics")?).await?, StatusCode::OK)?;
    Ok(String::from_utf8_lossy(&body).lines().any(|line| leads(line, channel)))
}

/// `consensus_etcdraft_is_leader{channel="mychannel"} 1`
fn leads(line: &str, channel: &str) -> bool {
    let names = ["consensus_etcdraft_is_leader{", "consensus_BFT_is_leader{"];
    let labelled = format!("channel=\"{channel}\"");
    names.iter().any(|name| line.starts_with(name)) && line.contains(&labelled) && line.ends_with(" 1")
}

fn get(path: &'static str) -> Result<Request<Full<Bytes>>, FabricError> {
    let request = Request::builder().uri(path).body(Full::default());
    request.map_err(|_| FabricError::Request("operations".into()))
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FabricError> {
    serde_json::from_slice(body).map_err(|_| FabricError::Decode("the operations answer"))
}
