//! The wizard that creates a chain: name and host, organizations, consensus, review. Back keeps what was typed;
//! the defaults are good enough for "next, next, next, create".

use domain::chain::{ChainOffer, ChainPlanView, ChainSpec, CheckKind, CheckView, Verdict};
use domain::host::HostView;
use domain::node::{CONFIG_FOLDER, DATA_FOLDER, NodeKind};
use futures::future::try_join;
use leptos::prelude::*;

use super::{follow, refusal};
use crate::api::chain::{chain_create, chain_offer, chain_plan};
use crate::api::host::host_list;
use crate::browser::{self, new_key};
use crate::components::badge::{Tone, badge, verdict};
use crate::components::load::load;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::{Page, empty};
use crate::components::stepper::Stepper;
use crate::components::unsaved::guarded;
use crate::fetched::{Fetched, again};
use crate::text::{Text, fill, refusal_text, say, say_in, tr, words};

mod checks;
mod draft;
mod steps;

use checks::Checks;
use draft::Form;
use steps::{ConsensusStep, NameStep, OrganizationStep};

/// Number of the review step.
const REVIEW: usize = 3;
/// Id of the element that holds the fields of a step.
const FIELDS: &str = "wizard-step";

/// The page.
#[component]
pub fn ChainNew() -> impl IntoView {
    let data = Fetched::new(|| (), |()| try_join(host_list(), chain_offer()));
    view! {
        <Page title=words(|t| t.create_chain) crumbs=vec![(words(|t| t.chains), "/chains".to_owned())]>
            {load(data, |(hosts, offer), _| {
                if hosts.is_empty() {
                    let add = view! { <a class="button primary" href="/hosts/new">{tr(|t| t.add_host)}</a> };
                    empty(|t| t.no_hosts, |t| t.no_hosts_hint, Some(add.into_any()))
                } else {
                    view! { <Wizard hosts=hosts offer=offer/> }.into_any()
                }
            })}
        </Page>
    }
}

#[component]
fn Wizard(hosts: Vec<HostView>, offer: ChainOffer) -> impl IntoView {
    let form = Form::new(&offer);
    let step = RwSignal::new(0_usize);
    let wrong = Checks::new(form, step);
    let key = RwSignal::new(String::new());
    let plan = Action::new(|spec: &ChainSpec| {
        let spec = spec.clone();
        again(move || chain_plan(spec.clone()))
    });
    let create = Action::new(move |spec: &ChainSpec| {
        let (spec, key) = (spec.clone(), key.get_untracked());
        again(move || chain_create(spec.clone(), key.clone()))
    });
    let (refused, dirty) = (follow(create), guarded());
    let next = move || match form.draft().parse_up_to(step.get_untracked()) {
        Ok(spec) => {
            step.update(|n| *n += 1);
            if let Some(spec) = spec {
                // A key per review: what is clicked twice here is one creation.
                key.set(new_key());
                plan.dispatch(spec);
            }
        }
        Err(_) => wrong.refuse(),
    };
    let finish = move || match form.draft().parse() {
        Ok(spec) => {
            create.dispatch(spec);
        }
        Err(_) => wrong.refuse(),
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if step.get_untracked() == REVIEW { finish() } else { next() }
    };
    let left = move |event: leptos::ev::FocusEvent| {
        wrong.leave(&event_target::<web_sys::Element>(&event).id());
    };
    let blocked = move || create.pending().get() || (step.get() == REVIEW && !is_ready(plan.value().get()));
    let steps =
        vec![words(|t| t.step_name), words(|t| t.organizations), words(|t| t.consensus), words(|t| t.review)];
    let hosts = StoredValue::new(hosts);
    follow_step(step);
    view! {
        <Stepper steps=steps current=step/>
        <form method="post" class="card form" on:input=move |_| dirty.set(true) on:submit=submit>
            <NeedsScript/>
            <div id=FIELDS tabindex="-1" on:focusout=left>
                {move || match step.get() {
                    0 => view! { <NameStep form=form wrong=wrong hosts=hosts.get_value()/> }.into_any(),
                    1 => view! { <OrganizationStep form=form wrong=wrong/> }.into_any(),
                    2 => view! { <ConsensusStep form=form wrong=wrong/> }.into_any(),
                    _ => view! { <Review form=form plan=plan/> }.into_any(),
                }}
            </div>
            <p class="field-error" role="alert">{wrong.at_buttons()}</p>
            <Notice error=refused/>
            <div class="row end" on:mousedown=stay>
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

/// Gives the focus to the place of the fields with every change of step: what had it, a field or a button, is gone or
/// disabled by then, and whoever works by keyboard would begin at the top of the page again.
fn follow_step(step: RwSignal<usize>) {
    Effect::new(move |before: Option<usize>| {
        let now = step.get();
        if before.is_some_and(|before| before != now) {
            browser::focus(FIELDS);
        }
        now
    });
}

/// Keeps the focus where it is while a button is pressed: a field that is left may get a sentence, which would move the
/// button away before it is released.
fn stay(event: leptos::ev::MouseEvent) {
    event.prevent_default();
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
        <h3>{tr(|t| t.plan_files)}</h3>
        <p class="muted">{say(|t| fill(t.plan_files_hint, &[("config", CONFIG_FOLDER), ("data", DATA_FOLDER)]))}</p>
        <dl class="facts">
            <dt>{tr(|t| t.orderers)}</dt>
            <dd>{files(NodeKind::Orderer)}</dd>
            <dt>{tr(|t| t.peers)}</dt>
            <dd>{files(NodeKind::Peer)}</dd>
        </dl>
    }
    .into_any()
}

/// What is written into the volume of each node of a kind.
fn files(kind: NodeKind) -> AnyView {
    let items = kind.files().iter().map(|file| view! { <li><code>{*file}</code></li> }).collect_view();
    view! { <ul class="plain">{items}</ul> }.into_any()
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
        CheckKind::Permissions => |t| t.cluster().check_permissions,
        CheckKind::Storage => |t| t.cluster().storage,
        CheckKind::Images => |t| t.images,
        CheckKind::Ports => |t| t.ports,
        CheckKind::Quota => |t| t.cluster().check_quota,
        CheckKind::Cpu => |t| t.cpu,
        CheckKind::Memory => |t| t.memory,
        CheckKind::Disk => |t| t.check_disk,
        CheckKind::Clock => |t| t.check_clock,
        CheckKind::Names => |t| t.check_names,
        CheckKind::Capacity => |t| t.capacity,
    }
}
