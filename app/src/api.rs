//! Plumbing of the server functions: the caller and the control plane from the request, and the error that goes
//! back. Every function in the modules below is a public endpoint with a fixed path; the façade authorises it.
//!
//! Nothing here decides anything: a function takes its caller, calls one method and answers.

use domain::Error;
#[cfg(feature = "ssr")]
use leptos::prelude::*;
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

pub mod access;
pub mod activity;
pub mod audit;
pub mod chain;
pub mod chaincode;
pub mod channel;
pub mod help;
pub mod host;
pub mod mail;
pub mod node;
pub mod notice;
pub mod operation;
pub mod pool;
pub mod profile;
pub mod registration;
pub mod search;
pub mod second_factor;
pub mod session;
pub mod stats;
pub mod template;
pub mod transaction;
pub mod user;

/// What went wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// The portal refused, and says why.
    Refused(Error),
    /// The portal did not answer, or its answer could not be read.
    Lost,
    /// The request was not one that the portal's own pages send.
    Malformed,
}

/// The error of every server function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiError {
    pub problem: Problem,
    /// Under which the server's log tells more.
    pub request_id: Option<String>,
}

impl ApiError {
    /// HTTP status that says the same.
    pub fn status(&self) -> u16 {
        match &self.problem {
            Problem::Refused(error) => error.status(),
            Problem::Lost => 503,
            Problem::Malformed => 400,
        }
    }

    /// Whether signing in is what helps.
    pub fn needs_session(&self) -> bool {
        self.status() == 401
    }

    /// Why the portal refused, if it did.
    pub fn code(&self) -> Option<domain::Code> {
        match &self.problem {
            Problem::Refused(error) => Some(error.code),
            Problem::Lost | Problem::Malformed => None,
        }
    }

    /// Whether one's own account is what has to be seen to first.
    pub fn is_walled(&self) -> bool {
        use domain::Code;
        matches!(self.code(), Some(Code::PasswordMustChange | Code::SecondFactorNeeded))
    }

    /// Whether proving again who one is is what helps.
    pub fn asks_password(&self) -> bool {
        self.code() == Some(domain::Code::PasswordAgain)
    }

    /// Reads the answer to a file that was sent: JSON of what was asked for, or of the refusal. What cannot be read is
    /// lost.
    pub fn of_upload<T: serde::de::DeserializeOwned>(status: u16, text: &str) -> Result<T, Self> {
        let lost = || Self { problem: Problem::Lost, request_id: None };
        if status == 200 {
            return serde_json::from_str(text).map_err(|_| lost());
        }
        let refusal: Error = serde_json::from_str(text).map_err(|_| lost())?;
        Err(Self::from(refusal))
    }

    /// The refusal, when it is about this form field.
    pub fn on_field(&self, field: &str) -> Option<&Error> {
        match &self.problem {
            Problem::Refused(error) if error.field.as_deref() == Some(field) => Some(error),
            Problem::Refused(_) | Problem::Lost | Problem::Malformed => None,
        }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self { problem: Problem::Refused(error), request_id: None }
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let problem = match error {
            ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::MissingArg(_)
            | ServerFnErrorErr::Serialization(_)
            | ServerFnErrorErr::UnsupportedRequestMethod(_) => malformed(),
            // The portal reads requests, the browser reads answers.
            ServerFnErrorErr::Deserialization(_) if cfg!(feature = "ssr") => malformed(),
            ServerFnErrorErr::Request(_)
            | ServerFnErrorErr::Deserialization(_)
            | ServerFnErrorErr::Response(_)
            | ServerFnErrorErr::Registration(_)
            | ServerFnErrorErr::ServerError(_)
            | ServerFnErrorErr::MiddlewareError(_) => Problem::Lost,
        };
        Self { problem, request_id: None }
    }
}

fn malformed() -> Problem {
    set_status(400);
    Problem::Malformed
}

/// Sets the status of an answer to a script. A plain form gets a redirect whose status must stay, and a page
/// sets its own; in the browser it does nothing.
#[cfg(not(feature = "ssr"))]
pub fn set_status(_status: u16) {}

