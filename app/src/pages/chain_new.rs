//! The wizard that creates a chain: name and host, organizations, consensus, review. Back keeps what was typed;
//! the defaults are good enough for "next, next, next, create".

use domain::chain::{ChainPlanView, ChainSpec, CheckKind, CheckView, Verdict};
use domain::host::HostView;
use leptos::prelude::*;

use super::host_new::wrong_on;
use super::{follow, refusal};
use crate::api::chain::{chain_create, chain_plan};
use crate::api::host::host_list;
use crate::browser::new_key;
use crate::components::badge::{Tone, badge, verdict};
use crate::components::load::load;
use crate::components::notice::Notice;
use crate::components::page::{Page, empty};
use crate::components::stepper::Stepper;
use crate::text::{Text, refusal_text, say_in, tr, words};

mod draft;
mod steps;

use draft::Form;
use steps::{ConsensusStep, NameStep, OrganizationStep};

/// Number of the review step.
const REVIEW: usize = 3;

/// The page.
#[component]
pub fn ChainNew() -> impl IntoView {
    let hosts = Resource::new(|| (), |()| host_list());
    view! {
        <Page title=words(|t| t.create_chain) crumbs=vec![(words(|t| t.chains), "/chains".to_owned())]>
            {load(hosts, |hosts, _| {
                if hosts.is_empty() {
                    let add = view! { <a class="button primary" href="/hosts/new">{tr(|t| t.add_host)}</a> };
                    empty(|t| t.no_hosts, |t| t.no_hosts_hint, Some(add.into_any()))
                } else {
                    view! { <Wizard hosts=hosts/> }.into_any()
                }
            })}
        </Page>
    }
}

#[component]
fn Wizard(hosts: Vec<HostView>) -> impl IntoView {
    let form = Form::new(hosts.first().map(|host| host.id.to_string()).unwrap_or_default());
    let step = RwSignal::new(0_usize);
    let wrong = RwSignal::new(None::<domain::Error>);
    let key = RwSignal::new(String::new());
    let plan = Action::new(|spec: &ChainSpec| chain_plan(spec.clone()));
    let create = Action::new(move |spec: &ChainSpec| chain_create(spec.clone(), key.get_untracked()));
    let refused = follow(create);
    let next = move || match form.draft().parse_up_to(step.get_untracked()) {
        Ok(spec) => {
            wrong.set(None);
            step.update(|n| *n += 1);
            if let Some(spec) = spec {
                // A key per review: what is clicked twice here is one creation.
                key.set(new_key());
                plan.dispatch(spec);
            }
        }
        Err(error) => wrong.set(Some(error)),
    };
    let finish = move || match form.draft().parse() {
        Ok(spec) => {
            create.dispatch(spec);
        }
        Err(error) => wrong.set(Some(error)),
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if step.get_untracked() == REVIEW { finish() } else { next() }
    };
    let blocked = move || create.pending().get() || (step.get() == REVIEW && !is_ready(plan.value().get()));
    let steps =
        vec![words(|t| t.step_name), words(|t| t.organizations), words(|t| t.consensus), words(|t| t.review)];
    let hosts = StoredValue::new(hosts);
    view! {
        <Stepper steps=steps current=step/>
        <form class="card form" on:submit=submit>
            {move || match step.get() {
                0 => view! { <NameStep form=form wrong=wrong hosts=hosts.get_value()/> }.into_any(),
                1 => view! { <OrganizationStep form=form wrong=wrong/> }.into_any(),
                2 => view! { <ConsensusStep form=form wrong=wrong/> }.into_any(),
                _ => view! { <Review form=form plan=plan/> }.into_any(),
            }}
            <p class="field-error" role="alert">{other_wrong(wrong)}</p>
            <Notice error=refused/>
            <div class="row end">
                <Show when=move || { step.get() > 0 }>
                    <button type="button" class="button" on:click=move |_| step.update(|n| *n -= 1)>
                        {tr(|t| t.back)}
                    </button>
                </Show>
                <button type="submit" class="button primary" disabled=blocked>
                    {move || if step.get() == REVIEW { tr(|t| t.create_chain)() } else { tr(|t| t.next)() }}
                </button>
            </div>
        </form>
    }
}

