//! Who asks: from the session to a `Caller` in the request, once per request. The rights of a person are read anew
//! each time, so that a change takes effect on the next request.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use app::presence::is_unattended;
use axum::Extension;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use control::ControlPlane;
use control::caller::{Caller, CallerUser, SessionKey};
use domain::id::UserId;
use domain::user::Wall;
use domain::{Code, Error};
use tower_sessions::Session;

use super::refusal::Asked;
use super::session::{PROVED, SEEN, USER, hash};
use crate::config::Config;

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The caller's own address: that of the connection, or what a trusted proxy says.
    pub address: IpAddr,
    /// A trusted proxy says that the caller speaks TLS with it.
    pub forwarded_https: bool,
}

/// Puts the caller's address into the request.
pub async fn locate(
    State(config): State<Arc<Config>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let client = client_of(&config, peer.ip(), request.headers());
    request.extensions_mut().insert(client);
    next.run(request).await
}

/// Goes back from the connection through the trusted proxies: the first address that is no proxy's is the caller's.
/// What stands before it was written by the caller and proves nothing.
fn client_of(config: &Config, peer: IpAddr, headers: &HeaderMap) -> Client {
    let peer = peer.to_canonical();
    if !config.is_proxy(peer) {
        return Client { address: peer, forwarded_https: false };
    }
    let texts = |name: &str| -> Vec<String> {
        let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).map(|part| part.trim().to_owned()).collect()
    };
    let mut address = peer;
    for text in texts("x-forwarded-for").iter().rev() {
        let bare = text.parse::<SocketAddr>().map(|with_port| with_port.ip()).or_else(|_| text.parse());
        let Ok(found) = bare else { break };
        address = IpAddr::to_canonical(&found);
        if !config.is_proxy(address) {
            break;
        }
    }
    let forwarded_https =
        texts("x-forwarded-proto").last().is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    Client { address, forwarded_https }
}

/// The person behind a session, and what they have to do first; none for an unknown, ended or disabled one.
async fn user_of(
    plane: &ControlPlane,
    session: &Session,
) -> Result<Option<(CallerUser, Option<Wall>)>, Error> {
    let Ok(id) = session.get::<String>(USER).await else { return Err(Error::internal()) };
    match id {
        Some(id) => plane.session_user(&UserId::new(id)).await,
        None => Ok(None),
    }
}

/// The caller with whoever is behind a session as it is stored now, and what they have to do first: it may have ended
/// since it was read. None if anything is in doubt.
pub async fn caller_now(plane: &ControlPlane, session: &Session, caller: &Caller) -> Option<Caller> {
    session.load().await.ok()?;
    let (user, wall) = user_of(plane, session).await.ok().flatten()?;
    Some(Caller { user: Some(user), wall, ..caller.clone() })
}

/// When a session last proved who is behind it. What a clock that was set back says lies ahead proves nothing.
async fn proved(session: &Session) -> Option<i64> {
    let now_ms = time::OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    let proved = session.get::<i64>(PROVED).await.ok().flatten();
    proved.filter(|proved| i128::from(*proved) <= now_ms)
}

/// Whether somebody asks, and not a page by itself because something has changed.
fn is_own(asked: &Asked, headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    asked.is_page() || !is_unattended(&cookies.collect::<Vec<_>>())
}

/// Notes that a session is in use, at most once a minute: only what changes is saved, and only saving puts off the end
/// that comes with idleness.
async fn seen(session: &Session) -> Result<(), tower_sessions::session::Error> {
    let minute = time::OffsetDateTime::now_utc().unix_timestamp() / 60;
    if session.get::<i64>(SEEN).await? != Some(minute) {
        session.insert(SEEN, minute).await?;
    }
    Ok(())
}

/// Puts the caller and the façade into the request.
pub async fn identify(
    State(plane): State<Arc<ControlPlane>>,
    Extension(client): Extension<Client>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let (asked, unavailable) = (Asked::of(&request), Error::unavailable(Code::Internal));
    let mut random = [0_u8; 8];
    if getrandom::fill(&mut random).is_err() {
        return asked.failed(unavailable, None);
    }
    let request_id = hex::encode(random);
    let mut caller = Caller::anonymous(&request_id, &client.address.to_string());
    match user_of(&plane, &session).await {
        Ok(Some((user, wall))) => {
            (caller.user, caller.wall) = (Some(user), wall);
            caller.session = session.id().as_ref().map(hash);
            caller.proved_ms = proved(&session).await;
        }
        Ok(None) => {}
        // Without the store nobody can be known: closed, not open.
        Err(_) => return asked.failed(unavailable, Some(request_id)),
    }
    let is_own = is_own(&asked, request.headers());
    if caller.user.is_some() && is_own && seen(&session).await.is_err() {
        return asked.failed(unavailable, Some(request_id));
    }
    if let Some(id) = session.id() {
        request.extensions_mut().insert(SessionKey(hash(&id)));
    }
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(plane);
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn forwarded_addresses_are_believed_from_trusted_peers_only() {
        let config = Config::try_parse_from(["heddle", "--behind-proxy=10.0.0.1,10.1.0.0/16"]).unwrap();
        let ask = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            headers.append("x-forwarded-proto", "https".parse().unwrap());
            let client = client_of(&config, peer.parse().unwrap(), &headers);
            (client.address.to_string(), client.forwarded_https)
        };
        let is = |address: &str, https| (address.to_owned(), https);
        assert_eq!(ask("192.0.2.1", &["203.0.113.9"]), is("192.0.2.1", false));
        assert_eq!(ask("10.0.0.1", &["203.0.113.9"]), is("203.0.113.9", true));
        assert_eq!(ask("::ffff:10.0.0.1", &["203.0.113.9"]), is("203.0.113.9", true));
        assert_eq!(ask("10.0.0.1", &["1.1.1.1, 203.0.113.9, 10.1.2.3"]), is("203.0.113.9", true));
        assert_eq!(ask("10.0.0.1", &["1.1.1.1", "203.0.113.9"]), is("203.0.113.9", true));
        assert_eq!(ask("10.0.0.1", &["203.0.113.9:4711"]), is("203.0.113.9", true));
        assert_eq!(ask("10.0.0.1", &["1.1.1.1, nonsense"]), is("10.0.0.1", true));
        assert_eq!(ask("10.0.0.1", &[]), is("10.0.0.1", true));
    }
}
