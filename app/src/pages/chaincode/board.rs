//! The readiness board: who has installed and approved what, and the missing steps one by one.

use domain::chain::{ChainVerb, ChainView};
use domain::chaincode::{ChaincodeView, DeploySpec, ReadinessView};
use domain::id::OperationId;
use domain::name::{NodeName, OrganizationName};
use leptos::prelude::*;

use crate::api::ApiError;
use crate::api::chaincode::{chaincode_approve, chaincode_commit, chaincode_install};
use crate::components::badge::{Tone, badge};
use crate::text::{Text, tr};

/// One step alone.
#[derive(Clone, Debug)]
pub enum Step {
    Install(DeploySpec, Vec<NodeName>),
    Approve(DeploySpec, OrganizationName),
    Commit(DeploySpec),
}

pub type Steps = Action<Step, Result<OperationId, ApiError>>;

/// The action behind the board's buttons; it outlives a refresh of the page.
pub fn steps() -> Steps {
    Action::new(|step: &Step| {
        let step = step.clone();
        async move {
            match step {
                Step::Install(spec, peers) => chaincode_install(spec, peers).await,
                Step::Approve(spec, organization) => chaincode_approve(spec, organization).await,
                Step::Commit(spec) => chaincode_commit(spec).await,
            }
        }
    })
}

/// The definition as a specification again.
fn spec_of(chain: &ChainView, one: &ChaincodeView) -> DeploySpec {
    DeploySpec {
        chain: chain.summary.name.clone(),
        channel: one.channel.clone(),
        name: one.name.clone(),
        version: one.version.clone(),
        image: one.image.clone(),
        policy: one.policy.clone(),
        init_required: one.init_required,
        label: None,
        peers: Vec::new(),
    }
}

/// The board of one definition. What is committed is still installed on peers that join later, and approved by
/// organizations that had not.
pub fn board(chain: &ChainView, one: &ChaincodeView, steps: Steps) -> AnyView {
    let may = chain.verbs.contains(&ChainVerb::Update);
    let spec = spec_of(chain, one);
    let rows =
        one.readiness.iter().map(|row| readiness(row, may.then(|| spec.clone()), steps)).collect_view();
    let commit =
        (may && !one.committed).then(|| button(|t| t.deploying().commit, Step::Commit(spec.clone()), steps));
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.deploying().readiness)>
            <table>
                <caption>{tr(|t| t.deploying().readiness)}</caption>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.organization)}</th>
                        <th scope="col">{tr(|t| t.deploying().installed_on)}</th>
                        <th scope="col">{tr(|t| t.deploying().missing_on)}</th>
                        <th scope="col">{tr(|t| t.deploying().approved)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {commit}
    }
    .into_any()
}

fn readiness(row: &ReadinessView, spec: Option<DeploySpec>, steps: Steps) -> AnyView {
    let approved = if row.approved {
        badge((Tone::Good, |t| t.deploying().approved))
    } else {
        badge((Tone::Warn, |t| t.deploying().not_approved))
    };
    let missing: Vec<NodeName> = row.missing.iter().filter_map(|name| NodeName::parse(name).ok()).collect();
    let install = spec
        .clone()
        .filter(|_| !missing.is_empty())
        .map(|spec| button(|t| t.deploying().install, Step::Install(spec, missing), steps));
    let approve = spec
        .filter(|_| !row.approved)
        .map(|spec| button(|t| t.approve, Step::Approve(spec, row.organization.clone()), steps));
    view! {
        <tr>
            <th scope="row">{row.organization.to_string()}</th>
            <td>{row.installed.join(", ")}</td>
            <td>{row.missing.join(", ")} " " {install}</td>
            <td>{approved} " " {approve}</td>
        </tr>
    }
    .into_any()
}

fn button(label: fn(&'static Text) -> &'static str, step: Step, steps: Steps) -> AnyView {
    let click = move |_| {
        if !steps.pending().get_untracked() {
            steps.dispatch(step.clone());
        }
    };
    view! {
        <button type="button" class="button small" disabled=move || steps.pending().get() on:click=click>
            {tr(label)}
        </button>
    }
    .into_any()
}
