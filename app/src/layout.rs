//! The frame of all pages behind the sign-in: navigation by role, what is running, language, theme, sign-out.

use domain::activity::ActivityView;
use domain::permission::{Action, Noun};
use leptos::prelude::*;
use leptos_router::components::{A, Outlet};
use leptos_router::hooks::use_location;

use crate::api::activity::activity_read;
use crate::api::profile::look_save;
use crate::browser;
use crate::components::icon::{Icon, icon};
use crate::components::load::{load_part, with_session};
use crate::components::menu::{Menu, PreferenceMenus};
use crate::components::toast::ToastPlace;
use crate::events;
use crate::fetched::{Data, Fetched, Stale};
use crate::preferences::{Preferences, Theme};
use crate::session::{Me, provide_session};
use crate::text::{Lang, Text, fill, say, tr, words};

/// Passes through to the page below.
#[component]
pub fn Through() -> impl IntoView {
    view! { <Outlet/> }
}

/// The frame.
#[component]
pub fn Layout() -> impl IntoView {
    provide_session();
    events::provide_events();
    follow_page();
    keep_look();
    view! {
        <a class="skip" href="#main" rel="external">{tr(|t| t.skip)}</a>
        <header class="top">
            <a class="brand" href="/">{tr(|t| t.brand)}</a>
            <Activity/>
            <div class="top-end">
                <PreferenceMenus/>
                {with_session(person)}
            </div>
        </header>
        <StaleNotice/>
        <div class="frame">
            <nav class="side" aria-label=tr(|t| t.navigation)>{with_session(navigation)}</nav>
            <main id="main" tabindex="-1"><Outlet/></main>
        </div>
        <ToastPlace/>
        {crate::keys::key_place()}
        {crate::expiry::expiry_place()}
    }
}

/// Gives the focus to the place of the page as soon as another one is asked for; its heading takes it when it is there.
fn follow_page() {
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let now = path.get();
        if before.is_some_and(|before| before != now) {
            browser::focus_in_place("main");
        }
        now
    });
}

/// Takes over what came with the sign-in, and has the portal keep what is chosen afterwards.
fn keep_look() {
    let Some(preferences) = use_context::<Preferences>() else { return };
    Effect::new(move |before: Option<(Lang, Theme)>| {
        if before.is_none() {
            preferences.renew();
        }
        let now = (preferences.lang.get(), preferences.theme.get());
        if before.is_some_and(|before| before != now) {
            let (language, theme) = (now.0.tag().to_owned(), now.1.as_str().to_owned());
            leptos::task::spawn_local(async move {
                // The browser keeps it in any case.
                let _kept = look_save(language, theme).await;
            });
        }
        now
    });
}

/// Says that what stands on the page may be old, as long as it may.
#[component]
pub fn StaleNotice() -> impl IntoView {
    let stale = Stale::get();
    view! {
        <div role="status" class="notice-place over-page">
            {move || stale().then(|| view! { <p class="notice notice-bad">{tr(|t| t.stale)}</p> })}
        </div>
    }
}

/// The frame of the two pages before the sign-in.
#[component]
pub fn Bare(children: Children) -> impl IntoView {
    view! {
        <header class="top">
            <a class="brand" href="/">{tr(|t| t.brand)}</a>
            <div class="top-end"><PreferenceMenus/></div>
        </header>
        <main id="main" class="bare" tabindex="-1">{children()}</main>
    }
}

fn navigation(me: Me) -> AnyView {
    type Entry = (&'static str, Icon, fn(&'static Text) -> &'static str, Option<Noun>);
    let entries: [Entry; 6] = [
        ("/", Icon::Home, |t| t.overview, None),
        ("/chains", Icon::Chain, |t| t.chains, Some(Noun::Chain)),
        ("/hosts", Icon::Host, |t| t.hosts, Some(Noun::Host)),
        ("/operations", Icon::Operation, |t| t.operations, Some(Noun::Operation)),
        ("/users", Icon::Users, |t| t.users, Some(Noun::User)),
        ("/audit", Icon::Audit, |t| t.audit, Some(Noun::Audit)),
    ];
    let items = entries
        .into_iter()
        .filter(|(_, _, _, noun)| noun.is_none_or(|noun| me.can(Action::List, noun)))
        .map(|(address, picture, pick, _)| {
            view! {
                <li>
                    <A href=address exact={address == "/"}>{icon(picture)} <span>{tr(pick)}</span></A>
                </li>
            }
        })
        .collect_view();
    view! { <ul>{items}</ul> }.into_any()
}

