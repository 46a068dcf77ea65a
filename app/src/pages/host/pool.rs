//! The pool of a host: how full it is, its chains, what was done to it last, and what may be done to it.

use domain::host::pool::{HostPoolView, PoolRow, PoolRun, PooledChain};
use domain::id::{HostId, OperationId};
use domain::name::TemplateName;
use domain::permission::{Action as Act, Noun};
use domain::template::Template;
use domain::{Code, Error};
use leptos::prelude::*;

use crate::api::ApiError;
use crate::api::host::{host_autofill, host_clean, host_fill, host_pool, host_reset};
use crate::api::template::template_list;
use crate::components::badge::{Pick, Tone, badge, chain_state, health, operation_state};
use crate::components::dialog::Confirm;
use crate::components::field::{SelectField, TextField};
use crate::components::load::load_part;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::prove;
use crate::components::time::Time;
use crate::fetched::Fetched;
use crate::pages::host_new::{show_on_field, wrong_on};
use crate::pages::refusal;
use crate::session::Me;
use crate::text::{code_text, fill, say, say_in, tr, words};

/// What starts an operation.
type Starts<I> = Action<I, Result<OperationId, ApiError>>;

/// What is done to the pool on this page; made once, so that a refresh of the page loses nothing.
#[derive(Clone, Copy)]
pub struct Pool {
    template: RwSignal<String>,
    count: RwSignal<String>,
    wrong: RwSignal<Option<Error>>,
    /// The host's name, typed before a reset.
    typed: RwSignal<String>,
    fill: Starts<(TemplateName, Option<u16>)>,
    clean: Starts<()>,
    reset: Starts<String>,
    autofill: Action<Option<TemplateName>, Result<HostPoolView, ApiError>>,
}

impl Pool {
    /// Nothing done yet.
    pub fn new(id: Memo<String>) -> Self {
        let host = move || HostId::new(id.get_untracked());
        let fill = Action::new(move |(template, count): &(TemplateName, Option<u16>)| {
            host_fill(host(), template.clone(), *count)
        });
        let wrong = RwSignal::new(None);
        show_on_field(fill, wrong);
        Self {
            template: RwSignal::new(String::new()),
            count: RwSignal::new(String::new()),
            wrong,
            typed: RwSignal::new(String::new()),
            fill,
            clean: Action::new(move |(): &()| host_clean(host())),
            reset: Action::new(move |typed: &String| host_reset(host(), typed.clone())),
            autofill: Action::new(move |template: &Option<TemplateName>| {
                host_autofill(host(), template.clone())
            }),
        }
    }

    /// The pool, read again when its host changes, and after what was done on this page.
    pub fn read(self, id: Memo<String>, tick: RwSignal<u32>) -> Fetched<HostPoolView> {
        let of_fill = self.fill.version();
        let (of_clean, of_reset, of_autofill) =
            (self.clean.version(), self.reset.version(), self.autofill.version());
        let done = move || [of_fill.get(), of_clean.get(), of_reset.get(), of_autofill.get()];
        Fetched::new(move || (id.get(), tick.get(), done()), |(id, _, _)| host_pool(HostId::new(id)))
    }

    /// The form, once the templates are there. They are read once: a list that changes would clear what is chosen.
    pub fn filling(self) -> AnyView {
        let templates = Fetched::new(|| (), |()| template_list());
        load_part(templates, move |templates, me| self.form(&templates, &me).into_any())
    }

    /// Asks for the password before a reset. It stands outside of what is drawn anew.
    pub fn proof(self) -> AnyView {
        prove::guard(self.reset)
    }

    /// The pool as it is.
    pub fn view(self, pool: &HostPoolView, me: &Me, host: &str) -> AnyView {
        let held = [
            ("held", pool.held.to_string()),
            ("capacity", pool.capacity.to_string()),
            ("free", pool.free.to_string()),
            ("owned", pool.owned.to_string()),
        ];
        let closed = (!pool.schedulable)
            .then(|| view! { <p class="notice">{tr(|t| t.template().not_schedulable)}</p> });
        view! {
            <p class="muted">{tr(|t| t.template().pool_hint)}</p>
            <p>
                <meter min="0" max=pool.capacity.to_string() value=pool.held.to_string()
                    aria-label=tr(|t| t.template().pool)></meter>
                " " {say(move |t| fill(t.template().held_of, &held))}
            </p>
            {closed}
            {autofill_state(pool)}
            {chains(&pool.chains)}
            {pool.last.as_ref().map(last_run)}
            {self.buttons(pool, me, host)}
        }
        .into_any()
    }

