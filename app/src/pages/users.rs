//! People who may sign in: searched, filtered and sorted by the server, page by page; whether others can ask for an account,
//! and whether mail is sent to them.

use domain::list::ListPage;
use domain::permission::{Action as Act, Noun, Role};
use domain::user::{Quota, USER_FILTERS, UserState, UserView};
use leptos::prelude::*;

use super::refusal;
use crate::api::ApiError;
use crate::api::mail::{mail_read, mail_test};
use crate::api::registration::{registration_read, registration_set};
use crate::api::user::user_page;
use crate::components::badge::{Pick, Tone, badge};
use crate::components::list::{Facet, ListState, list_pager, list_tools, sort_header, use_list};
use crate::components::load::{load, load_part};
use crate::components::notice::Notice;
use crate::components::page::{Page, empty};
use crate::components::time::Time;
use crate::events;
use crate::fetched::Fetched;
use crate::session::Me;
use crate::text::{Text, fill, say, tr, words};

mod mail;

/// Switches registration.
type Switch = Action<bool, Result<(), ApiError>>;

/// The page.
#[component]
pub fn Users() -> impl IntoView {
    let list = use_list(&USER_FILTERS);
    let tick = events::ticks(|message| message.touches("user", ""));
    let people = Fetched::new(move || (list.query.get(), tick.get()), |(query, _)| user_page(query));
    let create = view! { <a class="button primary" href="/users/new">{tr(|t| t.create_user)}</a> }.into_any();
    let switched = RwSignal::new(0_u32);
    let open = Fetched::new(move || switched.get(), |_| registration_read());
    let switch: Switch = Action::new(|open: &bool| registration_set(*open));
    Effect::new(move |_| {
        if let Some(Ok(())) = switch.value().get() {
            switched.update(|n| *n = n.wrapping_add(1));
        }
    });
    let setting = Fetched::new(|| (), |()| mail_read());
    let test: mail::Try = Action::new(|(): &()| mail_test());
    view! {
        <Page title=words(|t| t.users) actions=create>
            {list_tools(list, facets())}
            {load(people, move |page, _| table(page, list))}
            {load_part(open, move |open, me| registration(open, &me, switch))}
            {load_part(setting, move |setting, me| mail::card(setting, &me, test))}
        </Page>
    }
}

/// A role in the language of the page.
pub fn role_name(role: Role) -> Pick {
    match role {
        Role::Admin => |t| t.role_admin,
        Role::Operator => |t| t.role_operator,
        Role::User => |t| t.role_user,
    }
}

/// The state of an account.
pub fn user_state(state: UserState) -> (Tone, Pick) {
    match state {
        UserState::Active => (Tone::Good, |t| t.people().state_active),
        UserState::Invited => (Tone::Busy, |t| t.people().state_invited),
        UserState::Waiting => (Tone::Warn, |t| t.people().state_waiting),
        UserState::Disabled => (Tone::Quiet, |t| t.people().state_disabled),
    }
}

/// What a quota allows, in one line; what has no limit is left out.
pub fn quota_text(text: &'static Text, quota: Quota) -> String {
    let people = text.people();
    let part = |template: &'static str, n: u32| fill(template, &[("n", n.to_string())]);
    let mut parts = vec![part(people.chains_n, quota.chains.into())];
    parts.extend(quota.lifetime_hours.map(|hours| part(people.hours_n, hours)));
    parts.extend(quota.invocations_per_minute.map(|calls| part(people.calls_n, calls)));
    parts.join(" · ")
}

fn facets() -> Vec<Facet> {
    let roles = Role::ALL.map(|role| (role.as_str().to_owned(), words(role_name(role))));
    let states = UserState::ALL.map(|state| (state.as_str().to_owned(), words(user_state(state).1)));
    vec![
        Facet { key: "role", label: |t| t.role, options: roles.to_vec() },
        Facet { key: "state", label: |t| t.state, options: states.to_vec() },
    ]
}

fn table(page: ListPage<UserView>, list: ListState) -> AnyView {
    if page.rows.is_empty() {
        return empty(|t| t.people().no_users, |t| t.people().no_users_hint, None);
    }
    let rows = page.rows.into_iter().map(row).collect_view();
    view! {
        <div class="table-frame" tabindex="0" role="region" aria-label=tr(|t| t.users)>
            <table>
                <thead>
                    <tr>
                        {sort_header(list, "name", |t| t.user_name)}
                        {sort_header(list, "role", |t| t.role)}
                        <th scope="col">{tr(|t| t.state)}</th>
                        <th scope="col">{tr(|t| t.people().quota)}</th>
                        <th scope="col">{tr(|t| t.people().chains_owned)}</th>
                        {sort_header(list, "created", |t| t.created)}
                        {sort_header(list, "last_sign_in", |t| t.last_sign_in)}
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
        {list_pager(list, page.next)}
    }
    .into_any()
}

fn row(user: UserView) -> AnyView {
    let quota = user.quota();
    let email = user.email.map(|email| view! { <div class="muted small">{email.to_string()}</div> });
    view! {
        <tr>
            <th scope="row">
                <a href=format!("/users/{}", user.id)>{user.name.to_string()}</a>
                {email}
            </th>
            <td>{tr(role_name(user.role))}</td>
            <td>{badge(user_state(user.state))}</td>
            <td>{say(move |t| quota_text(t, quota))}</td>
            <td>{user.chains.to_string()}</td>
            <td><Time ms=user.created_ms/></td>
            <td>{user.last_sign_in_ms.map(|ms| view! { <Time ms=ms/> })}</td>
        </tr>
    }
    .into_any()
}

/// Whether people can ask for an account, and the switch.
fn registration(open: bool, me: &Me, switch: Switch) -> AnyView {
    if !me.can(Act::Edit, Noun::Setting) {
        return ().into_any();
    }
    let stands = match open {
        true => view! {
            <p>{tr(|t| t.people().registration_on)} " " <a href="/register" rel="external">"/register"</a></p>
        }
        .into_any(),
        false => view! { <p>{tr(|t| t.people().registration_off)}</p> }.into_any(),
    };
    let label: Pick = if open { |t| t.people().registration_close } else { |t| t.people().registration_open };
    view! {
        <section class="card" aria-labelledby="registration">
            <h2 id="registration">{tr(|t| t.people().registration)}</h2>
            {stands}
            <Notice error=refusal(switch)/>
            <button type="button" class="button" disabled=move || switch.pending().get()
                on:click=move |_| { switch.dispatch(!open); }>
                {tr(label)}
            </button>
        </section>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Lang;

    #[test]
    fn what_has_no_limit_is_left_out() {
        let all = Quota { chains: 2, lifetime_hours: Some(24), invocations_per_minute: Some(600) };
        assert_eq!(quota_text(Lang::En.text(), all), "2 chains · 24 h each · 600 calls a minute");
        let chains = Quota { chains: 2, lifetime_hours: None, invocations_per_minute: None };
        assert_eq!(quota_text(Lang::Zh.text(), chains), "2 条链");
    }
}
