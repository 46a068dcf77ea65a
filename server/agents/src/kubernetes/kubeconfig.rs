//! Reads a kubeconfig into what a cluster host needs, and names what it refuses.
//!
//! A kubeconfig can name programs to run, files to read and proxies to trust. None of that is followed: only the fields
//! listed here are taken, and whatever else is there refuses the context that uses it. This module must never open a
//! file, run anything, or let a credential into an error.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::host::cluster::{
    ClusterAuthority, ClusterCredentials, ClusterLogin, KUBECONFIG_MAX, KubeconfigContext, canonical_server,
};
use domain::{Code, Error};
use serde_json::{Map, Value};

/// Most contexts of one file.
const CONTEXTS_MAX: usize = 100;
/// The first characters of a name that an error shows.
const SHOWN_MAX: usize = 40;

type Fields = Map<String, Value>;

/// What may stand at the top; lists are read, the rest means nothing to us.
const TOP: [&str; 8] =
    ["apiVersion", "kind", "clusters", "users", "contexts", "current-context", "preferences", "extensions"];

/// What may stand in a cluster, a user and a context.
const CLUSTER: [&str; 5] =
    ["server", "certificate-authority-data", "tls-server-name", "disable-compression", "extensions"];
const USER: [&str; 4] = ["client-certificate-data", "client-key-data", "token", "extensions"];
const CONTEXT: [&str; 4] = ["cluster", "user", "namespace", "extensions"];

/// What is known and refused, in the order in which it is named.
const REFUSED: [(&str, Code); 17] = [
    ("exec", Code::KubeconfigProgram),
    ("auth-provider", Code::KubeconfigProgram),
    ("username", Code::KubeconfigPassword),
    ("password", Code::KubeconfigPassword),
    ("certificate-authority", Code::KubeconfigPath),
    ("client-certificate", Code::KubeconfigPath),
    ("client-key", Code::KubeconfigPath),
    ("tokenFile", Code::KubeconfigPath),
    ("proxy-url", Code::KubeconfigProxy),
    ("insecure-skip-tls-verify", Code::KubeconfigInsecure),
    ("as", Code::KubeconfigImpersonation),
    ("as-uid", Code::KubeconfigImpersonation),
    ("as-groups", Code::KubeconfigImpersonation),
    ("as-user-extra", Code::KubeconfigImpersonation),
    ("impersonate", Code::KubeconfigImpersonation),
    ("impersonate-groups", Code::KubeconfigImpersonation),
    ("impersonate-user-extra", Code::KubeconfigImpersonation),
];

/// One context of a kubeconfig. It has no `Debug` output: it may hold credentials.
#[derive(Clone)]
pub struct KubeconfigEntry {
    /// The context's name.
    pub name: String,
    /// The API server in its canonical form; empty where the file names none that can be used.
    pub server: String,
    /// The namespace that the context prefers; the portal makes its own ones.
    pub namespace: Option<String>,
    /// It is the one that the file itself chooses.
    pub current: bool,
    /// What the portal would connect with, or why it does not.
    pub access: Result<ClusterCredentials, Error>,
}

impl KubeconfigEntry {
    /// What may be shown of it.
    pub fn view(&self) -> KubeconfigContext {
        KubeconfigContext {
            name: self.name.clone(),
            server: self.server.clone(),
            refused: self.access.as_ref().err().cloned(),
            current: self.current,
        }
    }
}

/// Reads every context of a kubeconfig.
///
/// # Errors
/// `KubeconfigTooLarge`, `KubeconfigBroken`, `KubeconfigEmpty` or `KubeconfigUnknown` where the file as a whole cannot be
/// used; what only stands against one context is said in its entry.
pub fn read(text: &str) -> Result<Vec<KubeconfigEntry>, Error> {
    let top = parse(text)?;
    if let Some(unknown) = top.keys().find(|key| !TOP.contains(&key.as_str())) {
        return Err(named(Code::KubeconfigUnknown, &shown(unknown)));
    }
    let says = |key: &str, wanted: &str| top.get(key).is_none_or(|value| value.as_str() == Some(wanted));
    if !says("apiVersion", "v1") || !says("kind", "Config") {
        return Err(broken());
    }
    let (clusters, users) = (list(&top, "clusters", "cluster")?, list(&top, "users", "user")?);
    let contexts = list(&top, "contexts", "context")?;
    if contexts.is_empty() {
        return Err(Error::invalid(Code::KubeconfigEmpty).on("kubeconfig"));
    }
    if contexts.len() > CONTEXTS_MAX {
        return Err(Error::invalid(Code::TooManyEntries).with("max", CONTEXTS_MAX).on("kubeconfig"));
    }
    let current = top.get("current-context").and_then(Value::as_str);
    let entry = |(name, fields): &(&str, &Fields)| {
        let server = find(&clusters, fields, "cluster").and_then(server_of).unwrap_or_default();
        KubeconfigEntry {
            name: (*name).to_owned(),
            server,
            namespace: text_of(fields, "context", "namespace").ok().flatten().map(str::to_owned),
            current: current == Some(*name),
            access: access(fields, &clusters, &users).map_err(|error| error.on("kubeconfig")),
        }
    };
    Ok(contexts.iter().map(entry).collect())
}

/// Reads YAML within bounds. Anchors and aliases are not taken at all: no tool writes them into a kubeconfig, and a few
/// lines of them can unfold into gigabytes.
fn parse(text: &str) -> Result<Fields, Error> {
    if text.len() > KUBECONFIG_MAX {
        return Err(Error::invalid(Code::KubeconfigTooLarge).with("max", KUBECONFIG_MAX).on("kubeconfig"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_anchors: 0,
            max_aliases: 0,
            max_documents: 1,
            max_depth: 32,
            max_events: 50_000,
            max_nodes: 20_000,
        },
        merge_keys: serde_saphyr::MergeKeyPolicy::AsOrdinary,
        with_snippet: false,
    };
    // The reader's words may repeat what stands in the file, so they are dropped.
    match serde_saphyr::from_str_with_options(text, options) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) | Err(_) => Err(broken()),
    }
}

