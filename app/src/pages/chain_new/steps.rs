//! The three steps of the wizard that ask something.

use domain::host::HostView;
use leptos::prelude::*;

use super::checks::Checks;
use super::draft::{Form, Row};
use super::stay;
use crate::browser;
use crate::components::field::{SelectField, TextField};
use crate::pages::chain::STATE_DATABASE;
use crate::text::{fill, say, tr, words};

/// Id of the button behind the rows of organizations.
const ADD: &str = "add-organization";

fn plain(options: &[(&str, &str)]) -> Signal<Vec<(String, String)>> {
    Signal::stored(options.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect())
}

/// Name, host, version.
#[component]
pub fn NameStep(form: Form, wrong: Checks, hosts: Vec<HostView>) -> impl IntoView {
    let hosts: Vec<(String, String)> = hosts
        .into_iter()
        .map(|host| {
            (host.id.to_string(), format!("{} ({}/{})", host.spec.name, host.chains, host.spec.capacity))
        })
        .collect();
    view! {
        <TextField id="name" label=words(|t| t.chain_name) value=form.name hint=words(|t| t.name_hint)
            error=wrong.on("name")/>
        <SelectField id="host" label=words(|t| t.host) value=form.host options=Signal::stored(hosts)
            error=wrong.on("host")/>
        <SelectField id="version" label=words(|t| t.fabric_version) value=form.version
            options=plain(&[("2.5", "2.5"), ("3.1", "3.1")])/>
    }
}

/// Organizations and their peers.
#[component]
pub fn OrganizationStep(form: Form, wrong: Checks) -> impl IntoView {
    let row = move |Row { number, name, peers }: Row| {
        let label = say(move |t| fill(t.organization_n, &[("n", number.to_string())]));
        let remove = say(move |t| fill(t.remove_organization_n, &[("n", number.to_string())]));
        let alone = move || form.organizations.read().len() == 1;
        let remove_row = move |_| {
            form.remove_organization(number);
            // The button goes with its row and must not take the focus along.
            browser::focus(ADD);
        };
        view! {
            <div class="organization-row">
                <TextField id=format!("organization-{number}") label=Signal::derive(label) value=name/>
                <TextField id=format!("peers-{number}") label=words(|t| t.peers) value=peers kind="number"/>
                <button type="button" class="button small" aria-label=remove disabled=alone on:click=remove_row>
                    {tr(|t| t.remove)}
                </button>
            </div>
        }
    };
    let organizations = wrong.on("organizations");
    view! {
        <p class="muted">{tr(|t| t.organizations_hint)}</p>
        <For each=move || form.organizations.get() key=|row| row.number children=row/>
        <p class="field-error" aria-live="polite">{move || organizations.get()}</p>
        <button type="button" id=ADD class="button" on:mousedown=stay on:click=move |_| form.add_organization()>
            {tr(|t| t.add_organization)}
        </button>
    }
}

/// Orderers, first channel, limits.
#[component]
pub fn ConsensusStep(form: Form, wrong: Checks) -> impl IntoView {
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
                error=wrong.on("consensus")/>
            <SelectField id="orderers" label=words(|t| t.orderers) value=form.orderers options=counts
                error=wrong.on("orderers")/>
            <TextField id="channel" label=words(|t| t.first_channel) value=form.channel hint=words(|t| t.name_hint)
                error=wrong.on("channel")/>
            <TextField id="batch_timeout" label=words(|t| t.batch_timeout_ms) value=form.batch_timeout kind="number"
                hint=words(|t| t.batch_timeout_hint) error=wrong.on("batch_timeout_ms")/>
        </div>
        <dl class="facts">
            <dt>{tr(|t| t.state_database)}</dt>
            <dd>{STATE_DATABASE}</dd>
        </dl>
        <details class="advanced">
            <summary>{tr(|t| t.resources)}</summary>
            <div class="columns">
                <TextField id="cpu" label=words(|t| t.cpu_milli) value=form.cpu kind="number"
                    error=wrong.on("cpu_milli")/>
                <TextField id="memory" label=words(|t| t.memory_mib) value=form.memory kind="number"
                    error=wrong.on("memory_mib")/>
            </div>
        </details>
    }
}