/// Who is signed in, and the way out: a plain form, so that the whole page is new afterwards.
fn person(me: Me) -> AnyView {
    let role = match me.0.role {
        domain::permission::Role::Admin => tr(|t| t.role_admin),
        domain::permission::Role::Operator => tr(|t| t.role_operator),
        domain::permission::Role::User => tr(|t| t.role_user),
    };
    view! {
        <Menu id="menu-account" label=words(|t| t.account) picture=Icon::Person text=me.0.name.to_string()>
            <p class="muted small">{role}</p>
            <a class="menu-item" href="/account" on:click=|_| browser::hide_panel("menu-account")>
                {tr(|t| t.account_page)}
            </a>
            <form method="post" action="/api/session_delete">
                <button type="submit" class="menu-item">{tr(|t| t.sign_out)}</button>
            </form>
            <form method="post" action="/api/session_delete_all">
                <button type="submit" class="menu-item">{tr(|t| t.sign_out_everywhere)}</button>
            </form>
        </Menu>
    }
    .into_any()
}

/// How many operations are under way and how many notices are not read, on every page.
#[component]
fn Activity() -> impl IntoView {
    let tick = events::ticks(|message| message.touches("operation", "") || message.touches("notice", ""));
    let data = Fetched::new(move || tick.get(), |_| activity_read());
    load_quietly(data)
}

fn load_quietly(data: Fetched<ActivityView>) -> AnyView {
    view! {
        <Transition fallback=|| ()>
            {move || Suspend::new(async move {
                // A page shows its own problems; this corner only counts.
                let ActivityView { running, unread } = data.wait().await.unwrap_or_default();
                let text = say(move |t| match running {
                    0 => t.nothing_running.to_owned(),
                    1 => t.one_running.to_owned(),
                    _ => fill(t.many_running, &[("n", running.to_string())]),
                });
                let notices = say(move |t| match unread {
                    0 => t.notices.to_owned(),
                    _ => fill(t.unread_notices, &[("n", unread.to_string())]),
                });
                view! {
                    <a class="activity" class:busy=running != 0 href="/operations">
                        <span class="activity-mark" aria-hidden="true"></span>
                        <span>{text}</span>
                    </a>
                    <a class="notices-link" class:unread=unread != 0 href="/notices">
                        <span class="notices-mark" aria-hidden="true">{unread.to_string()}</span>
                        <span class="notices-words">{notices}</span>
                    </a>
                }
            })}
        </Transition>
    }
    .into_any()
}

/// The sub-pages of a chain, as tabs that are plain links.
pub fn chain_tabs(chain: &str) -> AnyView {
    type Tab = (&'static str, fn(&'static Text) -> &'static str);
    let tabs: [Tab; 5] = [
        ("", |t| t.overview),
        ("/channels", |t| t.channels),
        ("/chaincode", |t| t.chaincode),
        ("/invoke", |t| t.invoke),
        ("/transactions", |t| t.transactions),
    ];
    let items = tabs
        .into_iter()
        .map(|(end, pick)| view! { <li><A href=format!("/chains/{chain}{end}") exact=true>{tr(pick)}</A></li> })
        .collect_view();
    view! { <nav class="tabs" aria-label=tr(|t| t.chain_pages)><ul>{items}</ul></nav> }.into_any()
}

/// Crumbs of a chain's sub-pages.
pub fn chain_crumbs(chain: &str) -> Vec<crate::components::page::Crumb> {
    let name = chain.to_owned();
    vec![(words(|t| t.chains), "/chains".to_owned()), (Signal::stored(name), format!("/chains/{chain}"))]
}

/// Sends the content policy with the nonce of this answer; in the browser it does nothing.
#[cfg(not(feature = "ssr"))]
pub fn content_policy() {}

/// Sends the content policy with the nonce of this answer; in the browser it does nothing.
#[cfg(feature = "ssr")]
pub fn content_policy() {
    use axum::http::{HeaderValue, header};
    let (Some(nonce), Some(options)) =
        (leptos::nonce::use_nonce(), use_context::<leptos_axum::ResponseOptions>())
    else {
        return;
    };
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
         style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Loads a part of a page in a card of its own with a heading.
pub fn section<T>(
    title: fn(&'static Text) -> &'static str,
    data: Fetched<T>,
    view: impl Fn(T, Me) -> AnyView + Clone + Send + Sync + 'static,
) -> AnyView
where
    T: Data,
{
    card(title, load_part(data, view))
}

/// A card with a heading.
pub fn card(title: fn(&'static Text) -> &'static str, content: AnyView) -> AnyView {
    view! {
        <section class="card">
            <h2>{tr(title)}</h2>
            {content}
        </section>
    }
    .into_any()
}