/// The whole refusal once more at the buttons, where the field may be out of sight.
fn other_wrong(wrong: RwSignal<Option<domain::Error>>) -> impl Fn() -> Option<String> {
    let lang = crate::text::use_lang();
    move || wrong.read().as_ref().map(|error| refusal_text(lang.get(), error))
}

fn is_ready(plan: Option<Result<ChainPlanView, crate::api::ApiError>>) -> bool {
    matches!(plan, Some(Ok(plan)) if plan.checks.iter().all(|check| check.verdict != Verdict::Fail))
}

#[component]
fn Review(form: Form, plan: Action<ChainSpec, Result<ChainPlanView, crate::api::ApiError>>) -> impl IntoView {
    let again = move |_| {
        if let Ok(spec) = form.draft().parse() {
            plan.dispatch(spec);
        }
    };
    view! {
        <h2>{tr(|t| t.review)}</h2>
        <div aria-live="polite">
            {move || match plan.value().get() {
                Some(Ok(_)) if plan.pending().get() => crate::components::load::waiting(),
                Some(Ok(plan)) => planned(plan),
                Some(Err(_)) => ().into_any(),
                None => crate::components::load::waiting(),
            }}
        </div>
        <Notice error=refusal(plan)/>
        <button type="button" class="button small" disabled=move || plan.pending().get() on:click=again>
            {tr(|t| t.check_again)}
        </button>
    }
}

fn planned(plan: ChainPlanView) -> AnyView {
    let checks = plan.checks.into_iter().map(check_line).collect_view();
    let rows = plan
        .nodes
        .into_iter()
        .map(|node| {
            let ports = node.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            view! {
                <tr>
                    <th scope="row">{node.name}</th>
                    <td>{node.domain_name}</td>
                    <td>{ports}</td>
                    <td>
                        <code title=node.pinned.clone()>{node.image}</code> " "
                        {node.local_only.then(|| badge((Tone::Quiet, |t| t.image_local)))}
                    </td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <h3>{tr(|t| t.preflight)}</h3>
        <ul class="checks">{checks}</ul>
        <h3>{tr(|t| t.plan)}</h3>
        <p class="muted">{tr(|t| t.port_block)} " " {plan.port_block.to_string()}</p>
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.plan)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.name)}</th>
                        <th scope="col">{tr(|t| t.domain_name)}</th>
                        <th scope="col">{tr(|t| t.ports)}</th>
                        <th scope="col">{tr(|t| t.image)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn check_line(check: CheckView) -> AnyView {
    let problem = check.problem.map(|problem| {
        let text = say_in(move |lang| refusal_text(lang, &problem));
        view! { <p class="small">{text}</p> }
    });
    view! {
        <li>
            {badge(verdict(check.verdict))} " " <strong>{tr(check_name(check.kind))}</strong> " "
            <span class="muted">{check.fact}</span>
            {problem}
        </li>
    }
    .into_any()
}

fn check_name(kind: CheckKind) -> fn(&'static Text) -> &'static str {
    match kind {
        CheckKind::Engine => |t| t.check_engine,
        CheckKind::ApiVersion => |t| t.api_version,
        CheckKind::Images => |t| t.images,
        CheckKind::Ports => |t| t.ports,
        CheckKind::Memory => |t| t.memory,
        CheckKind::Disk => |t| t.check_disk,
        CheckKind::Clock => |t| t.check_clock,
        CheckKind::Names => |t| t.check_names,
        CheckKind::Capacity => |t| t.capacity,
    }
}

/// The sentence under a field of the wizard.
pub(crate) fn field_error(
    wrong: RwSignal<Option<domain::Error>>,
    field: &'static str,
) -> Signal<Option<String>> {
    wrong_on(wrong, field)
}
