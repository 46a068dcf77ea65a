//! The way to an API server: where it is, how it is known, and who we are to it.
//!
//! In a cluster the service account's files say all of that. This is the one place where the portal's environment is
//! read for a cluster; a kubeconfig that lies about is never looked for.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::host::cluster::{ClusterAuthority, ClusterCredentials, ClusterLogin};
use hyper::Uri;
use hyper::header::HeaderValue;

use super::tls::client_config;
use crate::address::Allowed;
use crate::dial::TlsRoute;
use crate::{ProbeFailure, ProbeStage, Remedy};

/// Where the service account of a pod lies.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// A token that was read from a file is read again after this time, because it is replaced while we run.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(60);
/// The port of a server whose address names none.
const HTTPS_PORT: u16 = 443;

/// How requests get to one API server.
pub(super) struct Way {
    pub(super) route: Arc<TlsRoute>,
    pub(super) bearer: Bearer,
    /// `https://host:port/path`: stands before the path of every request.
    pub(super) server: String,
    /// The portal's own namespace, where it runs in that cluster and the cluster tells it.
    pub(super) namespace: Option<String>,
}

impl Way {
    /// The way to a cluster elsewhere.
    pub(super) fn remote(
        server: &str,
        credentials: &ClusterCredentials,
        allowed: Allowed,
    ) -> Result<Self, ProbeFailure> {
        let (host, port) = host_and_port(server)?;
        let config = client_config(&credentials.authority, Some(&credentials.login))?;
        let name = credentials.server_name.as_deref();
        let route = TlsRoute::new(&host, port, name, config, allowed)?;
        let bearer = match &credentials.login {
            ClusterLogin::Token { token } => Bearer::Fixed(header(token)?),
            ClusterLogin::Certificate { .. } => Bearer::None,
        };
        let server = server.trim_end_matches('/').to_owned();
        Ok(Self { route: Arc::new(route), bearer, server, namespace: None })
    }

    /// The way to the cluster that the portal runs in. Nobody typed its address, so it may be any one.
    pub(super) fn in_cluster() -> Result<Self, ProbeFailure> {
        Self::of_account(Path::new(ACCOUNT), |name| std::env::var(name).ok())
    }

    fn of_account(account: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProbeFailure> {
        let missing = |what: String| ProbeFailure::at(ProbeStage::Address, Remedy::RunInCluster, what);
        let value = |name: &str| {
            let found = variable(name).filter(|value| !value.is_empty());
            found.ok_or_else(|| missing(format!("{name} is not set")))
        };
        let (host, port) = (value("KUBERNETES_SERVICE_HOST")?, value("KUBERNETES_SERVICE_PORT")?);
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let server = format!("https://{host}:{port}");
        let (host, port) = host_and_port(&server)?;
        let (ca, token) = (account.join("ca.crt"), account.join("token"));
        let pem =
            std::fs::read_to_string(&ca).map_err(|error| missing(format!("{}: {error}", ca.display())))?;
        let config = client_config(&ClusterAuthority::Ca { pem }, None)?;
        let allowed = Allowed { loopback: true, networks: Vec::new() };
        let route = Arc::new(TlsRoute::new(&host, port, None, config, allowed)?);
        let bearer = Bearer::File { path: token, kept: Mutex::new(None) };
        Ok(Self { route, bearer, server, namespace: namespace(account) })
    }

    /// The whole address of a request whose path is known.
    pub(super) fn absolute(&self, uri: &Uri) -> Result<Uri, hyper::http::uri::InvalidUri> {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        format!("{}{path}", self.server).parse()
    }
}

/// The namespace of a service account, which is that of its pod.
fn namespace(account: &Path) -> Option<String> {
    let file = account.join("namespace");
    match std::fs::read_to_string(&file) {
        Ok(name) => Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
        Err(error) => {
            tracing::warn!(%error, "the portal's own namespace cannot be read; no policy lets the portal in");
            None
        }
    }
}

fn host_and_port(server: &str) -> Result<(String, u16), ProbeFailure> {
    let malformed = || {
        let message = format!("{server:?} is not the address of an API server");
        ProbeFailure::at(ProbeStage::Address, Remedy::CorrectAddress, message)
    };
    let uri: Uri = server.parse().map_err(|_| malformed())?;
    let host = uri.host().filter(|_| uri.scheme_str() == Some("https")).ok_or_else(malformed)?;
    Ok((host.to_owned(), uri.port_u16().unwrap_or(HTTPS_PORT)))
}

/// The token that goes with every request, if one does.
pub(super) enum Bearer {
    /// Our certificate says who we are.
    None,
    Fixed(HeaderValue),
    /// A file whose content is replaced from time to time.
    File {
        path: PathBuf,
        kept: Mutex<Option<(HeaderValue, Instant)>>,
    },
}

impl Bearer {
    /// The value of `Authorization`.
    pub(super) async fn header(&self) -> Result<Option<HeaderValue>, ProbeFailure> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(value) => Ok(Some(value.clone())),
            Self::File { path, kept } => read(path, kept).await.map(Some),
        }
    }

    /// What helps when the cluster does not know us.
    pub(super) fn remedy(&self) -> Remedy {
        match self {
            Self::None => Remedy::CheckClientCertificate,
            Self::Fixed(_) | Self::File { .. } => Remedy::RenewToken,
        }
    }
}

