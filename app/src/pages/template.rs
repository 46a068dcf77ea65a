//! One template: what its chains are like, taking it along, and for admins changing and deleting it.

use domain::name::TemplateName;
use domain::permission::{Action as Act, Noun};
use domain::template::Template as Chosen;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::host_new::show_on_field;
use super::templates::size;
use super::{not_found, parameter, refusal};
use crate::api::ApiError;
use crate::api::template::{template_delete, template_edit, template_read};
use crate::components::dialog::Confirm;
use crate::components::load::load_live;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::Page;
use crate::components::toast::use_toasts;
use crate::components::unsaved::guarded;
use crate::fetched::Fetched;
use crate::session::Me;
use crate::text::{tr, words};
use form::{Form, fields};

pub mod form;

/// The page.
#[component]
pub fn Template() -> impl IntoView {
    let name = parameter("name");
    let remove = Action::new(|name: &TemplateName| template_delete(name.clone()));
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(())) = remove.value().get() {
            navigate("/templates", leptos_router::NavigateOptions::default());
        }
    });
    let edit = Action::new(|template: &Chosen| template_edit(template.clone()));
    // What is shown above the form is read again once it is saved here. The form is made once: a change that somebody
    // else makes meanwhile must not clear what is typed.
    let template = Fetched::new(move || (name.get(), edit.version().get()), |(name, _)| read(name));
    load_live(template, move |template: RwSignal<Chosen>, me| {
        let crumbs = vec![(words(|t| t.template().templates), "/templates".to_owned())];
        let now = template.get_untracked();
        let form =
            me.can(Act::Edit, Noun::Template).then(|| view! { <Edit template=now.clone() edit=edit/> });
        view! {
            <Page
                title=Signal::derive(move || template.with(|template| template.title.clone()))
                crumbs=crumbs
                actions=actions(&now, &me, remove)
            >
                <Notice error=refusal(remove)/>
                {move || template.with(facts)}
                {form}
            </Page>
        }
        .into_any()
    })
}

async fn read(name: String) -> Result<Chosen, ApiError> {
    template_read(TemplateName::parse(&name).map_err(|_| not_found())?).await
}

fn actions(template: &Chosen, me: &Me, remove: Action<TemplateName, Result<(), ApiError>>) -> AnyView {
    let name = template.name.clone();
    let gone = Callback::new(move |_: String| {
        remove.dispatch(name.clone());
    });
    let delete = me.can(Act::Delete, Noun::Template).then(|| {
        view! {
            <Confirm label=words(|t| t.template().delete) impact=vec![words(|t| t.template().delete_impact)]
                name=template.name.to_string() danger=true confirm=gone/>
        }
    });
    let file = format!("/templates/{}/template.yaml", template.name);
    view! {
        <a class="button" href=file download="" rel="external">{tr(|t| t.template().export)}</a>
        {delete}
    }
    .into_any()
}

fn facts(template: &Chosen) -> AnyView {
    let organizations: Vec<String> =
        template.organizations.iter().map(|one| format!("{} ({})", one.name, one.peers)).collect();
    let code = template.chaincode.as_ref().map(|code| {
        view! {
            <dt>{tr(|t| t.chaincode)}</dt>
            <dd>{code.name.to_string()} " " {code.version.clone()} " " <code>{code.image.clone()}</code></dd>
        }
    });
    let (cpu, memory) = (template.resources.cpu_milli, template.resources.memory_mib);
    view! {
        <section class="card">
            <p>{template.description.clone()}</p>
            <dl class="facts">
                <dt>{tr(|t| t.name)}</dt>
                <dd><code>{template.name.to_string()}</code></dd>
                <dt>{tr(|t| t.template().size)}</dt>
                <dd>{size(template)}</dd>
                <dt>{tr(|t| t.organizations)}</dt>
                <dd>{organizations.join(", ")}</dd>
                <dt>{tr(|t| t.fabric_version)}</dt>
                <dd>{template.version.as_str()}</dd>
                <dt>{tr(|t| t.first_channel)}</dt>
                <dd>{template.channel.to_string()}</dd>
                <dt>{tr(|t| t.resources)}</dt>
                <dd>{format!("{cpu} m, {memory} MiB")}</dd>
                {code}
            </dl>
        </section>
    }
    .into_any()
}

#[component]
fn Edit(template: Chosen, edit: Action<Chosen, Result<Chosen, ApiError>>) -> impl IntoView {
    let form = Form::of(&template);
    let wrong = RwSignal::new(None::<domain::Error>);
    show_on_field(edit, wrong);
    let (toasts, saved) = (use_toasts(), tr(|t| t.template().saved));
    let dirty = guarded();
    Effect::new(move |_| {
        if let Some(Ok(_)) = edit.value().get() {
            dirty.set(false);
            // Untracked, or a change of language would say it again.
            toasts.say(untrack(saved).to_owned());
        }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match form.parse() {
            Ok(template) => {
                wrong.set(None);
                edit.dispatch(template);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    view! {
        <form method="post" class="card form" on:input=move |_| dirty.set(true) on:submit=submit>
            <h2>{tr(|t| t.template().edit_template)}</h2>
            <NeedsScript/>
            {fields(form, wrong)}
            <Notice error=refusal(edit)/>
            <div class="row end">
                <button type="submit" class="button primary" disabled=move || edit.pending().get()>
                    {tr(|t| t.template().save)}
                </button>
            </div>
        </form>
    }
}
