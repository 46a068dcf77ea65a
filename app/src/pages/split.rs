//! Which pages the browser loads together. The module that every visit loads holds what all pages share; a page comes
//! with its group, on its first visit. Pages that are used one after another stand in one group.
//!
//! This is the only place that knows the groups: routes name a page, and nothing here knows an address.

use leptos::prelude::*;
use leptos_router::ChooseView;

use super::{
    account, apply, audit, block, chain, chain_new, chaincode, chains, channel, channels, help, host,
    host_edit, host_new, hosts, invoke, login, node, notices, operation, operations, overview, register,
    setup, template, template_new, templates, transaction, transactions, user, user_new, users, wall,
    welcome,
};
use crate::browser;

/// The sign-in, alone for the same reason as the page behind it.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    Login,
}

/// The first page after the sign-in, alone, because its size is what everybody waits for.
#[derive(Clone, Copy, Debug)]
pub enum Home {
    Overview,
}

/// What is being done.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    Operations,
    Operation,
    Notices,
    /// The screen for the wall.
    Wall,
    /// The manual.
    Help,
}

/// Hosts and the record: an admin's pages.
#[derive(Clone, Copy, Debug)]
pub enum Admin {
    Hosts,
    HostNew,
    Host,
    HostEdit,
    Audit,
}

/// People as an admin keeps them and as they keep themselves, and how somebody gets in for the first time.
#[derive(Clone, Copy, Debug)]
pub enum People {
    Users,
    New,
    User,
    Account,
    Setup,
    /// Where the second factor is asked for.
    LoginCode,
    Welcome,
    Register,
}

/// Chains as a list, and where they come from: the pool, and the templates that it is filled from.
#[derive(Clone, Copy, Debug)]
pub enum Pool {
    Chains,
    Apply,
    Templates,
    TemplateNew,
    Template,
}

/// One chain as what an operator runs.
#[derive(Clone, Copy, Debug)]
pub enum Chain {
    New,
    Chain,
    Channels,
    Channel,
    Node,
}

/// One chain as what a user works with.
#[derive(Clone, Copy, Debug)]
pub enum Ledger {
    Chaincode,
    Invoke,
    Transactions,
    Transaction,
    Block,
}

/// Tells tests and style sheets that the page's buttons act from here on: its part has arrived.
pub fn tell_ready() {
    Effect::new(|_| browser::set_root_attribute("data-ready", "true"));
}

#[lazy]
fn entry_group(page: Entry) -> AnyView {
    tell_ready();
    match page {
        Entry::Login => view! { <login::Login/> }.into_any(),
    }
}

#[lazy]
fn home_group(page: Home) -> AnyView {
    tell_ready();
    match page {
        Home::Overview => view! { <overview::Overview/> }.into_any(),
    }
}

#[lazy]
fn work_group(page: Work) -> AnyView {
    tell_ready();
    match page {
        Work::Operations => view! { <operations::Operations/> }.into_any(),
        Work::Operation => view! { <operation::Operation/> }.into_any(),
        Work::Notices => view! { <notices::Notices/> }.into_any(),
        Work::Wall => view! { <wall::Wall/> }.into_any(),
        Work::Help => view! { <help::Help/> }.into_any(),
    }
}

#[lazy]
fn admin_group(page: Admin) -> AnyView {
    tell_ready();
    match page {
        Admin::Hosts => view! { <hosts::Hosts/> }.into_any(),
        Admin::HostNew => view! { <host_new::HostNew/> }.into_any(),
        Admin::HostEdit => view! { <host_edit::HostEdit/> }.into_any(),
        Admin::Host => view! { <host::Host/> }.into_any(),
        Admin::Audit => view! { <audit::Audit/> }.into_any(),
    }
}

#[lazy]
fn people_group(page: People) -> AnyView {
    tell_ready();
    match page {
        People::Users => view! { <users::Users/> }.into_any(),
        People::New => view! { <user_new::UserNew/> }.into_any(),
        People::User => view! { <user::User/> }.into_any(),
        People::Account => view! { <account::Account/> }.into_any(),
        People::Setup => view! { <setup::Setup/> }.into_any(),
        People::LoginCode => view! { <login::LoginCode/> }.into_any(),
        People::Welcome => view! { <welcome::Welcome/> }.into_any(),
        People::Register => view! { <register::Register/> }.into_any(),
    }
}

#[lazy]
fn pool_group(page: Pool) -> AnyView {
    tell_ready();
    match page {
        Pool::Chains => view! { <chains::Chains/> }.into_any(),
        Pool::Apply => view! { <apply::Apply/> }.into_any(),
        Pool::Templates => view! { <templates::Templates/> }.into_any(),
        Pool::TemplateNew => view! { <template_new::TemplateNew/> }.into_any(),
        Pool::Template => view! { <template::Template/> }.into_any(),
    }
}

#[lazy]
fn chain_group(page: Chain) -> AnyView {
    tell_ready();
    match page {
        Chain::New => view! { <chain_new::ChainNew/> }.into_any(),
        Chain::Chain => view! { <chain::Chain/> }.into_any(),
        Chain::Channels => view! { <channels::Channels/> }.into_any(),
        Chain::Channel => view! { <channel::Channel/> }.into_any(),
        Chain::Node => view! { <node::Node/> }.into_any(),
    }
}

#[lazy]
fn ledger_group(page: Ledger) -> AnyView {
    tell_ready();
    match page {
        Ledger::Chaincode => view! { <chaincode::Chaincode/> }.into_any(),
        Ledger::Invoke => view! { <invoke::Invoke/> }.into_any(),
        Ledger::Transactions => view! { <transactions::Transactions/> }.into_any(),
        Ledger::Transaction => view! { <transaction::Transaction/> }.into_any(),
        Ledger::Block => view! { <block::Block/> }.into_any(),
    }
}

impl ChooseView for Entry {
    async fn choose(self) -> AnyView {
        entry_group(self).await
    }

    async fn preload(&self) {
        #[cfg(feature = "hydrate")]
        __preload_entry_group().await;
    }
}

impl ChooseView for Home {
    async fn choose(self) -> AnyView {
        home_group(self).await
    }

    async fn preload(&self) {
        #[cfg(feature = "hydrate")]
        __preload_home_group().await;
    }
}

impl ChooseView for Work {
    async fn choose(self) -> AnyView {
        work_group(self).await
    }

    async fn preload(&self) {
        #[cfg(feature = "hydrate")]
        __preload_work_group().await;
    }
}

impl ChooseView for Admin {
    async fn choose(self) -> AnyView {
        admin_group(self).await
    }

    async fn preload(&self) {
        #[cfg(feature = "hydrate")]
        __preload_admin_group().await;
    }
}

impl ChooseView for People {
    async fn choose(self) -> AnyView {
        people_group(self).await
    }

    async fn preload(&self) {
        #[cfg(feature = "hydrate")]
        __preload_people_group().await;
    }
}

impl ChooseView for Pool {
    async fn choose(self) -> AnyView {
        pool_group(self).await
    }

    async fn preload(&self) {
        #[cfg(feature = "hydrate")]
        __preload_pool_group().await;
    }
}

impl ChooseView for Chain {
    async fn choose(self) -> AnyView {
        chain_group(self).await
    }

    async fn preload(&self) {
        #[cfg(feature = "hydrate")]
        __preload_chain_group().await;
    }
}

impl ChooseView for Ledger {
    async fn choose(self) -> AnyView {
        ledger_group(self).await
    }

    async fn preload(&self) {
        #[cfg(feature = "hydrate")]
        __preload_ledger_group().await;
    }
}