/// The named objects of a list: `clusters`, each with `name` and `cluster`.
fn list<'a>(top: &'a Fields, key: &str, inner: &str) -> Result<Vec<(&'a str, &'a Fields)>, Error> {
    let items = match top.get(key) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(broken()),
    };
    let one = |item: &'a Value| {
        let fields = item.as_object().ok_or_else(broken)?;
        if let Some(unknown) = fields.keys().find(|key| *key != "name" && *key != inner) {
            return Err(named(Code::KubeconfigUnknown, &format!("{key}.{}", shown(unknown))));
        }
        let name = fields.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
        let object = fields.get(inner).and_then(Value::as_object);
        name.zip(object).ok_or_else(broken)
    };
    items.iter().map(one).collect()
}

/// What a context's cluster and user come to.
fn access(
    context: &Fields,
    clusters: &[(&str, &Fields)],
    users: &[(&str, &Fields)],
) -> Result<ClusterCredentials, Error> {
    judge(context, "context", &CONTEXT)?;
    let cluster = find(clusters, context, "cluster")?;
    judge(cluster, "cluster", &CLUSTER)?;
    let user = find(users, context, "user")?;
    judge(user, "user", &USER)?;
    server_of(cluster)?;
    let authority = pem_of(cluster, "cluster", "certificate-authority-data")?
        .ok_or_else(|| Error::invalid(Code::KubeconfigNoAuthority))?;
    let server_name = text_of(cluster, "cluster", "tls-server-name")?.map(str::to_owned);
    let login = login(user)?;
    let authority = ClusterAuthority::Ca { pem: authority };
    let credentials = ClusterCredentials { authority, server_name, login };
    credentials.check()?;
    Ok(credentials)
}

/// A certificate where there is one with its key, else the token.
fn login(user: &Fields) -> Result<ClusterLogin, Error> {
    let certificate = pem_of(user, "user", "client-certificate-data")?;
    let key = pem_of(user, "user", "client-key-data")?;
    let token = text_of(user, "user", "token")?;
    match (certificate, key, token) {
        (Some(certificate_pem), Some(key_pem), _) => {
            Ok(ClusterLogin::Certificate { certificate_pem, key_pem })
        }
        (_, _, Some(token)) => Ok(ClusterLogin::Token { token: token.to_owned() }),
        (_, _, None) => Err(Error::invalid(Code::KubeconfigNoLogin)),
    }
}

/// Refuses what is not on the list, by name; what is empty or switched off counts as absent.
fn judge(fields: &Fields, of: &str, allowed: &[&str]) -> Result<(), Error> {
    let present = |key: &str| fields.get(key).is_some_and(|value| !is_absent(value));
    if let Some((key, code)) = REFUSED.iter().find(|(key, _)| present(key)) {
        return Err(named(*code, &format!("{of}.{key}")));
    }
    let known = |key: &str| allowed.contains(&key) || REFUSED.iter().any(|(refused, _)| *refused == key);
    match fields.keys().find(|key| !known(key)) {
        Some(unknown) => Err(named(Code::KubeconfigUnknown, &format!("{of}.{}", shown(unknown)))),
        None => Ok(()),
    }
}

fn is_absent(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// The cluster or user that a context names; it must be there exactly once.
fn find<'a>(among: &[(&str, &'a Fields)], context: &Fields, key: &str) -> Result<&'a Fields, Error> {
    let wanted = text_of(context, "context", key)?.unwrap_or_default();
    let mut found = among.iter().filter(|(name, _)| *name == wanted);
    match (found.next(), found.next()) {
        (Some((_, fields)), None) => Ok(*fields),
        _ => Err(named(Code::KubeconfigReference, &format!("{key} {}", shown(wanted)))),
    }
}

fn server_of(cluster: &Fields) -> Result<String, Error> {
    let server = text_of(cluster, "cluster", "server")?.unwrap_or_default();
    // An address may carry a password, which no error repeats.
    let seen = if server.contains('@') { "https://…".to_owned() } else { shown(server) };
    canonical_server(server).map_err(|error| error.with("text", seen))
}

/// A field's text; none where it is empty or absent.
fn text_of<'a>(fields: &'a Fields, of: &str, key: &str) -> Result<Option<&'a str>, Error> {
    match fields.get(key) {
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.as_str())),
        Some(value) if !is_absent(value) => Err(named(Code::KubeconfigData, &format!("{of}.{key}"))),
        _ => Ok(None),
    }
}

/// The PEM text inside a field's base64.
fn pem_of(fields: &Fields, of: &str, key: &str) -> Result<Option<String>, Error> {
    let Some(text) = text_of(fields, of, key)? else { return Ok(None) };
    let unreadable = || named(Code::KubeconfigData, &format!("{of}.{key}"));
    let packed: String = text.chars().filter(|letter| !letter.is_ascii_whitespace()).collect();
    let bytes = STANDARD.decode(packed).map_err(|_| unreadable())?;
    let pem = String::from_utf8(bytes).map_err(|_| unreadable())?;
    if pem.contains("-----BEGIN ") { Ok(Some(pem)) } else { Err(unreadable()) }
}

fn broken() -> Error {
    Error::invalid(Code::KubeconfigBroken).on("kubeconfig")
}

fn named(code: Code, name: &str) -> Error {
    Error::invalid(code).with("name", name).on("kubeconfig")
}

/// As much of a name as an error shows.
fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests;