    /// Cleaning, resetting, and switching autofill off.
    fn buttons(self, pool: &HostPoolView, me: &Me, host: &str) -> AnyView {
        let Self { typed, clean, reset, autofill, .. } = self;
        let off = (pool.autofill.is_some() && me.can(Act::Edit, Noun::Host)).then(|| {
            view! {
                <button type="button" class="button" disabled=move || autofill.pending().get()
                    on:click=move |_| { autofill.dispatch(None); }>
                    {tr(|t| t.template().autofill_stop)}
                </button>
            }
        });
        let cleaned = Callback::new(move |_: String| {
            clean.dispatch(());
        });
        let wiped = Callback::new(move |typed: String| {
            reset.dispatch(typed);
        });
        let impact = vec![words(|t| t.template().clean_impact), words(|t| t.template().clean_impact_owned)];
        let clean_button = me.can(Act::Edit, Noun::Host).then(|| {
            view! { <Confirm label=words(|t| t.template().clean) impact=impact danger=true confirm=cleaned/> }
        });
        let impact = vec![words(|t| t.template().reset_impact), words(|t| t.template().reset_impact_foreign)];
        let name = host.to_owned();
        let reset_button = me.can(Act::Delete, Noun::Host).then(|| {
            view! {
                <Confirm label=words(|t| t.template().reset) impact=impact name=name typed=typed
                    field="typed-reset" danger=true confirm=wiped/>
            }
        });
        view! {
            <Notice error=refusal(clean)/>
            <Notice error=refusal(reset)/>
            <Notice error=refusal(autofill)/>
            <div class="row end">{off} {clean_button} {reset_button}</div>
        }
        .into_any()
    }

    /// Filling, and keeping full. It stands outside of what is drawn anew, so that what is chosen stays.
    fn form(self, templates: &[Template], me: &Me) -> Option<AnyView> {
        if !me.can(Act::Edit, Noun::Host) {
            return None;
        }
        let Self { template, count, wrong, fill, autofill, .. } = self;
        let is_chosen = !template.read_untracked().is_empty();
        if let Some(first) = templates.first().filter(|_| !is_chosen) {
            template.set(first.name.to_string());
        }
        let option = |one: &Template| (one.name.to_string(), format!("{} · {}", one.name, one.title));
        let options = Signal::stored(templates.iter().map(option).collect::<Vec<_>>());
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            match wanted(&template.get_untracked(), &count.get_untracked()) {
                Ok(wish) => {
                    wrong.set(None);
                    fill.dispatch(wish);
                }
                Err(error) => wrong.set(Some(error)),
            }
        };
        let keep = move |_| match TemplateName::parse(&template.get_untracked()) {
            Ok(name) => {
                autofill.dispatch(Some(name));
            }
            Err(error) => wrong.set(Some(error.on("template"))),
        };
        let form = view! {
            <form method="post" class="card form" on:submit=submit>
                <h2>{tr(|t| t.template().fill)}</h2>
                <p class="muted">{tr(|t| t.template().fill_hint)}</p>
                <NeedsScript/>
                <div class="columns">
                    <SelectField id="template" label=words(|t| t.template().template) value=template
                        options=options error=wrong_on(wrong, "template")/>
                    <TextField id="count" label=words(|t| t.template().count) value=count inputmode="numeric"
                        hint=words(|t| t.template().count_hint) error=wrong_on(wrong, "count")/>
                </div>
                <Notice error=refusal(fill)/>
                <div class="row end">
                    <button type="button" class="button" disabled=move || autofill.pending().get() on:click=keep>
                        {tr(|t| t.template().autofill_start)}
                    </button>
                    <button type="submit" class="button primary" disabled=move || fill.pending().get()>
                        {tr(|t| t.template().fill)}
                    </button>
                </div>
            </form>
        };
        Some(form.into_any())
    }
}

