//! Which roles need a second factor, for admins.

use domain::permission::{Action as Act, Noun, Role};
use domain::second_factor::SecondFactorView;
use leptos::prelude::*;

use super::unsaved::Unsaved;
use crate::api::ApiError;
use crate::api::second_factor::second_factor_roles_save;
use crate::components::field::CheckField;
use crate::components::load::load_part;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::prove;
use crate::components::toast::use_toasts;
use crate::fetched::Fetched;
use crate::layout::card;
use crate::session::Me;
use crate::text::{Text, tr, words};

/// The roles and saving them.
#[derive(Clone, Copy)]
pub(super) struct Required {
    view: Fetched<SecondFactorView>,
    save: Action<Vec<Role>, Result<(), ApiError>>,
    unsaved: Unsaved,
}

impl Required {
    /// What is asked for anyway names the roles, for who may set them.
    pub(super) fn new(view: Fetched<SecondFactorView>, unsaved: Unsaved) -> Self {
        let save = Action::new(|roles: &Vec<Role>| second_factor_roles_save(roles.clone()));
        let (toasts, saved) = (use_toasts(), tr(|t| t.saved));
        Effect::new(move |_| {
            if let Some(Ok(())) = save.value().get() {
                toasts.say(untrack(saved).to_owned());
            }
        });
        Self { view, save, unsaved }
    }

    pub(super) fn card(self, me: &Me) -> Option<AnyView> {
        me.can(Act::Edit, Noun::Setting).then(|| {
            let content = view! {
                <p class="muted">{tr(|t| t.own().required_hint)}</p>
                {load_part(self.view, move |view, _| self.form(&view.required_roles.unwrap_or_default()))}
                {prove::guard(self.save)}
            };
            card(|t| t.own().required, content.into_any())
        })
    }

    fn form(self, roles: &[Role]) -> AnyView {
        let save = self.save;
        let chosen = Role::ALL.map(|role| (role, RwSignal::new(roles.contains(&role))));
        let submit = move |event: leptos::ev::SubmitEvent| {
            event.prevent_default();
            let wanted = chosen.iter().filter(|(_, is_chosen)| is_chosen.get_untracked());
            save.dispatch(wanted.map(|(role, _)| *role).collect());
        };
        let fields = chosen
            .into_iter()
            .map(|(role, is_chosen)| {
                let id = format!("required-{}", role.as_str());
                view! { <CheckField id=id label=words(name_of(role)) value=is_chosen/> }
            })
            .collect_view();
        let refused = super::super::refusal(save);
        let form = view! {
            <form method="post" on:submit=submit>
                {fields}
                <NeedsScript/>
                <Notice error=refused/>
                <div class="row end">
                    <button type="submit" class="button" disabled=move || save.pending().get()>
                        {tr(|t| t.save)}
                    </button>
                </div>
            </form>
        };
        self.unsaved.form("roles", Signal::derive(move || save.value().get()), form.into_any())
    }
}

fn name_of(role: Role) -> fn(&'static Text) -> &'static str {
    match role {
        Role::Admin => |t| t.role_admin,
        Role::Operator => |t| t.role_operator,
        Role::User => |t| t.role_user,
    }
}
