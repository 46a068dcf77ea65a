//! Templates: what there is to make chains of the pool from, and taking one in from another portal.

use domain::permission::{Action as Act, Noun};
use domain::template::Template;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::host_new::{show_on_field, wrong_on};
use super::refusal;
use crate::api::template::{template_import, template_list};
use crate::components::field::LongField;
use crate::components::load::{load, with_session};
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::{Page, empty};
use crate::events;
use crate::fetched::Fetched;
use crate::session::Me;
use crate::text::{fill, say, tr, words};

/// The page.
#[component]
pub fn Templates() -> impl IntoView {
    let tick = events::ticks(|m| m.touches("template", ""));
    let templates = Fetched::new(move || tick.get(), |_| template_list());
    view! {
        <Page title=words(|t| t.template().templates) actions=with_session(|me| add(&me).into_any())>
            <p class="muted">{tr(|t| t.template().templates_hint)}</p>
            {load(templates, |templates, me| {
                if templates.is_empty() {
                    empty(|t| t.template().no_templates, |t| t.template().no_templates_hint, add(&me))
                } else {
                    table(templates)
                }
            })}
            {with_session(|me| me.can(Act::Create, Noun::Template).then(|| view! { <Import/> }).into_any())}
        </Page>
    }
}

fn add(me: &Me) -> Option<AnyView> {
    me.can(Act::Create, Noun::Template).then(|| {
        view! { <a class="button primary" href="/templates/new">{tr(|t| t.template().new_template)}</a> }
            .into_any()
    })
}

/// How large a chain of a template is, in words.
pub fn size(template: &Template) -> impl Fn() -> String + Send + Sync + use<> {
    let peers: u32 = template.organizations.iter().map(|one| u32::from(one.peers)).sum();
    let orderers = template.orderers;
    say(move |t| {
        let values = [("peers", peers.to_string()), ("orderers", orderers.to_string())];
        fill(t.template().size_value, &values)
    })
}

fn table(templates: Vec<Template>) -> AnyView {
    let rows = templates
        .into_iter()
        .map(|template| {
            let code = template.chaincode.as_ref().map(|code| format!("{} {}", code.name, code.version));
            view! {
                <tr>
                    <th scope="row">
                        <a href=format!("/templates/{}", template.name)>{template.name.to_string()}</a>
                    </th>
                    <td>
                        {template.title.clone()}
                        <div class="muted small">{template.description.clone()}</div>
                    </td>
                    <td>{size(&template)}</td>
                    <td>{template.version.as_str()}</td>
                    <td>{code}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.template().templates)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.name)}</th>
                        <th scope="col">{tr(|t| t.template().title)}</th>
                        <th scope="col">{tr(|t| t.template().size)}</th>
                        <th scope="col">{tr(|t| t.fabric_version)}</th>
                        <th scope="col">{tr(|t| t.chaincode)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

/// Takes in what another portal exported. A refusal keeps the text, and names the line.
#[component]
fn Import() -> impl IntoView {
    let text = RwSignal::new(String::new());
    let wrong = RwSignal::new(None::<domain::Error>);
    let import = Action::new(|text: &String| template_import(text.clone()));
    show_on_field(import, wrong);
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(template)) = import.value().get() {
            let address = format!("/templates/{}", template.name);
            navigate(&address, leptos_router::NavigateOptions::default());
        }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        wrong.set(None);
        import.dispatch(text.get_untracked());
    };
    view! {
        <form method="post" class="card form" on:submit=submit>
            <h2>{tr(|t| t.template().import)}</h2>
            <NeedsScript/>
            <LongField id="text" label=words(|t| t.template().import_text) value=text rows=6
                hint=words(|t| t.template().import_hint) error=wrong_on(wrong, "text")/>
            <Notice error=refusal(import)/>
            <div class="row end">
                <button type="submit" class="button" disabled=move || import.pending().get()>
                    {tr(|t| t.template().import)}
                </button>
            </div>
        </form>
    }
}
