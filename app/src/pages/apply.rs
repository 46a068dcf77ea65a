//! Getting a chain from the pool: by template, by name, or by type and size. Whoever gets one comes straight to its page.

use domain::name::{ChainName, TemplateName};
use domain::pool::{Applied, ApplySpec, FreeChain, PoolView, QuotaView, TemplateOffer};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::refusal;
use crate::api::ApiError;
use crate::api::pool::{apply_cancel, chain_apply, pool_read};
use crate::browser::new_key;
use crate::components::field::CheckField;
use crate::components::load::load_live;
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::events;
use crate::fetched::{Fetched, again};
use crate::text::{fill, say, tr, words};

mod forms;
mod queue;

/// What is chosen on the page, and what came of it; it outlives what is read anew.
#[derive(Clone, Copy)]
struct Wishes {
    another: RwSignal<bool>,
    queue: RwSignal<bool>,
    /// A free chain by name; empty: any.
    name: RwSignal<String>,
    peers: RwSignal<String>,
    consensus: RwSignal<String>,
    apply: Action<ApplySpec, Result<Applied, ApiError>>,
    leave: Action<String, Result<(), ApiError>>,
}

impl Wishes {
    fn new() -> Self {
        let apply = Action::new(|spec: &ApplySpec| {
            let spec = spec.clone();
            // Under its key it may arrive twice.
            async move { again(move || chain_apply(spec.clone())).await }
        });
        let leave = Action::new(|wish: &String| apply_cancel(wish.clone()));
        let empty = || RwSignal::new(String::new());
        Self {
            another: RwSignal::new(false),
            queue: RwSignal::new(true),
            name: empty(),
            peers: empty(),
            consensus: empty(),
            apply,
            leave,
        }
    }

    /// Asks for a chain; what the page says of every wish is added.
    fn ask(self, spec: ApplySpec) {
        if self.apply.pending().get_untracked() {
            return;
        }
        self.apply.dispatch(ApplySpec {
            another: self.another.get_untracked(),
            queue: self.queue.get_untracked(),
            key: new_key(),
            ..spec
        });
    }
}

/// The page.
#[component]
pub fn Apply() -> impl IntoView {
    let tick = events::ticks(|m| m.touches("chain", ""));
    let wishes = Wishes::new();
    let (asked, left) = (wishes.apply.version(), wishes.leave.version());
    let pool = Fetched::new(move || (tick.get(), asked.get(), left.get()), |_| pool_read());
    let navigate = use_navigate();
    Effect::new(move |_| {
        let address = match wishes.apply.value().get() {
            Some(Ok(Applied::Claimed { chain, .. })) => format!("/chains/{chain}"),
            Some(Ok(Applied::Creating { operation, .. })) => format!("/operations/{operation}"),
            Some(Ok(Applied::Queued { .. }) | Err(_)) | None => return,
        };
        navigate(&address, leptos_router::NavigateOptions::default());
    });
    view! {
        <Page title=words(|t| t.pool().apply)>
            <p class="muted">{tr(|t| t.pool().apply_hint)}</p>
            <Notice error=refusal(wishes.apply)/>
            <Notice error=refusal(wishes.leave)/>
            {load_live(pool, move |pool: RwSignal<PoolView>, _| body(pool, wishes))}
        </Page>
    }
}

/// The parts of the page. Each is drawn anew only when what it shows has changed, so that nobody loses their place.
fn body(pool: RwSignal<PoolView>, wishes: Wishes) -> AnyView {
    let allowance = Memo::new(move |_| pool.with(|pool| pool.quota.clone()));
    let waiting = Memo::new(move |_| pool.with(|pool| pool.queue.clone()));
    let templates = Memo::new(move |_| pool.with(|pool| pool.templates.clone()));
    let free = Memo::new(move |_| pool.with(|pool| pool.free.clone()));
    let own = Memo::new(move |_| pool.with(|pool| pool.own.clone()));
    view! {
        {move || allowance.with(quota)}
        {move || waiting.with(|waiting| queue::queue(waiting, wishes.leave))}
        <section class="card">
            <CheckField id="another" label=words(|t| t.pool().another) value=wishes.another/>
            <CheckField id="queue" label=words(|t| t.pool().queue) value=wishes.queue/>
        </section>
        <section class="card">
            <h2>{tr(|t| t.pool().by_template)}</h2>
            <p class="muted">{tr(|t| t.pool().by_template_hint)}</p>
            {move || templates.with(|templates| cards(templates, wishes))}
        </section>
        {forms::by_name(free, wishes)}
        {forms::by_size(wishes)}
        <section class="card">
            <h2>{tr(|t| t.pool().own)}</h2>
            {move || own.with(|own| own_chains(own))}
        </section>
    }
    .into_any()
}

