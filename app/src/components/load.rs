//! Data on its way: pending, refused or there, in one place. A refusal sets the page's HTTP status; a missing
//! session leads to the sign-in page and back.

use std::pin::Pin;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::tachys::reactive_graph::OwnedView;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_location;

use super::notice::problem_card;
use crate::api::session::Entry;
use crate::api::{ApiError, Problem, page_status};
use crate::browser;
use crate::session::{Me, Session};
use crate::text::tr;

/// Makes the view once it is known who looks.
type Ready = Box<dyn FnOnce(Me) -> AnyView + Send>;
/// Data on their way, of whatever type.
type Coming = Pin<Box<dyn Future<Output = Result<Ready, ApiError>> + Send>>;

/// Shows `view` once the data and the session are there. New data update what is on the page in place. An answer that
/// was lost on the way is asked for again, until the portal answers.
pub fn load<T>(
    data: Resource<Result<T, ApiError>>,
    view: impl Fn(T, Me) -> AnyView + Clone + Send + Sync + 'static,
) -> AnyView
where
    T: Clone + Send + Sync + serde::Serialize + serde::de::DeserializeOwned + 'static,
{
    when_there(Arc::new(move || {
        let view = view.clone();
        Box::pin(async move {
            let found = data.await;
            if found.as_ref().is_err_and(|error| error.problem == Problem::Lost) {
                browser::soon(move || data.refetch());
            }
            found.map(|data| -> Ready { Box::new(move |me| view(data, me)) })
        })
    }))
}

/// Shows what depends on the session alone.
pub fn with_session(view: impl Fn(Me) -> AnyView + Clone + Send + Sync + 'static) -> AnyView {
    when_there(Arc::new(move || {
        let view: Ready = Box::new(view.clone());
        Box::pin(async move { Ok(view) })
    }))
}

/// The part that is the same for all data: it knows no type, so that the browser loads it once.
fn when_there(read: Arc<dyn Fn() -> Coming + Send + Sync>) -> AnyView {
    let session = use_context::<Session>();
    let parent = Owner::current();
    view! {
        <Transition fallback=waiting>
            {move || {
                let (read, parent) = (Arc::clone(&read), parent.clone());
                Suspend::new(async move {
                    let entry = match session {
                        Some(session) => session.0.await,
                        None => Ok(Entry::Anonymous),
                    };
                    // Both are awaited before a look at either, so that they travel side by side.
                    let data = read().await;
                    match entry {
                        Ok(Entry::SignedIn(user)) => shown(data.map(|view| lasting(parent, || view(Me(user))))),
                        Ok(other) => elsewhere(&other),
                        Err(error) => shown(Err(error)),
                    }
                })
            }}
        </Transition>
    }
    .into_any()
}

/// Keeps what a view makes for itself, such as signals, for as long as the view is on the page. Otherwise it would end
/// as soon as the data are read again, while the view from before is still there and looks at it.
fn lasting(parent: Option<Owner>, view: impl FnOnce() -> AnyView) -> AnyView {
    let owner = parent.map_or_else(Owner::new, |parent| parent.child());
    let view = owner.with(view);
    OwnedView::new_with_owner(view, owner).into_any()
}

fn shown(result: Result<AnyView, ApiError>) -> AnyView {
    match result {
        Ok(view) => view,
        Err(error) if error.needs_session() => elsewhere(&Entry::Anonymous),
        Err(error) => {
            page_status(error.status());
            problem_card(error)
        }
    }
}

/// Leads whoever has no session to where they get one.
fn elsewhere(entry: &Entry) -> AnyView {
    let here = use_location();
    let next = format!("{}{}", here.pathname.get_untracked(), query(&here.search.get_untracked()));
    let path = match entry {
        Entry::Setup => "/setup".to_owned(),
        Entry::Anonymous | Entry::SignedIn(_) if next == "/" => "/login".to_owned(),
        Entry::Anonymous | Entry::SignedIn(_) => format!("/login?next={}", escaped(&next)),
    };
    view! { <Redirect path=path/> }.into_any()
}

fn query(search: &str) -> String {
    let search = search.trim_start_matches('?');
    if search.is_empty() { String::new() } else { format!("?{search}") }
}

/// Escapes a path for a query value.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A grey block in the place of what comes; it shows only after a moment.
pub fn waiting() -> AnyView {
    view! { <div class="waiting" role="status"><span>{tr(|t| t.loading)}</span></div> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_survives_a_query() {
        assert_eq!(escaped("/chains/demo?tab=a b&x"), "/chains/demo%3Ftab%3Da%20b%26x");
        assert_eq!(query("?a=1"), "?a=1");
        assert_eq!(query("a=1"), "?a=1");
        assert_eq!(query(""), "");
    }
}
