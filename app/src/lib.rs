//! The portal's pages: rendered on the server, brought to life in the browser by WebAssembly.
//!
//! This file holds the shell, the app and the route table and nothing else. Pages ask the server functions in
//! `api`; they never decide who may do what.

use leptos::prelude::*;
use leptos_meta::{MetaTags, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::pages::split::{Admin, Chain, Entry, Home, Ledger, People, Pool, Work};

pub mod api;
#[cfg(feature = "bench")]
pub mod bench;
pub mod browser;
#[cfg(feature = "ssr")]
pub mod chart;
pub mod components;
pub mod events;
pub mod expiry;
pub mod fetched;
pub mod help;
pub mod keys;
pub mod layout;
pub mod pages;
pub mod palette;
pub mod preferences;
pub mod presence;
pub mod session;
pub mod text;

/// The document around the app. It decides language and theme before the first byte, so nothing flashes, and
/// carries the nonce that the content policy names.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let (lang, theme) = preferences::initial();
    layout::content_policy();
    let style = format!("/{}/heddle.css", options.site_pkg_dir);
    view! {
        <!DOCTYPE html>
        <html lang=lang.tag() data-theme=theme.as_str()>
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <meta name="color-scheme" content="light dark"/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="stylesheet" href=style/>
                <script nonce=leptos::nonce::use_nonce()>{components::unsaved::BACK_SCRIPT}</script>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The app: what every page shares, and the routes.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    preferences::provide_preferences();
    presence::provide_presence();
    components::toast::provide_toasts();
    fetched::Stale::provide();
    fetched::Ended::provide();
    components::page::Arrivals::provide();
    view! {
        <Router>
            <Routes fallback=|| pages::missing::NotFound>
                <Route path=path!("/setup") view=People::Setup ssr=SsrMode::Async/>
                <Route path=path!("/login") view=Entry::Login ssr=SsrMode::Async/>
                <Route path=path!("/welcome") view=People::Welcome ssr=SsrMode::Async/>
                <Route path=path!("/register") view=People::Register ssr=SsrMode::Async/>
                <Route path=path!("/login/code") view=People::LoginCode ssr=SsrMode::Async/>
                <Route path=path!("/wall") view=Work::Wall ssr=SsrMode::Async/>
                <ParentRoute path=path!("") view=layout::Layout ssr=SsrMode::Async>
                    <Route path=path!("") view=Home::Overview/>
                    <HostRoutes/>
                    <Route path=path!("/apply") view=Pool::Apply/>
                    <PoolRoutes/>
                    <ChainRoutes/>
                    <Route path=path!("/operations") view=Work::Operations/>
                    <Route path=path!("/operations/:id") view=Work::Operation/>
                    <Route path=path!("/notices") view=Work::Notices/>
                    <UserRoutes/>
                    <Route path=path!("/audit") view=Admin::Audit/>
                    <Route path=path!("/account") view=People::Account/>
                    <Route path=path!("/help") view=Work::Help/>
                    <Route path=path!("/help/:section") view=Work::Help/>
                </ParentRoute>
            </Routes>
        </Router>
    }
}

#[component(transparent)]
fn HostRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    view! {
        <ParentRoute path=path!("/hosts") view=layout::Through>
            <Route path=path!("") view=Admin::Hosts/>
            <Route path=path!("new") view=Admin::HostNew/>
            <Route path=path!(":id") view=Admin::Host/>
            <Route path=path!(":id/edit") view=Admin::HostEdit/>
        </ParentRoute>
    }
    .into_inner()
}

#[component(transparent)]
fn UserRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    view! {
        <ParentRoute path=path!("/users") view=layout::Through>
            <Route path=path!("") view=People::Users/>
            <Route path=path!("new") view=People::New/>
            <Route path=path!(":id") view=People::User/>
        </ParentRoute>
    }
    .into_inner()
}

#[component(transparent)]
fn PoolRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    view! {
        <ParentRoute path=path!("/templates") view=layout::Through>
            <Route path=path!("") view=Pool::Templates/>
            <Route path=path!("new") view=Pool::TemplateNew/>
            <Route path=path!(":name") view=Pool::Template/>
        </ParentRoute>
    }
    .into_inner()
}

#[component(transparent)]
fn ChainRoutes() -> impl leptos_router::MatchNestedRoutes + Clone {
    view! {
        <ParentRoute path=path!("/chains") view=layout::Through>
            <Route path=path!("") view=Pool::Chains/>
            <Route path=path!("new") view=Chain::New/>
            <Route path=path!(":name") view=Chain::Chain/>
            <Route path=path!(":name/channels") view=Chain::Channels/>
            <Route path=path!(":name/channels/:channel") view=Chain::Channel/>
            <Route path=path!(":name/chaincode") view=Ledger::Chaincode/>
            <Route path=path!(":name/invoke") view=Ledger::Invoke/>
            <Route path=path!(":name/transactions") view=Ledger::Transactions/>
            <Route path=path!(":name/nodes/:node") view=Chain::Node/>
            <Route path=path!(":name/transactions/:channel/:id") view=Ledger::Transaction/>
            <Route path=path!(":name/blocks/:channel/:number") view=Ledger::Block/>
        </ParentRoute>
    }
    .into_inner()
}
