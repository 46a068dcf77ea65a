//! The three steps of the wizard that ask something.

use domain::host::HostView;
use leptos::prelude::*;

use super::draft::{Form, Row};
use super::field_error;
use crate::components::field::{SelectField, TextField};
use crate::text::{fill, say, tr, words};

type Wrong = RwSignal<Option<domain::Error>>;

fn plain(options: &[(&str, &str)]) -> Signal<Vec<(String, String)>> {
    Signal::stored(options.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect())
}

/// Name, host, version.
#[component]
pub fn NameStep(form: Form, wrong: Wrong, hosts: Vec<HostView>) -> impl IntoView {
    let hosts: Vec<(String, String)> = hosts
        .into_iter()
        .map(|host| {
            (host.id.to_string(), format!("{} ({}/{})", host.spec.name, host.chains, host.spec.capacity))
        })
        .collect();
    view! {
        <TextField id="name" label=words(|t| t.chain_name) value=form.name hint=words(|t| t.name_hint)
            error=field_error(wrong, "name")/>
        <SelectField id="host" label=words(|t| t.host) value=form.host options=Signal::stored(hosts)
            error=field_error(wrong, "host")/>
        <SelectField id="version" label=words(|t| t.fabric_version) value=form.version
            options=plain(&[("2.5", "2.5"), ("3.1", "3.1")])/>
    }
}

/// Organizations and their peers.
#[component]
pub fn OrganizationStep(form: Form, wrong: Wrong) -> impl IntoView {
    let row = move |Row { number, name, peers }: Row| {
        let label = say(move |t| fill(t.organization_n, &[("n", number.to_string())]));
        let remove = say(move |t| fill(t.remove_organization_n, &[("n", number.to_string())]));
        let alone = move || form.organizations.read().len() == 1;
        view! {
            <div class="organization-row">
                <TextField id=format!("organization-{number}") label=Signal::derive(label) value=name/>
                <TextField id=format!("peers-{number}") label=words(|t| t.peers) value=peers kind="number"/>
                <button type="button" class="button small" aria-label=remove disabled=alone
                    on:click=move |_| form.remove_organization(number)>
                    {tr(|t| t.remove)}
                </button>
            </div>
        }
    };
    view! {
        <p class="muted">{tr(|t| t.organizations_hint)}</p>
        <For each=move || form.organizations.get() key=|row| row.number children=row/>
        <p class="field-error" aria-live="polite">{move || field_error(wrong, "organizations").get()}</p>
        <button type="button" class="button" on:click=move |_| form.add_organization()>
            {tr(|t| t.add_organization)}
        </button>
    }
}

/// Orderers, first channel, limits.
#[component]
pub fn ConsensusStep(form: Form, wrong: Wrong) -> impl IntoView {
    let kind = RwSignal::new(form.consensus.get_untracked());
    Effect::new(move |before: Option<String>| {
        let now = kind.get();
        if before.is_some_and(|before| before != now) {
            form.choose_consensus(&now);
        }
        now
    });
    let counts = Signal::derive(move || {
        let numbers: &[&str] = if kind.read().as_str() == "bft" { &["4", "7"] } else { &["1", "3", "5"] };
        numbers.iter().map(|n| ((*n).to_owned(), (*n).to_owned())).collect()
    });
    view! {
        <div class="columns">
            <SelectField id="consensus" label=words(|t| t.consensus) value=kind
                options=plain(&[("raft", "Raft"), ("bft", "BFT (Fabric 3.1)")]) hint=words(|t| t.consensus_hint)
                error=field_error(wrong, "consensus")/>
            <SelectField id="orderers" label=words(|t| t.orderers) value=form.orderers options=counts
                error=field_error(wrong, "orderers")/>
            <TextField id="channel" label=words(|t| t.first_channel) value=form.channel hint=words(|t| t.name_hint)
                error=field_error(wrong, "channel")/>
            <TextField id="batch_timeout" label=words(|t| t.batch_timeout_ms) value=form.batch_timeout kind="number"
                hint=words(|t| t.batch_timeout_hint) error=field_error(wrong, "batch_timeout_ms")/>
        </div>
        <details class="advanced">
            <summary>{tr(|t| t.resources)}</summary>
            <div class="columns">
                <TextField id="cpu" label=words(|t| t.cpu_milli) value=form.cpu kind="number"
                    error=field_error(wrong, "cpu_milli")/>
                <TextField id="memory" label=words(|t| t.memory_mib) value=form.memory kind="number"
                    error=field_error(wrong, "memory_mib")/>
            </div>
        </details>
    }
}
