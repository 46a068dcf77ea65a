//! One's own account: profile, password, second factor, sessions. Every form works without WebAssembly. Whoever has
//! something to do first finds only that here.

use domain::permission::Role;
use domain::profile::Profile;
use domain::user::{PASSWORD_MIN, PASSWORD_MIN_ADMIN, Wall};
use leptos::prelude::*;

use crate::api::profile::{PasswordChange, ProfileSave, profile_read};
use crate::browser;
use crate::components::field::{SelectField, TextField};
use crate::components::load::{load_part, with_session};
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::components::picture::picture;
use crate::components::toast::use_toasts;
use crate::fetched::Fetched;
use crate::layout::card;
use crate::preferences::Preferences;
use crate::session::Me;
use crate::text::{fill, say, tr, words};

mod factor;
mod required;
mod sessions;
mod unsaved;

use unsaved::Unsaved;

/// The page.
#[component]
pub fn Account() -> impl IntoView {
    let profile = Fetched::new(|| 0_u32, |_| profile_read());
    let save = saving();
    let change = changing();
    let unsaved = Unsaved::new();
    let factor = factor::Factor::new(unsaved);
    let sessions = sessions::Sessions::new();
    let required = required::Required::new(factor.view, unsaved);
    view! {
        <Page title=words(|t| t.account_page)>
            {with_session(move |me| match me.0.wall {
                Some(Wall::Password) => view! {
                    <p class="notice">{tr(|t| t.own().must_change)}</p>
                    {password(&me, change, unsaved)}
                }
                .into_any(),
                Some(Wall::SecondFactor) => view! {
                    <p class="notice">{tr(|t| t.own().needs_factor)}</p>
                    {factor.card()}
                }
                .into_any(),
                None => view! {
                    {card(
                        |t| t.own().profile,
                        load_part(profile, move |profile, me| form(profile, &me, save, unsaved)),
                    )}
                    {password(&me, change, unsaved)}
                    {factor.card()}
                    {sessions.card()}
                    {required.card(&me)}
                }
                .into_any(),
            })}
        </Page>
    }
}

/// Saves the profile; the cookies that come back tell the pages of the time zone.
fn saving() -> ServerAction<ProfileSave> {
    let save = ServerAction::<ProfileSave>::new();
    let (toasts, saved) = (use_toasts(), tr(|t| t.saved));
    let preferences = use_context::<Preferences>();
    Effect::new(move |_| {
        if let Some(Ok(())) = save.value().get() {
            if let Some(preferences) = preferences {
                preferences.renew();
            }
            // Untracked, or a change of language would say it again.
            toasts.say(untrack(saved).to_owned());
        }
    });
    save
}

fn form(profile: Profile, me: &Me, save: ServerAction<ProfileSave>, unsaved: Unsaved) -> AnyView {
    let user = me.0.name.to_string();
    let name = if profile.display_name.is_empty() { user.clone() } else { profile.display_name.clone() };
    let refused = Signal::derive(move || save.value().get().and_then(Result::err));
    let switch = Signal::derive(move || {
        let word = |key: &str, word: &str| (key.to_owned(), word.to_owned());
        vec![word("true", tr(|t| t.own().shortcuts_on)()), word("false", tr(|t| t.own().shortcuts_off)())]
    });
    let text = |text: &str| RwSignal::new(text.to_owned());
    let form = view! {
        <ActionForm action=save>
            <div class="form">
                <p class="row">{picture(&name)} <strong>{user}</strong></p>
                <TextField id="display_name" label=words(|t| t.own().display_name) value=text(&profile.display_name)
                    autocomplete="name"/>
                <TextField id="organization" label=words(|t| t.organization) value=text(&profile.organization)
                    autocomplete="organization"/>
                <TextField id="location" label=words(|t| t.own().location) value=text(&profile.location)/>
                <TextField id="bio" label=words(|t| t.own().bio) value=text(&profile.bio)/>
                <TextField id="time_zone" label=words(|t| t.own().time_zone) value=text(&profile.time_zone)
                    hint=words(|t| t.own().time_zone_hint) autocomplete="off"/>
                <SelectField id="shortcuts" label=words(|t| t.own().shortcuts)
                    value=text(if profile.shortcuts { "true" } else { "false" }) options=switch/>
                <Notice error=refused/>
                <div class="row end">
                    <button type="submit" class="button primary" disabled=move || save.pending().get()>
                        {tr(|t| t.save)}
                    </button>
                </div>
            </div>
        </ActionForm>
    };
    unsaved.form("profile", Signal::derive(move || save.value().get()), form.into_any())
}

/// Changes the password, and says so; whoever had to goes on with a page on which everything else is open.
fn changing() -> ServerAction<PasswordChange> {
    let change = ServerAction::<PasswordChange>::new();
    let (toasts, changed) = (use_toasts(), tr(|t| t.own().password_changed));
    let session = use_context::<crate::session::Session>();
    Effect::new(move |_| {
        if let Some(Ok(())) = change.value().get() {
            toasts.say(untrack(changed).to_owned());
            if untrack(|| is_walled(session)) {
                browser::reload();
            }
        }
    });
    change
}

/// Whether there is something to do first.
fn is_walled(session: Option<crate::session::Session>) -> bool {
    let entry = session.and_then(|session| session.0.now()).and_then(Result::ok);
    matches!(entry, Some(crate::api::session::Entry::SignedIn(view)) if view.wall.is_some())
}

fn password(me: &Me, change: ServerAction<PasswordChange>, unsaved: Unsaved) -> AnyView {
    let min = match me.0.role {
        Role::Admin => PASSWORD_MIN_ADMIN,
        Role::Operator | Role::User => PASSWORD_MIN,
    };
    let hint = say(move |t| fill(t.own().password_ends, &[("min", min.to_string())]));
    let refused = Signal::derive(move || change.value().get().and_then(Result::err));
    let content = view! {
        <ActionForm action=change>
            <TextField id="old" label=words(|t| t.own().password_old) kind="password"
                autocomplete="current-password" required=true/>
            <TextField id="new" label=words(|t| t.own().password_new) hint=Signal::derive(hint) kind="password"
                autocomplete="new-password" required=true/>
            <Notice error=refused/>
            <div class="row end">
                <button type="submit" class="button primary" disabled=move || change.pending().get()>
                    {tr(|t| t.own().password_change)}
                </button>
            </div>
        </ActionForm>
    };
    let answer = Signal::derive(move || change.value().get());
    card(|t| t.own().password, unsaved.form("password", answer, content.into_any()))
}
