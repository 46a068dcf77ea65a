//! The editor of endorsement policies: a kind and some organizations become the Fabric expression, which stays visible
//! and may be written by hand.

use domain::chaincode::PolicyChoice;
use domain::name::OrganizationName;
use leptos::prelude::*;

use crate::components::field::{SelectField, TextField};
use crate::text::{tr, words};

/// What the chosen kind means.
fn choice(kind: &str, count: &str) -> PolicyChoice {
    match kind {
        "any" => PolicyChoice::Any,
        "all" => PolicyChoice::All,
        "majority" => PolicyChoice::Majority,
        "out-of" => PolicyChoice::OutOf(count.trim().parse().unwrap_or(0)),
        _ => PolicyChoice::Channel,
    }
}

/// Writes the expression whenever somebody chooses.
#[component]
pub fn PolicyEditor(expression: RwSignal<String>, organizations: Vec<OrganizationName>) -> impl IntoView {
    let (kind, count) = (RwSignal::new(String::new()), RwSignal::new("1".to_owned()));
    let chosen = RwSignal::new(organizations.clone());
    let all = StoredValue::new(organizations.clone());
    Effect::new(move |before: Option<()>| {
        let made = choice(&kind.read(), &count.read()).expression(&chosen.read());
        // The first run only listens: what stands in the field came from somewhere.
        if before.is_some() {
            expression.set(made.ok().flatten().unwrap_or_default());
        }
    });
    let kinds = Signal::derive(move || {
        let word = |key: &str, pick: fn(&'static crate::text::Text) -> &'static str| {
            (key.to_owned(), tr(pick)().to_owned())
        };
        vec![
            word("", |t| t.policy_majority),
            word("any", |t| t.policy_any),
            word("all", |t| t.policy_all),
            word("majority", |t| t.policy_most),
            word("out-of", |t| t.policy_out_of),
        ]
    });
    let choices = organizations
        .into_iter()
        .map(|name| {
            let (same, key) = (name.clone(), name.clone());
            let toggle = move |_| {
                // The chain's order is kept: approvals are compared byte by byte.
                let now = chosen.get_untracked();
                let is_on = now.contains(&key);
                let wanted = |one: &OrganizationName| if *one == key { !is_on } else { now.contains(one) };
                chosen.set(all.get_value().into_iter().filter(wanted).collect());
            };
            view! {
                <label class="check">
                    <input type="checkbox" prop:checked=move || chosen.read().contains(&same) on:change=toggle/>
                    <span>{name.to_string()}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <SelectField id="policy_kind" label=words(|t| t.policy_kind) value=kind options=kinds/>
        <Show when=move || kind.read().as_str() == "out-of">
            <TextField id="policy_count" label=words(|t| t.policy_count) value=count kind="number"/>
        </Show>
        <fieldset class="field" hidden=move || kind.read().is_empty()>
            <legend>{tr(|t| t.organizations)}</legend>
            {choices}
        </fieldset>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_choices() {
        assert_eq!(choice("out-of", " 2 "), PolicyChoice::OutOf(2));
        assert_eq!(choice("out-of", "many"), PolicyChoice::OutOf(0));
        assert_eq!(choice("majority", ""), PolicyChoice::Majority);
        assert_eq!(choice("", ""), PolicyChoice::Channel);
    }
}
