//! Calling a chaincode: a query asks one peer and changes nothing, a submit writes to the ledger. The two never
//! look alike. A call that is clicked twice is sent once.

use domain::chain::{ChainVerb, ChainView};
use domain::chaincode::ChaincodeView;
use domain::transaction::{CallSpec, QueryView, SubmitView};
use leptos::prelude::*;

use super::host_new::wrong_on;
use super::{chain_name, parameter, refusal};
use crate::api::ApiError;
use crate::api::chain::chain_read;
use crate::api::chaincode::chaincode_list;
use crate::api::pool::quota_read;
use crate::api::transaction::{transaction_query, transaction_submit};
use crate::browser::new_key;
use crate::components::field::{CheckField, LongField, SelectField, TextField, toggle};
use crate::components::load::{load_live, take_in};
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::{Page, empty};
use crate::events;
use crate::fetched::{self, Fetched, again};
use crate::layout::{chain_crumbs, chain_tabs};
use crate::text::{tr, words};

mod allowance;
mod arguments;
mod form;
mod outcome;

use form::Form;
use outcome::{query_outcome, submit_outcome};

/// The sample's calls: words, function, arguments.
const SAMPLE_CALLS: [(&str, &str, &[&str]); 3] = [
    ("init a=100, b=200", "init", &["a", "100", "b", "200"]),
    ("move 10: a → b", "move", &["a", "b", "10"]),
    ("query a", "query", &["a"]),
];

/// The page.
#[component]
pub fn Invoke() -> impl IntoView {
    let name = parameter("name");
    let tick = events::ticks(move |m| m.touches("chain", &name.read_untracked()));
    let data = Fetched::new(move || (name.get(), tick.get()), |(name, _)| read(name));
    let form = Form::empty();
    let query = Action::new(|call: &CallSpec| {
        let call = call.clone();
        again(move || transaction_query(call.clone()))
    });
    let submit = Action::new(|call: &CallSpec| {
        let call = call.clone();
        again(move || transaction_submit(call.clone()))
    });
    let submitted = submit.version();
    let quota = Fetched::new(move || submitted.get(), |_| quota_read());
    load_live(data, move |data, _| {
        let name = data.with_untracked(|(chain, _)| chain.summary.name.to_string());
        view! {
            <Page title=words(|t| t.invoke) crumbs=chain_crumbs(&name)>
                {chain_tabs(&name)}
                {body(data, name, form, query, submit)}
                {allowance::allowance(quota)}
            </Page>
        }
        .into_any()
    })
}

/// The chain, and what is deployed on it.
type Data = (ChainView, Vec<ChaincodeView>);

async fn read(name: String) -> Result<Data, ApiError> {
    let name = chain_name(&name)?;
    Ok((chain_read(name.clone()).await?, chaincode_list(name).await?))
}

type Query = Action<CallSpec, Result<QueryView, ApiError>>;
type Submit = Action<CallSpec, Result<SubmitView, ApiError>>;

fn body(data: RwSignal<Data>, chain: String, form: Form, query: Query, submit: Submit) -> AnyView {
    take_in(move || data.with(|(chain, deployed)| form.fill_once(chain, deployed)));
    let is_callable = move || data.with(|(_, deployed)| deployed.iter().any(|one| one.committed));
    let may = Signal::derive(move || data.with(|(chain, _)| chain.verbs.contains(&ChainVerb::Transact)));
    let chain = StoredValue::new(chain);
    view! {
        <Show when=is_callable fallback=move || nothing(&chain.get_value())>
            {move || (!may.get()).then(|| view! { <p class="notice">{tr(|t| t.transact_not_now)}</p> })}
            <CallForm form=form chain=chain query=query submit=submit may=may/>
            {query_outcome(query)}
            {submit_outcome(submit)}
            <Notice error=refusal(query)/>
            <Notice error=refusal(submit)/>
        </Show>
    }
    .into_any()
}

/// What stands there while nothing can be called.
fn nothing(chain: &str) -> AnyView {
    let address = format!("/chains/{chain}/chaincode");
    let deploy = view! { <a class="button primary" href=address>{tr(|t| t.deploy_chaincode)}</a> };
    empty(|t| t.no_chaincode, |t| t.no_chaincode_hint, Some(deploy.into_any()))
}

