//! A new template.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::host_new::show_on_field;
use super::refusal;
use super::template::form::{Form, fields};
use crate::api::template::{template_create, template_draft};
use crate::components::load::load;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::Page;
use crate::components::unsaved::guarded;
use crate::fetched::Fetched;
use crate::text::{tr, words};

/// The page.
#[component]
pub fn TemplateNew() -> impl IntoView {
    // Read once: nothing may clear what is typed.
    let draft = Fetched::new(|| (), |()| template_draft());
    load(draft, |draft, _| {
        let crumbs = vec![(words(|t| t.template().templates), "/templates".to_owned())];
        view! {
            <Page title=words(|t| t.template().new_template) crumbs=crumbs>
                <Fresh form=Form::fresh(&draft)/>
            </Page>
        }
        .into_any()
    })
}

#[component]
fn Fresh(form: Form) -> impl IntoView {
    let wrong = RwSignal::new(None::<domain::Error>);
    let create = Action::new(|template: &domain::template::Template| template_create(template.clone()));
    show_on_field(create, wrong);
    let (navigate, dirty) = (use_navigate(), guarded());
    Effect::new(move |_| {
        if let Some(Ok(template)) = create.value().get() {
            let address = format!("/templates/{}", template.name);
            navigate(&address, leptos_router::NavigateOptions::default());
        }
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match form.parse() {
            Ok(template) => {
                wrong.set(None);
                create.dispatch(template);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    view! {
        <form method="post" class="card form" on:input=move |_| dirty.set(true) on:submit=submit>
            <NeedsScript/>
            {fields(form, wrong)}
            <Notice error=refusal(create)/>
            <div class="row end">
                <a class="button" href="/templates">{tr(|t| t.cancel)}</a>
                <button type="submit" class="button primary" disabled=move || create.pending().get()>
                    {tr(|t| t.template().save)}
                </button>
            </div>
        </form>
    }
}
