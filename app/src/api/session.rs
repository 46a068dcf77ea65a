//! Set-up, sign-in, sign-out, and who is signed in. The forms are URL-encoded: they work without WebAssembly.

use domain::session::SessionLine;
use domain::user::{self, SessionView};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::ApiError;

/// Where somebody stands who opens the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// There is no admin yet: set-up comes first.
    Setup,
    /// Nobody is signed in; `registers`: people without an account can ask for one.
    Anonymous {
        registers: bool,
    },
    SignedIn(SessionView),
}

/// Tells who is signed in, or which page comes first.
#[server(endpoint = "session_read", input = leptos::server_fn::codec::Json)]
pub async fn session_read() -> Result<Entry, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(entry(&plane, &caller).await, &caller).await
}

/// Tells when the session ends.
#[server(endpoint = "session_times", input = leptos::server_fn::codec::Json)]
pub async fn session_times() -> Result<user::SessionTimes, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let key = super::request::session_key();
    super::request::answer(plane.session_times(&caller, &key).await, &caller).await
}

#[cfg(feature = "ssr")]
async fn entry(
    plane: &control::ControlPlane,
    caller: &control::caller::Caller,
) -> Result<Entry, domain::Error> {
    match (&caller.user, plane.setup_open().await?) {
        (Some(_), _) => Ok(Entry::SignedIn(plane.session(caller).await?)),
        (None, true) => Ok(Entry::Setup),
        (None, false) => Ok(Entry::Anonymous { registers: plane.registration_read(caller).await? }),
    }
}

/// Makes the first admin, guarded by the one-time token, and signs them in.
#[server(endpoint = "setup_admin")]
pub async fn setup_admin(token: String, name: String, password: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let name = super::request::answer(crate::session::user_name(&name), &caller).await?;
    let user =
        super::request::answer(plane.setup_admin(&caller, token.trim(), name, password).await, &caller)
            .await?;
    super::request::begin_session(&user, "/").await
}

/// Signs somebody in and leads to where they wanted to go, or first to where their second factor is asked for; `in_place`:
/// a page that is there asks for it itself.
#[server(endpoint = "session_create")]
pub async fn sign_in(
    name: String,
    password: String,
    next: String,
    #[server(default)] in_place: bool,
) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let signed = plane.sign_in(&caller, name.trim(), password).await;
    super::request::begin(super::request::answer(signed, &caller).await?, &next, in_place).await
}

/// The second half of a sign-in: a code of the second factor, or a recovery code.
#[server(endpoint = "session_code")]
pub async fn sign_in_code(code: String, next: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let signed = plane.sign_in_code(&caller, super::request::half().await?, &code).await;
    super::request::begin_session(&super::request::answer(signed, &caller).await?, &next).await
}

/// Proves again who is signed in: by the password, or without one by a code of the second factor.
#[server(endpoint = "session_prove")]
pub async fn session_prove(password: String, code: Option<String>) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    let proved = plane.session_prove(&caller, password, code).await;
    super::request::proved(super::request::answer(proved, &caller).await?).await
}

/// The browsers in which the person is signed in.
#[server(endpoint = "session_list", input = leptos::server_fn::codec::Json)]
pub async fn session_list() -> Result<Vec<SessionLine>, ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.session_list(&caller).await, &caller).await
}

/// Ends one of them.
#[server(endpoint = "session_end")]
pub async fn session_end(id: String) -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.session_end(&caller, &id).await, &caller).await
}

/// Ends every session of the person, in this browser and in all others.
#[server(endpoint = "session_delete_all")]
pub async fn sign_out_everywhere() -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    super::request::answer(plane.sign_out_everywhere(&caller).await, &caller).await?;
    super::request::end_session().await
}

/// Signs out.
#[server(endpoint = "session_delete")]
pub async fn sign_out() -> Result<(), ApiError> {
    let (plane, caller) = super::request::backstage()?;
    plane.sign_out(&caller).await;
    super::request::end_session().await
}
