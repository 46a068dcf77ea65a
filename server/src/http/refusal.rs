//! Why something is not handed out: JSON for a page's own script, one line for others, a small page for whoever clicked, in
//! their language. The same for what failed in the portal itself.

use app::api::ApiError;
use app::components::badge::Pick;
use app::components::notice::problem_title;
use app::preferences::{Theme, asked};
use app::text::{Lang, refusal_text};
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use control::ControlPlane;
use control::caller::Caller;
use domain::Error;
use serde::Serialize;

/// The page needs its style sheet and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What was asked for as JSON, or the refusal with its status: for a page's own script.
pub async fn json<T: Serialize>(plane: &ControlPlane, caller: &Caller, asked: Result<T, Error>) -> Response {
    match asked {
        Ok(found) => Json(found).into_response(),
        Err(error) => {
            plane.refused(caller, &error).await;
            (status(&error), Json(error)).into_response()
        }
    }
}

/// A refusal with its status, in one line: what was asked for is a file or a stream, not a page.
pub async fn line(plane: &ControlPlane, caller: &Caller, error: &Error) -> Response {
    plane.refused(caller, error).await;
    (status(error), format!("{} ({})\n", error.code.as_text(), caller.request_id)).into_response()
}

/// The same for whoever may have clicked: a browser that goes there gets a page with a way back.
pub async fn page(
    plane: &ControlPlane,
    headers: &HeaderMap,
    caller: &Caller,
    error: &Error,
    back: &str,
) -> Response {
    let Some(look) = page_of(headers) else { return line(plane, caller, error).await };
    plane.refused(caller, error).await;
    document(look, error, Some(&caller.request_id), back, |text| text.go_back)
}

/// How whoever asks can read an answer; noted before the request goes to its handler.
pub struct Asked {
    is_call: bool,
    page: Option<(Lang, Theme)>,
}

impl Asked {
    /// What a request says about it.
    pub fn of(request: &Request) -> Self {
        Self { is_call: request.uri().path().starts_with("/api/"), page: page_of(request.headers()) }
    }

    /// Whether a page is asked for, as by a link or an address and by no script.
    pub fn is_page(&self) -> bool {
        self.page.is_some()
    }

    /// A failure of the portal itself: a page for a browser, JSON for a page's own script, one line for others.
    pub fn failed(self, error: Error, request_id: Option<String>) -> Response {
        if let Some(look) = self.page {
            return document(look, &error, request_id.as_deref(), "/", |text| text.to_overview);
        }
        let status = status(&error);
        if self.is_call {
            return (status, Json(ApiError { request_id, ..ApiError::from(error) })).into_response();
        }
        let id = request_id.map(|id| format!(" ({id})")).unwrap_or_default();
        (status, format!("{}{id}\n", error.code.as_text())).into_response()
    }
}

/// How a page for whoever asks would look; none for whoever takes no page.
fn page_of(headers: &HeaderMap) -> Option<(Lang, Theme)> {
    value(headers, header::ACCEPT).contains("text/html").then(|| look(headers))
}

/// The language and the look that whoever asks has chosen.
pub fn look(headers: &HeaderMap) -> (Lang, Theme) {
    asked(value(headers, header::COOKIE), value(headers, header::ACCEPT_LANGUAGE))
}

fn value(headers: &HeaderMap, name: HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// The page of a problem, with a way out of it.
fn document(
    (lang, theme): (Lang, Theme),
    error: &Error,
    request_id: Option<&str>,
    to: &str,
    label: Pick,
) -> Response {
    let text = lang.text();
    let title = problem_title(error.status())(text);
    let request = request_id.map(|id| format!(" · {} <code>{}</code>", text.request, escaped(id)));
    let page = format!(
        "<!DOCTYPE html><html lang=\"{tag}\" data-theme=\"{theme}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title} · {brand}</title><link rel=\"stylesheet\" href=\"/pkg/heddle.css\"></head>\
         <body><main class=\"bare\"><section class=\"card problem\"><h1>{title}</h1><p>{sentence}</p>\
         <p class=\"muted small\"><code>{code}</code>{request}</p>\
         <p><a class=\"button\" href=\"{to}\">{label}</a></p></section></main></body></html>",
        tag = lang.tag(),
        theme = theme.as_str(),
        brand = text.brand,
        sentence = escaped(&refusal_text(lang, error)),
        code = error.code.as_text(),
        request = request.unwrap_or_default(),
        to = escaped(to),
        label = label(text),
    );
    let policy = [(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY))];
    (status(error), policy, Html(page)).into_response()
}

fn status(error: &Error) -> StatusCode {
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Text as it may stand in markup and in an attribute.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn markup_in_a_value_stays_text() {
        assert_eq!(escaped("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }

    #[tokio::test]
    async fn a_failure_is_told_as_it_was_asked() {
        let told = async |path: &str, accept: &str| {
            let request = Request::get(path).header("accept", accept).body(Body::empty()).unwrap();
            let failed = Asked::of(&request)
                .failed(Error::unavailable(domain::Code::Internal), Some("abc".to_owned()));
            assert_eq!(failed.status(), StatusCode::SERVICE_UNAVAILABLE);
            let body = failed.into_body().collect().await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        };
        let page = told("/chains", "text/html").await;
        assert!(page.contains("It does not answer right now") && page.contains("abc"), "{page}");
        let error: ApiError =
            serde_json::from_str(&told("/api/chain_list", "application/json").await).unwrap();
        assert_eq!((error.status(), error.request_id.as_deref()), (503, Some("abc")));
        assert_eq!(told("/events", "text/event-stream").await, "internal (abc)\n");
    }
}