/// A token's file, looked at again when what is kept of it is old. A file that cannot be read just then is no reason to
/// forget a token that may still be good.
async fn read(
    path: &Path,
    kept: &Mutex<Option<(HeaderValue, Instant)>>,
) -> Result<HeaderValue, ProbeFailure> {
    let known = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((value, _)) = known.as_ref().filter(|(_, since)| since.elapsed() < TOKEN_AGE_MAX) {
        return Ok(value.clone());
    }
    match (tokio::fs::read_to_string(path).await, known) {
        (Ok(token), _) => {
            let value = header(&token)?;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((value.clone(), Instant::now()));
            Ok(value)
        }
        (Err(error), Some((value, _))) => {
            tracing::warn!(%error, "the service account's token cannot be read; the last one is used");
            Ok(value)
        }
        (Err(error), None) => {
            let message = format!("{}: {error}", path.display());
            Err(ProbeFailure::at(ProbeStage::Authentication, Remedy::RunInCluster, message))
        }
    }
}

fn header(token: &str) -> Result<HeaderValue, ProbeFailure> {
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim())).map_err(|_| {
        let message = "the token is not one line of text";
        ProbeFailure::at(ProbeStage::Authentication, Remedy::RenewToken, message)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_split_into_host_port_and_path() {
        let check = |server: &str, expect: Option<(&str, u16)>| {
            let found = host_and_port(server).ok();
            assert_eq!(found.as_ref().map(|(host, port)| (host.as_str(), *port)), expect, "{server}");
        };
        check("https://a.example:6443", Some(("a.example", 6443)));
        check("https://a.example", Some(("a.example", 443)));
        check("https://[fd00::1]:6443/k8s", Some(("[fd00::1]", 6443)));
        check("http://a.example", None);
        check("a.example:6443", None);
        check("", None);
    }

    #[tokio::test]
    async fn a_service_account_is_found_and_its_token_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let set = |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
            _ => None,
        };
        let remedy = |way: Result<Way, ProbeFailure>| way.err().map(|failure| failure.remedy);
        assert_eq!(remedy(Way::of_account(folder.path(), |_| None)), Some(Remedy::RunInCluster));
        assert_eq!(remedy(Way::of_account(folder.path(), set)), Some(Remedy::RunInCluster));
        let ca = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        std::fs::write(folder.path().join("ca.crt"), ca.cert.pem()).unwrap();
        assert_eq!(Way::of_account(folder.path(), set).ok().unwrap().namespace, None);
        std::fs::write(folder.path().join("namespace"), "heddle-portal\n").unwrap();
        let way = Way::of_account(folder.path(), set).ok().unwrap();
        assert_eq!(way.namespace.as_deref(), Some("heddle-portal"));
        let uri = way.absolute(&"/api/v1/pods?limit=1".parse().unwrap()).unwrap();
        assert_eq!(uri.to_string(), "https://[fd00::1]:443/api/v1/pods?limit=1");

        let failure = way.bearer.header().await.unwrap_err();
        assert_eq!((failure.stage, failure.remedy), (ProbeStage::Authentication, Remedy::RunInCluster));
        std::fs::write(folder.path().join("token"), "first\n").unwrap();
        let value = way.bearer.header().await.unwrap().unwrap();
        assert!(value == "Bearer first" && value.is_sensitive());
        std::fs::write(folder.path().join("token"), "second").unwrap();
        let Bearer::File { kept, .. } = &way.bearer else { panic!("no file") };
        *kept.lock().unwrap() = None;
        assert!(way.bearer.header().await.unwrap().unwrap() == "Bearer second");
    }

    #[test]
    fn a_token_of_several_lines_is_none() {
        assert_eq!(header("a\nb").unwrap_err().remedy, Remedy::RenewToken);
    }
}