#[component]
fn CallForm(
    form: Form,
    chain: StoredValue<String>,
    query: Query,
    submit: Submit,
    may: Signal<bool>,
) -> impl IntoView {
    let wrong = form.wrong;
    let busy = move || query.pending().get() || submit.pending().get();
    let keys = StoredValue::new(None::<CallSpec>);
    let send = move |call: Callback<CallSpec>| {
        if untrack(busy) {
            return;
        }
        let lost = submit.value().with_untracked(is_lost);
        let parsed = form.parse(&chain.get_value(), new_key());
        match parsed.map(|spec| keyed(spec, keys.get_value().filter(|_| lost))) {
            Ok(spec) => {
                wrong.set(None);
                query.value().set(None);
                submit.value().set(None);
                keys.set_value(Some(spec.clone()));
                call.run(spec);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    let ask = Callback::new(move |spec: CallSpec| {
        query.dispatch(spec);
    });
    let write = Callback::new(move |spec: CallSpec| {
        submit.dispatch(spec);
    });
    view! {
        <form method="post" class="card form" on:submit=move |event| { event.prevent_default(); send(ask); }>
            <NeedsScript/>
            <div class="columns">
                <SelectField id="channel" label=words(|t| t.channel) value=form.channel options=form.channels/>
                <SelectField id="chaincode" label=words(|t| t.chaincode) value=form.chaincode
                    options=form.chaincodes/>
                <SelectField id="organization" label=words(|t| t.identity) value=form.organization
                    options=form.organizations hint=words(|t| t.identity_hint)/>
            </div>
            <Samples form=form/>
            <TextField id="function" label=words(|t| t.function) value=form.function autocomplete="off"
                error=wrong_on(wrong, "function")/>
            <Arguments form=form wrong=wrong/>
            <Show when=move || form.needs_init()>
                <CheckField id="is_init" label=words(|t| t.is_init) value=form.is_init/>
            </Show>
            <details class="advanced">
                <summary>{tr(|t| t.advanced)}</summary>
                <LongField id="transient" label=words(|t| t.transient) value=form.transient
                    hint=words(|t| t.transient_hint) error=wrong_on(wrong, "transient") rows=2/>
                <Endorsers form=form/>
            </details>
            <div class="row end">
                <button type="submit" class="button" disabled=move || busy() || !may.get() title=tr(|t| t.query_hint)>
                    {tr(|t| t.query)}
                </button>
                <button type="button" class="button primary" disabled=move || busy() || !may.get()
                    title=tr(|t| t.submit_hint) on:click=move |_| send(write)>
                    {tr(|t| t.submit)}
                </button>
            </div>
            <p class="field-hint">{tr(|t| t.query_or_submit)}</p>
        </form>
    }
}

/// Whether the last submit got no answer, so that nobody here knows whether it arrived.
fn is_lost(answer: &Option<Result<SubmitView, ApiError>>) -> bool {
    answer.as_ref().is_some_and(fetched::is_lost)
}

/// The same call after a lost answer goes under the same key: it counts once, whether or not it had arrived.
fn keyed(spec: CallSpec, lost: Option<CallSpec>) -> CallSpec {
    match lost {
        Some(before)
            if CallSpec { idempotency_key: before.idempotency_key.clone(), ..spec.clone() } == before =>
        {
            before
        }
        _ => spec,
    }
}

/// Which organizations must endorse.
#[component]
fn Endorsers(form: Form) -> impl IntoView {
    let choices = move || {
        form.organizations
            .get()
            .into_iter()
            .map(|(name, word)| {
                let (key, same) = (name.clone(), name.clone());
                view! {
                    <label class="check">
                        <input
                            type="checkbox"
                            name="endorsers"
                            value=name
                            prop:checked=move || form.endorsers.read().contains(&same)
                            on:change=move |_| toggle(form.endorsers, &key)
                        />
                        <span>{word}</span>
                    </label>
                }
            })
            .collect_view()
    };
    view! {
        <fieldset class="field">
            <legend>{tr(|t| t.endorsing)}</legend>
            {choices}
            <p class="field-hint">{tr(|t| t.endorsing_hint)}</p>
        </fieldset>
    }
}

/// Buttons that fill in the sample's calls.
#[component]
fn Samples(form: Form) -> impl IntoView {
    let buttons = move || {
        SAMPLE_CALLS
            .into_iter()
            .map(|(label, function, arguments)| {
                view! {
                    <button type="button" class="button small" on:click=move |_| form.take(function, arguments)>
                        {label}
                    </button>
                }
            })
            .collect_view()
    };
    view! {
        <Show when=move || form.is_sample()>
            <div class="row" role="group" aria-label=tr(|t| t.sample_calls)>
                <span class="muted">{tr(|t| t.sample_calls)}</span>
                {buttons()}
            </div>
        </Show>
    }
}

#[component]
fn Arguments(form: Form, wrong: RwSignal<Option<domain::Error>>) -> impl IntoView {
    let modes = Signal::derive(move || {
        vec![
            ("list".to_owned(), tr(|t| t.arguments_list)().to_owned()),
            ("json".to_owned(), tr(|t| t.arguments_json)().to_owned()),
        ]
    });
    view! {
        <SelectField id="mode" label=words(|t| t.arguments_as) value=form.mode options=modes/>
        <Show
            when=move || form.mode.read().as_str() == "json"
            fallback=move || {
                view! {
                    <LongField id="arguments" label=words(|t| t.arguments) value=form.list
                        hint=words(|t| t.arguments_list_hint) error=wrong_on(wrong, "arguments")/>
                }
            }
        >
            <LongField id="arguments" label=words(|t| t.arguments) value=form.json
                hint=words(|t| t.arguments_json_hint) error=wrong_on(wrong, "arguments")/>
        </Show>
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use domain::name::{ChainName, ChaincodeName, ChannelName, OrganizationName};

    use super::*;
    use crate::api::Problem;

    fn call(argument: &str, key: &str) -> CallSpec {
        CallSpec {
            chain: ChainName::parse("demo").unwrap(),
            channel: ChannelName::parse("mychannel").unwrap(),
            chaincode: ChaincodeName::parse("example02").unwrap(),
            organization: OrganizationName::parse("org1").unwrap(),
            function: "move".to_owned(),
            arguments: vec![argument.to_owned()],
            transient: BTreeMap::new(),
            endorsers: Vec::new(),
            is_init: false,
            idempotency_key: key.to_owned(),
        }
    }

    #[test]
    fn only_the_same_call_keeps_its_key() {
        assert_eq!(keyed(call("a", "new"), Some(call("a", "old"))).idempotency_key, "old");
        assert_eq!(keyed(call("b", "new"), Some(call("a", "old"))).idempotency_key, "new");
        assert_eq!(keyed(call("a", "new"), None).idempotency_key, "new");
    }

    #[test]
    fn only_a_lost_answer_leaves_doubt() {
        let lost = ApiError { problem: Problem::Lost, request_id: None };
        assert!(is_lost(&Some(Err(lost))));
        assert!(!is_lost(&Some(Err(ApiError::from(domain::Error::internal())))));
        assert!(!is_lost(&None));
    }
}
