//! Chaincode packages: making those for chaincode that runs as a service, naming any, and looking into uploads.
//!
//! A package is a gzip tar with `metadata.json` and `code.tar.gz`; its id is the label and the hash of the bytes,
//! so the bytes made here depend on nothing but the input. Uploads are read as streams and never unpacked to
//! a disk. This module must never trust a name or a size that stands in an archive.

use std::{fmt, io};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod gzip;
mod inspect;

pub use inspect::{Limits, PackageFacts, inspect};

/// Type of chaincode that runs as a server and is dialled by the peer.
pub const TYPE_CCAAS: &str = "ccaas";
/// Longest label; Fabric has no limit, but makes file names of it.
pub const LABEL_CHARS_MAX: usize = 128;

const METADATA_FILE: &str = "metadata.json";
const CODE_FILE: &str = "code.tar.gz";
const CONNECTION_FILE: &str = "connection.json";

/// Why bytes are not an acceptable package, or why none can be made.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    #[error(
        "the label may hold only letters, digits and _ . + -, must begin with a letter or digit and have at most {LABEL_CHARS_MAX} characters"
    )]
    Label,
    #[error("the package is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the package unpacks to more than {limit} bytes")]
    UnpackedTooLarge { limit: u64 },
    #[error("the package unpacks to more than {limit} times its size")]
    Ratio { limit: u64 },
    #[error("the package holds more than {limit} entries")]
    TooManyEntries { limit: usize },
    #[error("the path {path:?} is not allowed in a package")]
    Path { path: String },
    #[error("the entry {path:?} is neither a file nor, in the code, a folder")]
    EntryType { path: String },
    #[error("the entry {path:?} stands twice in the package")]
    Duplicate { path: String },
    #[error("the package has no {0}")]
    Missing(&'static str),
    #[error("{0} is larger than it may be")]
    FileTooLarge(&'static str),
    #[error("{file} is not what it should be")]
    Json {
        file: &'static str,
        #[source]
        source: serde_json::Error,
    },
    #[error("{CONNECTION_FILE} has an unusable {0}")]
    Connection(&'static str),
    #[error("the package is not a readable gzip tar archive")]
    Archive(#[source] io::Error),
}

/// How a peer reaches a chaincode server: content of `connection.json`.
///
/// Every string may be a template over the builder's configuration (`{{.peername}}`), so that one package can
/// serve many peers; nothing is expanded here.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// `host:port`.
    pub address: String,
    /// A Go duration such as `10s`; the builder fails without one.
    #[serde(default, deserialize_with = "inspect::text_or_number")]
    pub dial_timeout: String,
    #[serde(default)]
    pub tls_required: bool,
    #[serde(default)]
    pub client_auth_required: bool,
    /// PEM; a key made only for this chaincode, since whoever has the package has it too.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_key: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client_cert: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub root_cert: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Connection")
            .field("address", &self.address)
            .field("dial_timeout", &self.dial_timeout)
            .field("tls_required", &self.tls_required)
            .field("client_auth_required", &self.client_auth_required)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Metadata<'a> {
    path: &'a str,
    r#type: &'a str,
    label: &'a str,
}

/// Makes the package of a chaincode that runs as a service. Equal input gives equal bytes, today and in later
/// versions: no time stamps, no owner, no compression.
pub fn ccaas(label: &str, connection: &Connection) -> Result<Vec<u8>, PackageError> {
    if !is_label(label) {
        return Err(PackageError::Label);
    }
    if !is_address(&connection.address) {
        return Err(PackageError::Connection("address"));
    }
    if connection.dial_timeout.is_empty() {
        return Err(PackageError::Connection("dial_timeout"));
    }
    let json_error = |file| move |source| PackageError::Json { file, source };
    let connection = serde_json::to_vec(connection).map_err(json_error(CONNECTION_FILE))?;
    let metadata = Metadata { path: "", r#type: TYPE_CCAAS, label };
    let metadata = serde_json::to_vec(&metadata).map_err(json_error(METADATA_FILE))?;
    let code = gzip::stored(&tar_of(&[(CONNECTION_FILE, &connection)])?);
    Ok(gzip::stored(&tar_of(&[(METADATA_FILE, &metadata), (CODE_FILE, &code)])?))
}

/// The package id that peers compute: label, colon, SHA-256 of the whole package in hexadecimal.
pub fn id(label: &str, package: &[u8]) -> String {
    format!("{label}:{}", hex::encode(Sha256::digest(package)))
}

/// `[[:alnum:]][[:alnum:]_.+-]*`, as peers check it.
pub fn is_label(label: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
    label.len() <= LABEL_CHARS_MAX
        && label.starts_with(|c: char| c.is_ascii_alphanumeric())
        && label.chars().all(allowed)
}

/// `host:port` or a template of it: something without blanks that names a port.
fn is_address(address: &str) -> bool {
    let plain = |c: char| !c.is_control() && !c.is_whitespace();
    let parts = address.rsplit_once(':');
    address.len() <= 300
        && address.chars().all(plain)
        && parts.is_some_and(|(host, port)| !host.is_empty() && !port.is_empty())
}

fn tar_of(files: &[(&str, &Vec<u8>)]) -> Result<Vec<u8>, PackageError> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(content.len()).unwrap_or(u64::MAX));
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        builder.append_data(&mut header, name, content.as_slice()).map_err(PackageError::Archive)?;
    }
    builder.into_inner().map_err(PackageError::Archive)
}
