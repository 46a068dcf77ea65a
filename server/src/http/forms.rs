//! Simple forms as browsers send them without a script: the pages send the same by their server functions. What went
//! well leads back to the page, a refusal is a page of its own.

use std::sync::Arc;

use app::preferences::{LANG_COOKIE, THEME_COOKIE, Theme, cookie_line};
use app::text::Lang;
use axum::extract::Path;
use axum::extract::rejection::FormRejection;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use control::ControlPlane;
use control::caller::Caller;
use domain::host::RegistryCredentials;
use domain::id::HostId;
use domain::permission::{Grant, Role};
use domain::user::NewUser;
use domain::{Code, Error};
use serde::Deserialize;

use super::downloads::chain_name;
use super::refusal;

/// The fields of a new person.
#[derive(Deserialize)]
pub struct Person {
    name: String,
    role: String,
    password: String,
}

/// `POST /users`
pub async fn user_create(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<Person>, FormRejection>,
) -> Response {
    let made = async {
        caller.require_user()?;
        let Form(Person { name, role, password }) = form.map_err(|_| malformed())?;
        let role = Role::parse(&role).ok_or_else(|| Error::invalid(Code::FieldMissing).on("role"))?;
        let name = app::session::user_name(&name)?;
        plane.user_create(&caller, NewUser { name, role, password }).await
    };
    answer(&plane, made.await.map(drop), &headers, &caller, "/users").await
}

/// `POST /hosts/{id}/registries`
pub async fn registry_set(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path(id): Path<String>,
    form: Result<Form<RegistryCredentials>, FormRejection>,
) -> Response {
    let set = async {
        caller.require_user()?;
        let Form(credentials) = form.map_err(|_| malformed())?;
        plane.host_registry_set(&caller, &HostId::new(id.clone()), credentials).await
    };
    let done = set.await.map(drop);
    // An id that no host has leads nowhere, so it may be whatever was typed.
    let page = if done.is_ok() { format!("/hosts/{id}/edit") } else { "/hosts".to_owned() };
    answer(&plane, done, &headers, &caller, &page).await
}

/// The fields of the two forms about images that are approved for chaincode: a name to approve, or a content to revoke.
#[derive(Deserialize)]
pub struct Approval {
    #[serde(rename = "approve-image")]
    approve: Option<String>,
    revoke: Option<String>,
}

/// `POST /hosts/{id}/approvals`
pub async fn image_approval(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path(id): Path<String>,
    form: Result<Form<Approval>, FormRejection>,
) -> Response {
    let changed = async {
        caller.require_user()?;
        let Form(approval) = form.map_err(|_| malformed())?;
        let host = HostId::new(id.clone());
        match (approval.approve, approval.revoke) {
            (Some(image), None) => plane.host_image_approve(&caller, &host, image.trim()).await,
            (None, Some(content)) => plane.host_image_revoke(&caller, &host, &content).await,
            (Some(_), Some(_)) | (None, None) => Err(malformed()),
        }
    };
    let page = format!("/hosts/{id}");
    answer(&plane, changed.await, &headers, &caller, app::session::safe_next(&page)).await
}

/// The fields of the two forms about who may work with a chain. Without a level it is taken away.
#[derive(Deserialize)]
pub struct Access {
    #[serde(rename = "access-user")]
    user: String,
    #[serde(rename = "access-level")]
    level: Option<String>,
}

/// `POST /chains/{name}/access`
pub async fn chain_access(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Path(name): Path<String>,
    form: Result<Form<Access>, FormRejection>,
) -> Response {
    let changed = async {
        caller.require_user()?;
        let Form(Access { user, level }) = form.map_err(|_| malformed())?;
        let chain = chain_name(&name)?;
        let user = app::session::user_name(&user)?;
        match level {
            Some(level) => {
                let level = Grant::parse(&level);
                let level = level.ok_or_else(|| Error::invalid(Code::FieldMissing).on("level"))?;
                plane.chain_grant(&caller, &chain, &user, level).await
            }
            None => plane.chain_revoke(&caller, &chain, &user).await,
        }
    };
    let page = format!("/chains/{name}");
    answer(&plane, changed.await, &headers, &caller, app::session::safe_next(&page)).await
}

/// The newest notice that was on the page, in unix milliseconds.
#[derive(Deserialize)]
pub struct Read {
    until_ms: i64,
}

