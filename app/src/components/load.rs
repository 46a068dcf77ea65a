//! Data on its way: pending, refused or there, in one place. A refusal sets the page's HTTP status; a missing
//! session leads to the sign-in page and back.

use std::pin::Pin;
use std::sync::Arc;

use leptos::prelude::*;
use leptos::tachys::reactive_graph::OwnedView;
use leptos_router::components::Redirect;
use leptos_router::hooks::use_location;

use super::kept::Kept;
use super::notice::{problem_card, problem_note};
use crate::api::session::Entry;
use crate::api::{ApiError, page_status};
use crate::browser;
use crate::fetched::{Data, Fetched};
use crate::session::{Me, Session};
use crate::text::tr;

/// Nobody is signed in. Only the sign-in, which asks by itself, shows whether people can ask for an account.
const NOBODY: Entry = Entry::Anonymous { registers: false };

/// Makes the view once it is known who looks, below what it belongs to.
type Ready = Box<dyn FnOnce(Me, Option<Owner>) -> AnyView + Send>;
/// Data on their way, of whatever type.
type Coming = Pin<Box<dyn Future<Output = Result<Ready, ApiError>> + Send>>;

/// Reads the data and makes their view.
type Read = Arc<dyn Fn() -> Coming + Send + Sync>;

/// What stands for what was asked for when it was refused.
#[derive(Clone, Copy)]
enum Place {
    /// The page: its title and its status say so.
    Page,
    /// A part of a page that is there: only this part says so.
    Part,
}

