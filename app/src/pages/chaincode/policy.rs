//! The editor of endorsement policies: a kind and some organizations become the Fabric expression, which stays visible
//! and may be written by hand.

use domain::Error;
use domain::chaincode::PolicyChoice;
use domain::name::OrganizationName;
use leptos::prelude::*;

use crate::components::field::{SelectField, TextField, toggle};
use crate::pages::host_new::wrong_on;
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

/// A policy as somebody chooses or writes it; it outlives a refresh of the page.
#[derive(Clone, Copy)]
pub struct PolicyForm {
    /// What is sent. Empty: the channel's own policy.
    pub expression: RwSignal<String>,
    kind: RwSignal<String>,
    count: RwSignal<String>,
    left_out: RwSignal<Vec<OrganizationName>>,
    /// Why what is chosen is no policy.
    wrong: RwSignal<Option<Error>>,
}

impl PolicyForm {
    /// The channel's own.
    pub fn empty() -> Self {
        Self {
            expression: RwSignal::new(String::new()),
            kind: RwSignal::new(String::new()),
            count: RwSignal::new("1".to_owned()),
            left_out: RwSignal::new(Vec::new()),
            wrong: RwSignal::new(None),
        }
    }

    /// The expression; none: the channel's own. A choice that nobody could satisfy is not taken for the channel's own.
    pub fn parse(self) -> Result<Option<String>, Error> {
        let expression = self.expression.get_untracked().trim().to_owned();
        match self.wrong.get_untracked().filter(|_| expression.is_empty()) {
            Some(error) => Err(error),
            None => Ok((!expression.is_empty()).then_some(expression)),
        }
    }

    /// Takes an expression that comes from elsewhere; it stays until somebody chooses.
    pub fn take(self, expression: Option<&str>) {
        self.kind.set(String::new());
        self.left_out.set(Vec::new());
        self.wrong.set(None);
        self.expression.set(expression.unwrap_or_default().to_owned());
    }

    /// Writes the expression of what is chosen, among these organizations. Their order is kept: approvals are compared
    /// byte by byte.
    fn write(self, organizations: &[OrganizationName]) {
        let left_out = self.left_out.get_untracked();
        let chosen: Vec<OrganizationName> =
            organizations.iter().filter(|name| !left_out.contains(name)).cloned().collect();
        let made = choice(&self.kind.get_untracked(), &self.count.get_untracked()).expression(&chosen);
        self.wrong.set(made.as_ref().err().cloned());
        self.expression.set(made.ok().flatten().unwrap_or_default());
    }
}

/// Writes the expression whenever somebody chooses, over the members of the channel.
#[component]
pub fn PolicyEditor(form: PolicyForm, organizations: Signal<Vec<OrganizationName>>) -> impl IntoView {
    let PolicyForm { kind, count, left_out, wrong, .. } = form;
    // The fields have taken the choice over when its event arrives here.
    let write = move || form.write(&organizations.get_untracked());
    Effect::new(move |before: Option<Vec<OrganizationName>>| {
        let now = organizations.get();
        // Another channel has other members; what was written by hand stays.
        if before.is_some_and(|before| before != now) && !kind.read_untracked().is_empty() {
            form.write(&now);
        }
        now
    });
    let kinds = Signal::derive(move || {
        let word = |key: &str, pick: fn(&'static crate::text::Text) -> &'static str| {
            (key.to_owned(), tr(pick)().to_owned())
        };
        vec![
            word("", |t| t.deploying().policy_majority),
            word("any", |t| t.deploying().policy_any),
            word("all", |t| t.deploying().policy_all),
            word("majority", |t| t.deploying().policy_most),
            word("out-of", |t| t.deploying().policy_out_of),
        ]
    });
    let policy_wrong = wrong_on(wrong, "policy");
    let choice = move |name: OrganizationName| {
        let (same, key) = (name.clone(), name.clone());
        view! {
            <label class="check">
                <input type="checkbox" prop:checked=move || !left_out.read().contains(&same)
                    on:change=move |_| toggle(left_out, &key)/>
                <span>{name.to_string()}</span>
            </label>
        }
    };
    view! {
        <div on:change=move |_| write() on:input=move |_| write()>
            <SelectField id="policy_kind" label=words(|t| t.deploying().policy_kind) value=kind options=kinds/>
            <Show when=move || kind.read().as_str() == "out-of">
                <TextField id="policy_count" label=words(|t| t.deploying().policy_count) value=count kind="number"/>
            </Show>
            <fieldset class="field" hidden=move || kind.read().is_empty()>
                <legend>{tr(|t| t.organizations)}</legend>
                {move || organizations.get().into_iter().map(choice).collect_view()}
                <p class="field-error" aria-live="polite">{move || policy_wrong.get()}</p>
            </fieldset>
        </div>
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