/// `POST /notices`
pub async fn notices_read(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<Read>, FormRejection>,
) -> Response {
    let read = async {
        caller.require_user()?;
        let Form(Read { until_ms }) = form.map_err(|_| malformed())?;
        plane.notice_read_all(&caller, until_ms).await
    };
    answer(&plane, read.await, &headers, &caller, "/notices").await
}

/// The fields of the two menus of every page, one of which is sent.
#[derive(Deserialize)]
pub struct Choice {
    language: Option<String>,
    theme: Option<String>,
}

impl Choice {
    /// The words of the language and the theme, for the portal to keep.
    fn words(&self) -> (Option<String>, Option<String>) {
        let language = self.language.as_deref().and_then(Lang::parse).map(|lang| lang.tag().to_owned());
        let theme = self.theme.as_deref().map(|word| Theme::parse(word).as_str().to_owned());
        (language, theme)
    }

    /// The cookie that remembers it.
    fn cookie(&self) -> Result<String, Error> {
        match (&self.language, &self.theme) {
            (Some(tag), None) => {
                let lang = Lang::parse(tag).ok_or_else(malformed)?;
                Ok(cookie_line(LANG_COOKIE, lang.tag()))
            }
            (None, Some(word)) => Ok(cookie_line(THEME_COOKIE, Theme::parse(word).as_str())),
            (Some(_), Some(_)) | (None, None) => Err(malformed()),
        }
    }
}

/// `POST /preferences`: for everybody. The browser keeps the choice, and for who is signed in the portal, too.
pub async fn preferences_set(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    form: Result<Form<Choice>, FormRejection>,
) -> Response {
    let page = page_before(&headers);
    let chosen =
        form.map_err(|_| malformed()).and_then(|Form(choice)| Ok((choice.cookie()?, choice.words())));
    let kept = match &chosen {
        Ok((_, (language, theme))) if caller.user.is_some() => {
            plane.look_save(&caller, language.clone(), theme.clone()).await
        }
        Ok(_) | Err(_) => Ok(()),
    };
    match kept.and(chosen) {
        Ok((cookie, _)) => ([(header::SET_COOKIE, cookie)], Redirect::to(&page)).into_response(),
        Err(error) => refusal::page(&plane, &headers, &caller, &error, &page).await,
    }
}

/// The page of the portal on which a form was sent, whatever name the portal has there.
fn page_before(headers: &HeaderMap) -> String {
    let address = headers.get(header::REFERER).and_then(|value| value.to_str().ok());
    let address = address.and_then(|address| address.parse::<Uri>().ok());
    let page = address.as_ref().and_then(Uri::path_and_query).map_or("/", PathAndQuery::as_str);
    app::session::safe_next(page).to_owned()
}

/// A form with other fields than the page's.
fn malformed() -> Error {
    Error::invalid(Code::FieldMissing)
}

async fn answer(
    plane: &ControlPlane,
    done: Result<(), Error>,
    headers: &HeaderMap,
    caller: &Caller,
    page: &str,
) -> Response {
    match done {
        Ok(()) => Redirect::to(page).into_response(),
        Err(error) => refusal::page(plane, headers, caller, &error, page).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_leads_back_to_its_page_and_to_no_other_site() {
        for (referer, page) in [
            ("http://127.0.0.1:3000/login?next=/chains", "/login?next=/chains"),
            ("https://portal.example/", "/"),
            ("https://portal.example", "/"),
            ("https://portal.example//evil.example", "/"),
            ("https://evil.example/chains", "/chains"),
            ("javascript:alert(1)", "/"),
            ("", "/"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::REFERER, referer.parse().unwrap());
            assert_eq!(page_before(&headers), page, "{referer}");
        }
        assert_eq!(page_before(&HeaderMap::new()), "/");
    }

    #[test]
    fn one_choice_is_one_cookie_of_known_words() {
        let cookie = |language: Option<&str>, theme: Option<&str>| {
            let text = |word: Option<&str>| word.map(str::to_owned);
            Choice { language: text(language), theme: text(theme) }.cookie().ok()
        };
        let kept = |line: &str| Some(format!("{line}; Path=/; Max-Age=31536000; SameSite=Lax"));
        assert_eq!(cookie(Some("zh"), None), kept("heddle_lang=zh-CN"));
        assert_eq!(cookie(None, Some("dark")), kept("heddle_theme=dark"));
        assert_eq!(cookie(None, Some("x; Domain=evil.example")), kept("heddle_theme=system"));
        for (language, theme) in [(Some("xx"), None), (Some("en"), Some("dark")), (None, None)] {
            assert_eq!(cookie(language, theme), None, "{language:?} {theme:?}");
        }
    }
}