/// Shows `view` once the data and the session are there. New data update what is on the page in place; parts that depend
/// on signals are put there anew: where people type, see [`load_live`].
pub fn load<T>(data: Fetched<T>, view: impl Fn(T, Me) -> AnyView + Clone + Send + Sync + 'static) -> AnyView
where
    T: Data,
{
    when_there(reading(data, view), Place::Page)
}

/// The same for a part of a page: its refusal leaves the page's title and status alone.
pub fn load_part<T>(
    data: Fetched<T>,
    view: impl Fn(T, Me) -> AnyView + Clone + Send + Sync + 'static,
) -> AnyView
where
    T: Data,
{
    when_there(reading(data, view), Place::Part)
}

/// The same for a page on which people type: the view is made once, and follows its data as a signal. It is made anew on
/// another page, and after a refusal.
pub fn load_live<T>(
    data: Fetched<T>,
    view: impl Fn(RwSignal<T>, Me) -> AnyView + Clone + Send + Sync + 'static,
) -> AnyView
where
    T: Data,
{
    when_there(reading_live(data, view), Place::Page)
}

/// The same for a part of a page.
pub fn load_live_part<T>(
    data: Fetched<T>,
    view: impl Fn(RwSignal<T>, Me) -> AnyView + Clone + Send + Sync + 'static,
) -> AnyView
where
    T: Data,
{
    when_there(reading_live(data, view), Place::Part)
}

/// Takes in what the data of such a view say: at once, for the page as it is sent, and whenever they change.
pub fn take_in(take: impl Fn() + 'static) {
    untrack(&take);
    Effect::new(move |_| take());
}

fn reading_live<T>(
    data: Fetched<T>,
    view: impl Fn(RwSignal<T>, Me) -> AnyView + Clone + Send + Sync + 'static,
) -> Read
where
    T: Data,
{
    let shown: Shown<T> = StoredValue::new(None);
    Arc::new(move || {
        let view = view.clone();
        Box::pin(async move {
            data.wait().await.map(|data| -> Ready {
                Box::new(move |me, parent| live(data, shown, parent, move |data| view(data, me)))
            })
        })
    })
}

/// The data that a view on a page follows.
type Shown<T> = StoredValue<Option<(String, RwSignal<T>)>>;

fn live<T: Data>(
    data: T,
    shown: Shown<T>,
    parent: Option<Owner>,
    view: impl FnOnce(RwSignal<T>) -> AnyView + Send + 'static,
) -> AnyView {
    let fresh = data.clone();
    let make = move || {
        lasting(parent, move || {
            let data = RwSignal::new(data);
            shown.try_set_value(Some((browser::path(), data)));
            view(data)
        })
    };
    if cfg!(feature = "ssr") {
        return make();
    }
    let renew = move || {
        let here = browser::path();
        let on_page = shown.try_get_value().flatten().filter(|(path, _)| *path == here);
        on_page.is_some_and(|(_, data)| data.try_set(fresh).is_none())
    };
    Kept::new(make, renew).into_any()
}

fn reading<T>(data: Fetched<T>, view: impl Fn(T, Me) -> AnyView + Clone + Send + Sync + 'static) -> Read
where
    T: Data,
{
    Arc::new(move || {
        let view = view.clone();
        Box::pin(async move {
            let answer = data.arrived().await;
            if let Err(error) = &*answer {
                return Err(error.clone());
            }
            // Copied where it is shown, if somebody else holds it as well, and not for each look.
            Ok(made(move |me| match Arc::unwrap_or_clone(answer) {
                Ok(data) => view(data, me),
                Err(error) => problem_note(error),
            }))
        })
    })
}

/// A view that is made anew each time.
fn made(view: impl FnOnce(Me) -> AnyView + Send + 'static) -> Ready {
    Box::new(move |me, parent| lasting(parent, move || view(me)))
}

/// Shows what depends on the session alone.
pub fn with_session(view: impl Fn(Me) -> AnyView + Clone + Send + Sync + 'static) -> AnyView {
    let read: Read = Arc::new(move || {
        let view = made(view.clone());
        Box::pin(async move { Ok(view) })
    });
    when_there(read, Place::Page)
}

/// The part that is the same for all data: it knows no type, so that the browser loads it once.
fn when_there(read: Read, place: Place) -> AnyView {
    let session = use_context::<Session>();
    let parent = Owner::current();
    view! {
        <Transition fallback=waiting>
            {move || {
                let (read, parent) = (Arc::clone(&read), parent.clone());
                Suspend::new(async move {
                    let entry = match session {
                        Some(session) => session.0.wait().await,
                        None => Ok(NOBODY),
                    };
                    // Both are awaited before a look at either, so that they travel side by side.
                    let data = read().await;
                    match entry {
                        Ok(Entry::SignedIn(user)) => {
                            shown(data.map(|view| view(Me(user), parent)), place)
                        }
                        Ok(other) => elsewhere(&other),
                        Err(error) => shown(Err(error), place),
                    }
                })
            }}
        </Transition>
    }
    .into_any()
}

/// Keeps what a view makes for itself, such as signals, for as long as the view is on the page. Otherwise it would end
/// as soon as the data are read again, while the view from before is still there and looks at it.
///
/// The server makes it when it writes it: it comes by here two or three times for a page, to learn whether all data are
/// there, and would make a whole page each time, with all that the page asks for.
fn lasting(parent: Option<Owner>, view: impl FnOnce() -> AnyView + Send + 'static) -> AnyView {
    let make = move || {
        let owner = parent.map_or_else(Owner::new, |parent| parent.child());
        let view = owner.with(view);
        OwnedView::new_with_owner(view, owner).into_any()
    };
    if cfg!(feature = "ssr") { Kept::new(make, || false).into_any() } else { make() }
}

fn shown(result: Result<AnyView, ApiError>, place: Place) -> AnyView {
    match (result, place) {
        (Ok(view), _) => view,
        (Err(error), _) if error.needs_session() => elsewhere(&NOBODY),
        (Err(error), _) if error.is_walled() => view! { <Redirect path="/account"/> }.into_any(),
        (Err(error), Place::Page) => {
            page_status(error.status());
            problem_card(error)
        }
        (Err(error), Place::Part) => problem_note(error),
    }
}

/// Leads whoever has no session to where they get one.
fn elsewhere(entry: &Entry) -> AnyView {
    let here = use_location();
    let next = format!("{}{}", here.pathname.get_untracked(), query(&here.search.get_untracked()));
    let path = match entry {
        Entry::Setup => "/setup".to_owned(),
        Entry::Anonymous { .. } | Entry::SignedIn(_) if next == "/" => "/login".to_owned(),
        Entry::Anonymous { .. } | Entry::SignedIn(_) => format!("/login?next={}", escaped(&next)),
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