/// Sets the status of an answer to a script. A plain form gets a redirect whose status must stay, and a page
/// sets its own; in the browser it does nothing.
#[cfg(feature = "ssr")]
pub fn set_status(status: u16) {
    let Some(parts) = use_context::<axum::http::request::Parts>() else { return };
    let wants_page = parts
        .headers
        .get(axum::http::header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/html"));
    if parts.uri.path().starts_with("/api/") && !wants_page {
        page_status(status);
    }
}

/// Sets the status of the page that is being rendered; in the browser it does nothing.
#[cfg(feature = "ssr")]
pub fn page_status(status: u16) {
    if let (Some(options), Ok(status)) =
        (use_context::<leptos_axum::ResponseOptions>(), axum::http::StatusCode::from_u16(status))
    {
        options.set_status(status);
    }
}

/// Sets the status of the page that is being rendered; in the browser it does nothing.
#[cfg(not(feature = "ssr"))]
pub fn page_status(_status: u16) {}

/// What server functions take from their request.
#[cfg(feature = "ssr")]
pub(crate) mod request {
    use std::sync::Arc;

    use axum::http::{HeaderValue, header};
    use control::ControlPlane;
    use control::caller::{Caller, SessionKey};
    use control::profile::Wishes;
    use control::session::{HALF, Half};
    use control::user::SignedIn;
    use domain::user::UserView;
    use domain::{Code, Error, ErrorKind};
    use leptos::prelude::*;
    use tower_sessions::Session;

    use super::ApiError;
    use crate::components::load::escaped;
    use crate::preferences::{LANG_COOKIE, THEME_COOKIE, Theme, ZONE_COOKIE, cookie, cookie_line};
    use crate::session::safe_next;
    use crate::text::Lang;

    /// Longest name of a browser that is kept.
    const AGENT_MAX: usize = 200;

    /// The façade and who calls it.
    pub fn backstage() -> Result<(Arc<ControlPlane>, Caller), ApiError> {
        let parts = use_context::<axum::http::request::Parts>().ok_or_else(Error::internal)?;
        let plane = parts.extensions.get::<Arc<ControlPlane>>().cloned().ok_or_else(Error::internal)?;
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(Error::internal)?;
        Ok((plane, caller))
    }

    /// Gives the façade's answer to the page, an error with the request's id and status. What the policy refused is
    /// recorded before anybody hears of it.
    pub async fn answer<T>(result: Result<T, Error>, caller: &Caller) -> Result<T, ApiError> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => {
                super::set_status(error.status());
                backstage()?.0.refused(caller, &error).await;
                Err(ApiError { request_id: Some(caller.request_id.clone()), ..ApiError::from(error) })
            }
        }
    }

    fn session() -> Result<Session, ApiError> {
        let parts = use_context::<axum::http::request::Parts>().ok_or_else(Error::internal)?;
        Ok(parts.extensions.get::<Session>().cloned().ok_or_else(Error::internal)?)
    }

    /// Signs the person in, or leads on to where their second factor is asked for. The session that waits for it answers
    /// nothing else, and has a new id as well. `in_place`: the page that asks stays.
    pub async fn begin(signed: SignedIn, next: &str, in_place: bool) -> Result<(), ApiError> {
        if !signed.needs_code {
            return begin_session(&signed.user, next).await;
        }
        let (session, (plane, _)) = (session()?, backstage()?);
        session.cycle_id().await.map_err(lost_session)?;
        session.clear().await;
        let half = Half { user: signed.user.id, since_ms: plane.now_ms() };
        session.insert(HALF, half).await.map_err(lost_session)?;
        if !in_place {
            leptos_axum::redirect(&format!("/login/code?next={}", escaped(safe_next(next))));
        }
        Ok(())
    }

    /// The sign-in that waits for its code in this session.
    pub async fn half() -> Result<Option<Half>, ApiError> {
        Ok(session()?.get(HALF).await.map_err(lost_session)?)
    }

    /// Under what the session of the request is kept; where there is none, nothing is kept under it.
    pub fn session_key() -> SessionKey {
        let parts = use_context::<axum::http::request::Parts>();
        let key = parts.and_then(|parts| parts.extensions.get::<SessionKey>().cloned());
        key.unwrap_or_else(|| SessionKey(String::new()))
    }

    /// Signs the person in under a new session id, so that an id known before is worth nothing, and leads on.
    pub async fn begin_session(user: &UserView, next: &str) -> Result<(), ApiError> {
        let session = session()?;
        let (plane, caller) = backstage()?;
        let wishes = plane.wishes(&user.id).await?;
        session.cycle_id().await.map_err(lost_session)?;
        session.clear().await;
        let parts = use_context::<axum::http::request::Parts>().ok_or_else(Error::internal)?;
        let agent = parts.headers.get("user-agent").and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        let agent: String = agent.chars().take(AGENT_MAX).collect();
        for (key, value) in [
            ("user", user.id.as_str()),
            ("role", user.role.as_str()),
            ("address", &caller.address),
            ("agent", &agent),
        ] {
            session.insert(key, value).await.map_err(lost_session)?;
        }
        for key in ["since", "proved"] {
            session.insert(key, plane.now_ms()).await.map_err(lost_session)?;
        }
        tell_wishes(&wishes);
        leptos_axum::redirect(safe_next(next));
        Ok(())
    }

    /// Notes in the session that whoever is behind it has just proved who they are; it gets a new id for it. One that was
    /// ended meanwhile stays ended.
    pub async fn proved(at_ms: i64) -> Result<(), ApiError> {
        let session = session()?;
        session.load().await.map_err(lost_session)?;
        if session.get::<String>("user").await.map_err(lost_session)?.is_none() {
            let ended = Error::new(ErrorKind::Forbidden, Code::SessionMissing);
            super::set_status(ended.status());
            return Err(ended.into());
        }
        session.cycle_id().await.map_err(lost_session)?;
        session.insert("proved", at_ms).await.map_err(lost_session)?;
        Ok(())
    }

    /// Tells the browser how the pages shall look for whoever signs in; what they never chose stays as it is there.
    fn tell_wishes(wishes: &Wishes) {
        if let Some(lang) = wishes.language.as_deref().and_then(Lang::parse) {
            add_cookie(LANG_COOKIE, lang.tag());
        }
        if let Some(word) = &wishes.theme {
            add_cookie(THEME_COOKIE, Theme::parse(word).as_str());
        }
        tell_zone(&wishes.time_zone);
    }

    /// Tells the browser in which time zone the pages shall show times. An empty one takes back what was told before,
    /// perhaps to somebody else.
    pub fn tell_zone(zone: &str) {
        let parts = use_context::<axum::http::request::Parts>();
        let told = parts.is_some_and(|parts| {
            let mut lines =
                parts.headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
            lines.any(|line| cookie(line, ZONE_COOKIE).is_some())
        });
        if told || !zone.is_empty() {
            add_cookie(ZONE_COOKIE, zone);
        }
    }

    fn add_cookie(name: &str, value: &str) {
        let line = HeaderValue::from_str(&cookie_line(name, value));
        if let (Some(options), Ok(line)) = (use_context::<leptos_axum::ResponseOptions>(), line) {
            options.append_header(header::SET_COOKIE, line);
        }
    }

    /// Ends the session, has the browser forget what it kept of the pages, and leads to the sign-in page. Cookies are
    /// spared: the session's own is taken back anyway, the others hold language and theme.
    pub async fn end_session() -> Result<(), ApiError> {
        session()?.flush().await.map_err(lost_session)?;
        if let Some(options) = use_context::<leptos_axum::ResponseOptions>() {
            let name = axum::http::HeaderName::from_static("clear-site-data");
            options.insert_header(name, axum::http::HeaderValue::from_static("\"cache\", \"storage\""));
        }
        leptos_axum::redirect("/login");
        Ok(())
    }

    fn lost_session(error: tower_sessions::session::Error) -> Error {
        tracing::error!(%error, "the session could not be written");
        Error::internal()
    }
}

#[cfg(test)]
mod tests {
    use domain::host::ImageView;

    use super::*;

    #[test]
    fn the_answer_to_an_upload_is_read() {
        let read = ApiError::of_upload::<Vec<ImageView>>;
        let image = "[{\"reference\":\"a:1\",\"purpose\":\"chaincode\",\"state\":{\"state\":\"missing\"}}]";
        assert_eq!(read(200, image).unwrap()[0].reference, "a:1");
        let refusal = serde_json::to_string(&Error::forbidden()).unwrap();
        assert_eq!(read(403, &refusal).unwrap_err().status(), 403);
        assert_eq!(read(0, "").unwrap_err().problem, Problem::Lost);
        assert_eq!(read(502, "<html>").unwrap_err().problem, Problem::Lost);
    }
}