/// What somebody may have, and how much of it they use.
fn quota(quota: &QuotaView) -> AnyView {
    let (used, max) = (quota.chains_used.to_string(), quota.chains.to_string());
    let chains = say(move |t| fill(t.pool().chains_used, &[("used", used.as_str()), ("max", max.as_str())]));
    let hours = quota.lifetime_hours.map(|hours| hours.to_string());
    let lifetime = say(move |t| match &hours {
        Some(hours) => fill(t.pool().lifetime_hours, &[("hours", hours)]),
        None => t.pool().lifetime_none.to_owned(),
    });
    let each_minute = quota.calls.map(|max| (max.to_string(), quota.calls_left.unwrap_or(max).to_string()));
    let calls = say(move |t| match &each_minute {
        Some((max, left)) => fill(t.pool().calls_minute, &[("max", max), ("left", left)]),
        None => t.pool().calls_none.to_owned(),
    });
    view! {
        <section class="card">
            <h2>{tr(|t| t.pool().quota)}</h2>
            <dl class="facts">
                <dt>{tr(|t| t.pool().chains)}</dt>
                <dd data-test="quota-chains">{chains}</dd>
                <dt>{tr(|t| t.pool().lifetime)}</dt>
                <dd>{lifetime}</dd>
                <dt>{tr(|t| t.pool().calls)}</dt>
                <dd>{calls}</dd>
            </dl>
        </section>
    }
    .into_any()
}

fn cards(templates: &[TemplateOffer], wishes: Wishes) -> AnyView {
    if templates.is_empty() {
        return view! { <p>{tr(|t| t.pool().no_templates)}</p> }.into_any();
    }
    let cards = templates.iter().map(|template| card(template, wishes)).collect_view();
    view! { <ul class="cards">{cards}</ul> }.into_any()
}

fn card(template: &TemplateOffer, wishes: Wishes) -> AnyView {
    let count = template.free.to_string();
    let free = say(move |t| fill(t.pool().free_n, &[("count", count.as_str())]));
    let (peers, orderers) = (template.peers.to_string(), template.orderers.to_string());
    let size = say(move |t| format!("{}: {peers} · {}: {orderers}", t.peers, t.orderers));
    let (name, title): (TemplateName, String) = (template.name.clone(), template.title.clone());
    let label = say(move |t| format!("{}: {title}", t.pool().take));
    let wanted = name.to_string();
    let take = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        wishes.ask(ApplySpec { template: Some(name.clone()), ..ApplySpec::default() });
    };
    view! {
        <li class="card">
            <h3>{template.title.clone()}</h3>
            <p>{template.description.clone()}</p>
            <p class="muted small">{size} " · Fabric " {template.version.as_str()}</p>
            <p data-test="free">{free}</p>
            <form method="post" action="/apply" on:submit=take>
                <input type="hidden" name="apply-template" value=wanted/>
                <button type="submit" class="button primary" aria-label=label
                    disabled=move || wishes.apply.pending().get()>
                    {tr(|t| t.pool().take)}
                </button>
            </form>
        </li>
    }
    .into_any()
}

fn own_chains(own: &[ChainName]) -> AnyView {
    if own.is_empty() {
        return view! { <p>{tr(|t| t.pool().own_none)}</p> }.into_any();
    }
    let links = own
        .iter()
        .map(|name| view! { <li><a href=format!("/chains/{name}")>{name.to_string()}</a></li> })
        .collect_view();
    view! { <ul>{links}</ul> }.into_any()
}

/// The free chains as a choice.
fn choices(free: &[FreeChain]) -> Vec<(String, String)> {
    free.iter().map(|one| (one.name.to_string(), format!("{} ({})", one.name, one.template))).collect()
}