/// What is typed, read: an empty number means as many as there is room for.
fn wanted(template: &str, count: &str) -> Result<(TemplateName, Option<u16>), Error> {
    let template = TemplateName::parse(template).map_err(|error| error.on("template"))?;
    let count = match count.trim() {
        "" => None,
        typed => {
            let refused = |_| Error::invalid(Code::ValueOutOfRange).with("min", 1).with("max", u16::MAX);
            Some(typed.parse().map_err(refused).map_err(|error| error.on("count"))?)
        }
    };
    Ok((template, count))
}

fn autofill_state(pool: &HostPoolView) -> AnyView {
    let state = match pool.autofill.clone() {
        None => view! { {tr(|t| t.template().autofill_off)} }.into_any(),
        Some(template) => {
            let values = [("template", template.to_string())];
            view! { {say(move |t| fill(t.template().autofill_on, &values))} }.into_any()
        }
    };
    let pause = pool.pause.clone().map(|pause| {
        let failures = [("failures", pause.failures.to_string())];
        view! {
            <p class="notice notice-bad">
                {say(move |t| fill(t.template().autofill_pause, &failures))} " " <Time ms=pause.until_ms/>
            </p>
        }
    });
    view! {
        <dl class="facts">
            <dt>{tr(|t| t.template().autofill)}</dt>
            <dd>{state}</dd>
        </dl>
        {pause}
    }
    .into_any()
}

fn chains(chains: &[PooledChain]) -> AnyView {
    if chains.is_empty() {
        return view! { <p>{tr(|t| t.template().no_pooled)}</p> }.into_any();
    }
    let rows = chains
        .iter()
        .map(|chain| {
            let place: Pick = match &chain.owner {
                None => |t| t.template().free,
                Some(_) => |t| t.template().owned,
            };
            view! {
                <tr>
                    <th scope="row">
                        <a href=format!("/chains/{}", chain.name)>{chain.name.to_string()}</a>
                    </th>
                    <td>{tr(place)}</td>
                    <td>{badge(chain_state(chain.state))}</td>
                    <td>{badge(health(&chain.health))}</td>
                    <td>
                        <a href=format!("/templates/{}", chain.template)>{chain.template.to_string()}</a>
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.template().pool)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.name)}</th>
                        <th scope="col">{tr(|t| t.template().pool)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col">{tr(|t| t.health)}</th>
                        <th scope="col">{tr(|t| t.template().template)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// What was done last, chain by chain: one that failed says why, beside those that did not.
fn last_run(run: &PoolRun) -> AnyView {
    let name = run.name.clone();
    let rows = run.rows.iter().map(row).collect_view();
    view! {
        <h3>{tr(|t| t.template().last_run)}</h3>
        <p>
            <a href=format!("/operations/{}", run.operation)>
                {say_in(move |lang| lang.operation(&name).to_owned())}
            </a>
            " " {badge(operation_state(run.state))}
        </p>
        <ul class="plain">{rows}</ul>
    }
    .into_any()
}

fn row(row: &PoolRow) -> AnyView {
    let (tone, pick): (Tone, Pick) = match (row.ended, &row.operation, &row.failure) {
        (_, _, Some(_)) => (Tone::Bad, |t| t.template().row_failed),
        (true, _, None) => (Tone::Good, |t| t.template().row_done),
        (false, Some(_), None) => (Tone::Busy, |t| t.template().row_running),
        (false, None, None) => (Tone::Quiet, |t| t.template().row_waiting),
    };
    let chain = row.chain.to_string();
    let name = match &row.operation {
        Some(id) => view! { <a href=format!("/operations/{id}")>{chain}</a> }.into_any(),
        None => view! { <span>{chain}</span> }.into_any(),
    };
    let why = row.failure.clone().map(|failure| {
        let text = say_in(move |lang| {
            code_text(lang, &failure.code, &failure.values).unwrap_or_else(|| failure.message.clone())
        });
        view! { <span class="small">{text}</span> }
    });
    view! { <li class="row">{name} {badge((tone, pick))} {why}</li> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_number_means_as_many_as_there_is_room_for() {
        let field = |template, count| wanted(template, count).map_err(|error| error.field.unwrap());
        let small = TemplateName::parse("small").unwrap();
        assert_eq!(field("small", " "), Ok((small.clone(), None)));
        assert_eq!(field("small", " 3 "), Ok((small, Some(3))));
        assert_eq!(field("small", "-1"), Err("count".to_owned()));
        assert_eq!(field("", "1"), Err("template".to_owned()));
    }
}
