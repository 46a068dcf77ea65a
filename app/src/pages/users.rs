//! People who may sign in, and making one.

use domain::permission::{Action as Act, Noun, Role};
use domain::user::{NewUser, UserView, check_password};
use leptos::prelude::*;

use super::host_new::wrong_on;
use super::refusal;
use crate::api::user::{user_create, user_list};
use crate::components::field::{SelectField, TextField};
use crate::components::load::{load, with_session};
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::components::time::Time;
use crate::components::toast::use_toasts;
use crate::components::unsaved::guarded;
use crate::fetched::Fetched;
use crate::session::{Me, user_name};
use crate::text::{Text, tr, words};

/// The page.
#[component]
pub fn Users() -> impl IntoView {
    let tick = RwSignal::new(0_u32);
    let users = Fetched::new(move || tick.get(), |_| user_list());
    view! {
        <Page title=words(|t| t.users)>
            {load(users, |users, _| table(users))}
            {with_session(move |me| form_for(&me, tick).into_any())}
        </Page>
    }
}

fn role_name(role: Role) -> fn(&'static Text) -> &'static str {
    match role {
        Role::Admin => |t| t.role_admin,
        Role::Operator => |t| t.role_operator,
        Role::User => |t| t.role_user,
    }
}

fn table(users: Vec<UserView>) -> AnyView {
    let rows = users
        .into_iter()
        .map(|user| {
            view! {
                <tr>
                    <th scope="row">{user.name.to_string()}</th>
                    <td>{tr(role_name(user.role))}</td>
                    <td>{if user.enabled { tr(|t| t.enabled) } else { tr(|t| t.disabled) }}</td>
                    <td><Time ms=user.created_ms/></td>
                    <td>{user.last_sign_in_ms.map(|ms| view! { <Time ms=ms/> })}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.users)>
            <table>
                <thead>
                    <tr>
                        <th scope="col">{tr(|t| t.user_name)}</th>
                        <th scope="col">{tr(|t| t.role)}</th>
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col">{tr(|t| t.created)}</th>
                        <th scope="col">{tr(|t| t.last_sign_in)}</th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn form_for(me: &Me, tick: RwSignal<u32>) -> Option<AnyView> {
    me.can(Act::Create, Noun::User).then(|| view! { <UserForm tick=tick/> }.into_any())
}

#[component]
fn UserForm(tick: RwSignal<u32>) -> impl IntoView {
    let text = || RwSignal::new(String::new());
    let (name, password, role) = (text(), text(), RwSignal::new(Role::User.as_str().to_owned()));
    let wrong = RwSignal::new(None::<domain::Error>);
    let create = Action::new(|user: &NewUser| user_create(user.clone()));
    let (toasts, made) = (use_toasts(), tr(|t| t.user_made));
    Effect::new(move |_| {
        if let Some(Ok(_)) = create.value().get() {
            name.set(String::new());
            password.set(String::new());
            tick.update(|n| *n = n.wrapping_add(1));
            // Untracked, or a change of language would say it again.
            toasts.say(untrack(made).to_owned());
        }
    });
    let parse = move || {
        let role = Role::parse(&role.get_untracked()).unwrap_or(Role::User);
        let password = password.get_untracked();
        check_password(&password, role)?;
        Ok(NewUser { name: user_name(&name.get_untracked())?, role, password })
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match parse() {
            Ok(user) => {
                wrong.set(None);
                create.dispatch(user);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    let roles = Signal::derive(move || {
        Role::ALL
            .into_iter()
            .map(|role| (role.as_str().to_owned(), tr(role_name(role))().to_owned()))
            .collect()
    });
    let dirty = guarded();
    Effect::new(move |_| {
        if let Some(Ok(_)) = create.value().get() {
            dirty.set(false);
        }
    });
    view! {
        <form method="post" action="/users" class="card form" on:input=move |_| dirty.set(true) on:submit=submit>
            <h2>{tr(|t| t.create_user)}</h2>
            <TextField id="name" label=words(|t| t.user_name) value=name hint=words(|t| t.name_hint)
                autocomplete="off" error=wrong_on(wrong, "name")/>
            <SelectField id="role" label=words(|t| t.role) value=role options=roles/>
            <TextField id="password" label=words(|t| t.password) value=password kind="password"
                autocomplete="new-password" error=wrong_on(wrong, "password")/>
            <Notice error=refusal(create)/>
            <div class="row end">
                <button type="submit" class="button primary" disabled=move || create.pending().get()>
                    {tr(|t| t.create_user)}
                </button>
            </div>
        </form>
    }
}
