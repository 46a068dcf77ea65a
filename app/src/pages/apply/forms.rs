//! Asking for a chain by its name, or by its type and size.

use domain::chain::Consensus;
use domain::name::ChainName;
use domain::pool::{ApplySpec, FreeChain};
use leptos::prelude::*;

use super::{Wishes, choices};
use crate::components::field::{SelectField, TextField};
use crate::pages::host_new::wrong_on;
use crate::text::{Text, tr, use_lang, words};

/// By name: any of those that are free.
pub fn by_name(free: Memo<Vec<FreeChain>>, wishes: Wishes) -> AnyView {
    let options = Signal::derive(move || free.with(|free| choices(free)));
    let is_empty = move || free.with(Vec::is_empty);
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        // Nothing was chosen: the browser shows the first.
        let first = free.with_untracked(|free| free.first().map(|one| one.name.clone()));
        let name = ChainName::parse(&wishes.name.get_untracked()).ok().or(first);
        if name.is_some() {
            wishes.ask(ApplySpec { name, ..ApplySpec::default() });
        }
    };
    view! {
        <form method="post" action="/apply" class="card form" on:submit=submit>
            <h2>{tr(|t| t.pool().by_name)}</h2>
            <p class="muted">{tr(|t| t.pool().by_name_hint)}</p>
            <Show when=move || !is_empty() fallback=|| view! { <p>{tr(|t| t.pool().none_free)}</p> }>
                <SelectField id="apply-name" label=words(|t| t.pool().chain) value=wishes.name options=options/>
                {button(wishes)}
            </Show>
        </form>
    }
    .into_any()
}

/// By type and size: what is left open fits.
pub fn by_size(wishes: Wishes) -> AnyView {
    let wrong = RwSignal::new(None::<domain::Error>);
    let lang = use_lang();
    let options = Signal::derive(move || {
        let any = lang.get().text().pool().any.to_owned();
        let option = |key: &str, word: &str| (key.to_owned(), word.to_owned());
        vec![(String::new(), any), option("raft", "Raft"), option("bft", "BFT")]
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        let consensus = match wishes.consensus.get_untracked().as_str() {
            "raft" => Some(Consensus::Raft),
            "bft" => Some(Consensus::Bft),
            _ => None,
        };
        let typed = wishes.peers.get_untracked();
        // What is no number is none that a chain could have, and refused as such.
        let peers = (!typed.trim().is_empty()).then(|| typed.trim().parse::<u16>().unwrap_or_default());
        let spec = ApplySpec { peers, consensus, ..ApplySpec::default() };
        match spec.check() {
            Ok(()) => {
                wrong.set(None);
                wishes.ask(spec);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    view! {
        <form method="post" action="/apply" class="card form" novalidate=true on:submit=submit>
            <h2>{tr(|t| t.pool().by_size)}</h2>
            <p class="muted">{tr(|t| t.pool().by_size_hint)}</p>
            <div class="columns">
                <SelectField id="apply-consensus" label=words(|t| t.pool().consensus) value=wishes.consensus
                    options=options/>
                <TextField id="apply-peers" label=words(|t| t.pool().peers) value=wishes.peers
                    inputmode="numeric" autocomplete="off" error=wrong_on(wrong, "peers")/>
            </div>
            {button(wishes)}
        </form>
    }
    .into_any()
}

fn button(wishes: Wishes) -> AnyView {
    let label: fn(&'static Text) -> &'static str = |t| t.pool().submit;
    view! {
        <div class="row end">
            <button type="submit" class="button primary" disabled=move || wishes.apply.pending().get()>
                {tr(label)}
            </button>
        </div>
    }
    .into_any()
}
