//! One person: what the portal knows of them, what an admin changes, and what an admin does with the account. What cannot
//! be done says why.

use domain::id::UserId;
use domain::permission::Role;
use domain::user::{
    Email, FirstSignIn, QUOTA_CHAINS_MAX, QUOTA_HOURS_MAX, QUOTA_INVOCATIONS_MAX, Quota, UserDetail,
    UserEdit, UserState,
};
use domain::{Code, Error};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::host_new::wrong_on;
use super::user_new::{roles, shown_once};
use super::users::{quota_text, role_name, user_state};
use super::{parameter, refusal};
use crate::api::ApiError;
use crate::api::second_factor::user_reset_second_factor;
use crate::api::user::{
    user_delete, user_disable, user_edit, user_enable, user_read, user_reset_password, user_unlock,
};
use crate::components::badge::{Pick, badge};
use crate::components::dialog::Confirm;
use crate::components::field::{SelectField, TextField};
use crate::components::load::load_live;
use crate::components::notice::{NeedsScript, Notice};
use crate::components::page::Page;
use crate::components::prove;
use crate::components::time::Time;
use crate::components::toast::use_toasts;
use crate::components::unsaved::guarded;
use crate::events;
use crate::fetched::Fetched;
use crate::text::{fill, say, tr, words};
use standing::Standing;

mod mail;
mod standing;

/// The quota of the role.
const OF_ROLE: &str = "role";
/// Values for this person.
const OWN: &str = "own";

/// What changes an account and shows nothing.
#[derive(Clone)]
enum Change {
    Edit(UserEdit),
    Enable,
    Disable,
    Unlock,
}

/// What can be done; made once, so that a refresh of the page loses nothing.
#[derive(Clone, Copy)]
struct Buttons {
    change: Action<Change, Result<(), ApiError>>,
    reset: Action<(), Result<FirstSignIn, ApiError>>,
    reset_factor: Action<(), Result<(), ApiError>>,
    delete: Action<(), Result<(), ApiError>>,
    typed: RwSignal<String>,
}

impl Buttons {
    fn new(id: Memo<String>) -> Self {
        let user = move || UserId::new(id.get_untracked());
        Self {
            change: Action::new(move |change: &Change| done(user(), change.clone())),
            reset: Action::new(move |(): &()| user_reset_password(user())),
            reset_factor: Action::new(move |(): &()| factor_gone(user())),
            delete: Action::new(move |(): &()| user_delete(user())),
            typed: RwSignal::new(String::new()),
        }
    }
}

async fn done(id: UserId, change: Change) -> Result<(), ApiError> {
    match change {
        Change::Edit(edit) => user_edit(id, edit).await,
        Change::Enable => user_enable(id).await,
        Change::Disable => user_disable(id).await,
        Change::Unlock => user_unlock(id).await,
    }
}

/// The second factor goes by the name, which stays.
async fn factor_gone(id: UserId) -> Result<(), ApiError> {
    user_reset_second_factor(user_read(id).await?.user.name).await
}

/// The page.
#[component]
pub fn User() -> impl IntoView {
    let id = parameter("id");
    let tick = events::ticks(move |message| message.touches("user", &id.read_untracked()));
    let user = Fetched::new(move || (id.get(), tick.get()), |(id, _)| user_read(UserId::new(id)));
    let buttons = Buttons::new(id);
    let navigate = use_navigate();
    Effect::new(move |_| {
        if let Some(Ok(())) = buttons.delete.value().get() {
            navigate("/users", leptos_router::NavigateOptions::default());
        }
    });
    let (toasts, saved) = (use_toasts(), tr(|t| t.saved));
    Effect::new(move |_| {
        if let Some(Ok(())) = buttons.change.value().get() {
            // Untracked, or a change of language would say it again.
            toasts.say(untrack(saved).to_owned());
        }
    });
    let page = load_live(user, move |detail, _| page(detail, buttons));
    // Outside of what is drawn anew: what is typed there stays.
    view! {
        {page}
        {prove::guard(buttons.change)}
        {prove::guard(buttons.reset)}
        {prove::guard(buttons.reset_factor)}
        {prove::guard(buttons.delete)}
    }
}

fn page(detail: RwSignal<UserDetail>, buttons: Buttons) -> AnyView {
    let name = detail.read_untracked().user.name.to_string();
    let standing = Memo::new(move |_| Standing::of(&detail.read()));
    let (of_link, of_actions) = (name.clone(), name.clone());
    let shown = move || {
        let shown = buttons.reset.value().get().and_then(Result::ok);
        // What was made for somebody else stands under no other name.
        let shown = shown.filter(|shown| shown.id == detail.read_untracked().user.id);
        shown.map(|shown| shown_once(shown, of_link.clone()))
    };
    view! {
        <Page title=Signal::stored(name) crumbs=vec![(words(|t| t.users), "/users".to_owned())]>
            <NeedsScript/>
            {shown}
            <Notice error=refusal(buttons.change)/>
            <Notice error=refusal(buttons.reset)/>
            <Notice error=refusal(buttons.reset_factor)/>
            <Notice error=refusal(buttons.delete)/>
            {move || facts(&detail.read())}
            <Edit detail=detail change=buttons.change/>
            <section class="card" aria-labelledby="actions">
                <h2 id="actions">{tr(|t| t.people().actions)}</h2>
                {move || actions(standing.get(), &of_actions, buttons)}
            </section>
        </Page>
    }
    .into_any()
}

fn facts(detail: &UserDetail) -> AnyView {
    let user = &detail.user;
    let (quota, has_own) = (user.quota(), user.quota.is_some());
    let source: Pick = if has_own { |t| t.people().quota_own } else { |t| t.people().quota_of_role };
    let factor: Pick = match user.second_factor {
        true => |t| t.people().second_factor_on,
        false => |t| t.people().second_factor_off,
    };
    let chains: Vec<AnyView> = detail
        .chains
        .iter()
        .map(|chain| view! { <a href=format!("/chains/{chain}")>{chain.to_string()}</a> " " }.into_any())
        .collect();
    let moment = |label: Pick, at_ms: Option<i64>| {
        at_ms.map(|ms| view! { <dt>{tr(label)}</dt> <dd><Time ms=ms/></dd> })
    };
    let last = match user.last_sign_in_ms {
        Some(ms) => view! { <Time ms=ms/> }.into_any(),
        None => view! { {tr(|t| t.people().never)} }.into_any(),
    };
    view! {
        <section class="card">
            <dl class="facts">
                <dt>{tr(|t| t.state)}</dt>
                <dd>{badge(user_state(user.state))}</dd>
                <dt>{tr(|t| t.role)}</dt>
                <dd>{tr(role_name(user.role))}</dd>
                <dt>{tr(|t| t.people().email)}</dt>
                <dd>{user.email.as_ref().map(ToString::to_string)}</dd>
                <dt>{tr(|t| t.people().quota)}</dt>
                <dd>{say(move |t| quota_text(t, quota))} " (" {tr(source)} ")"</dd>
                <dt>{tr(|t| t.people().chains_owned)}</dt>
                <dd>{detail.chains.len().to_string()} " " {chains}</dd>
                <dt>{tr(|t| t.people().second_factor)}</dt>
                <dd>{tr(factor)}</dd>
                <dt>{tr(|t| t.created)}</dt>
                <dd><Time ms=user.created_ms/></dd>
                <dt>{tr(|t| t.last_sign_in)}</dt>
                <dd>{last}</dd>
                {moment(|t| t.people().locked_until, detail.locked_until_ms)}
                {moment(|t| t.people().good_until, detail.first_sign_in_until_ms)}
                {detail.mail.as_ref().map(mail::row)}
            </dl>
        </section>
    }
    .into_any()
}

/// What is typed to change an account; filled in once, so that what others change meanwhile takes nothing away.
#[derive(Clone, Copy)]
struct Fields {
    role: RwSignal<String>,
    email: RwSignal<String>,
    source: RwSignal<String>,
    chains: RwSignal<String>,
    hours: RwSignal<String>,
    calls: RwSignal<String>,
}

impl Fields {
    fn of(detail: &UserDetail) -> Self {
        let (user, quota) = (&detail.user, detail.user.quota());
        let number = |value: Option<u32>| value.map_or_else(String::new, |value| value.to_string());
        let source = if user.quota.is_some() { OWN } else { OF_ROLE };
        Self {
            role: RwSignal::new(user.role.as_str().to_owned()),
            email: RwSignal::new(user.email.as_ref().map_or_else(String::new, ToString::to_string)),
            source: RwSignal::new(source.to_owned()),
            chains: RwSignal::new(quota.chains.to_string()),
            hours: RwSignal::new(number(quota.lifetime_hours)),
            calls: RwSignal::new(number(quota.invocations_per_minute)),
        }
    }

    fn parse(self) -> Result<UserEdit, Error> {
        let quota = match self.source.get_untracked().as_str() {
            OWN => Some(Quota {
                chains: number(self.chains, "quota-chains", QUOTA_CHAINS_MAX.into())?.unwrap_or_default(),
                lifetime_hours: number(self.hours, "quota-hours", QUOTA_HOURS_MAX)?,
                invocations_per_minute: number(self.calls, "quota-invocations", QUOTA_INVOCATIONS_MAX)?,
            }),
            _ => None,
        };
        if let Some(quota) = &quota {
            quota.check()?;
        }
        Ok(UserEdit {
            role: Role::parse(&self.role.get_untracked()).unwrap_or(Role::User),
            email: Email::parse_optional(&self.email.get_untracked())?,
            quota,
        })
    }
}

/// A number from a field; none if it is empty.
fn number<N: std::str::FromStr>(field: RwSignal<String>, id: &str, max: u32) -> Result<Option<N>, Error> {
    let text = field.get_untracked();
    match text.trim() {
        "" => Ok(None),
        text => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Error::invalid(Code::QuotaOutOfRange).with("max", max).on(id)),
        },
    }
}

#[component]
fn Edit(detail: RwSignal<UserDetail>, change: Action<Change, Result<(), ApiError>>) -> impl IntoView {
    let fields = Fields::of(&detail.read_untracked());
    let wrong = RwSignal::new(None::<Error>);
    let dirty = guarded();
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match fields.parse() {
            Ok(edit) => {
                wrong.set(None);
                dirty.set(false);
                change.dispatch(Change::Edit(edit));
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    let role_hint: Pick = match detail.read_untracked().is_own {
        true => |t| t.people().role_own,
        false => |t| t.people().role_hint,
    };
    let own = move || (fields.source.read().as_str() == OWN).then(|| own_quota(fields, wrong));
    view! {
        <form method="post" class="card form" on:input=move |_| dirty.set(true) on:submit=submit>
            <h2>{tr(|t| t.people().edit)}</h2>
            <SelectField id="role" label=words(|t| t.role) value=fields.role options=roles()
                hint=words(role_hint)/>
            <TextField id="email" label=words(|t| t.people().email) value=fields.email kind="email"
                autocomplete="off" hint=words(|t| t.people().email_optional) error=wrong_on(wrong, "email")/>
            <SelectField id="quota-source" label=words(|t| t.people().quota_source) value=fields.source
                options=sources()/>
            {own}
            <div class="row end">
                <button type="submit" class="button primary" disabled=move || change.pending().get()>
                    {tr(|t| t.save)}
                </button>
            </div>
        </form>
    }
}

fn sources() -> Signal<Vec<(String, String)>> {
    let (of_role, own) = (words(|t| t.people().quota_of_role), words(|t| t.people().quota_own));
    Signal::derive(move || vec![(OF_ROLE.to_owned(), of_role.get()), (OWN.to_owned(), own.get())])
}

fn own_quota(fields: Fields, wrong: RwSignal<Option<Error>>) -> AnyView {
    view! {
        <TextField id="quota-chains" label=words(|t| t.people().quota_chains) value=fields.chains
            inputmode="numeric" autocomplete="off" error=wrong_on(wrong, "quota-chains")/>
        <TextField id="quota-hours" label=words(|t| t.people().quota_hours) value=fields.hours
            inputmode="numeric" autocomplete="off" hint=words(|t| t.people().quota_hours_hint)
            error=wrong_on(wrong, "quota-hours")/>
        <TextField id="quota-invocations" label=words(|t| t.people().quota_calls) value=fields.calls
            inputmode="numeric" autocomplete="off" hint=words(|t| t.people().quota_calls_hint)
            error=wrong_on(wrong, "quota-invocations")/>
    }
    .into_any()
}

/// What can be done with the account; what cannot says why.
fn actions(standing: Standing, name: &str, buttons: Buttons) -> AnyView {
    let impact = |pick: Pick| {
        let name = name.to_owned();
        Signal::derive(say(move |t| fill(pick(t), &[("name", name.clone())])))
    };
    let change = |change: Change| {
        Callback::new(move |_: String| {
            buttons.change.dispatch(change.clone());
        })
    };
    let reset = Callback::new(move |_: String| {
        buttons.reset.dispatch(());
    });
    let delete = Callback::new(move |_: String| {
        buttons.delete.dispatch(());
    });
    let is_waiting = standing.state == UserState::Waiting;
    let (reset_label, reset_impact): (Pick, Pick) = match standing.state {
        UserState::Invited => (|t| t.people().reset_link, |t| t.people().reset_link_impact),
        _ => (|t| t.people().reset, |t| t.people().reset_impact),
    };
    let sign_in = match standing.state {
        UserState::Waiting => {
            at_once(|t| t.people().approve, |t| t.people().approve_hint, Change::Enable, buttons)
        }
        UserState::Disabled => {
            at_once(|t| t.people().enable, |t| t.people().enable_hint, Change::Enable, buttons)
        }
        UserState::Active | UserState::Invited => {
            let lines = vec![impact(|t| t.people().disable_impact)];
            let label: Pick = |t| t.people().disable;
            asked(label, standing.against_disabling(), lines, None, buttons, change(Change::Disable))
        }
    };
    let unlock = match standing.against_unlocking() {
        Some(why) => barred(|t| t.people().unlock, why),
        None => at_once(|t| t.people().unlock, |t| t.people().unlock_hint, Change::Unlock, buttons),
    };
    let reset =
        asked(reset_label, standing.against_reset(), vec![impact(reset_impact)], None, buttons, reset);
    let factor = factor_reset(standing, impact(|t| t.people().reset_factor_impact), buttons);
    let delete = if is_waiting {
        let lines = vec![impact(|t| t.people().refuse_impact)];
        asked(|t| t.people().refuse, None, lines, None, buttons, delete)
    } else {
        let lines = vec![impact(|t| t.people().delete_impact), impact(|t| t.people().delete_impact_grants)];
        let typed = Some(name.to_owned());
        asked(|t| t.people().delete, standing.against_deleting(), lines, typed, buttons, delete)
    };
    view! { {sign_in} {unlock} {reset} {factor} {delete} }.into_any()
}

/// Taking away a second factor that is lost.
fn factor_reset(standing: Standing, impact: Signal<String>, buttons: Buttons) -> AnyView {
    let reset = Callback::new(move |_: String| {
        buttons.reset_factor.dispatch(());
    });
    asked(|t| t.people().reset_factor, standing.against_factor_reset(), vec![impact], None, buttons, reset)
}

/// A button that acts at once, with what it does beside it.
fn at_once(label: Pick, hint: Pick, change: Change, buttons: Buttons) -> AnyView {
    let click = move |_| {
        buttons.change.dispatch(change.clone());
    };
    view! {
        <p class="row">
            <button type="button" class="button" disabled=move || buttons.change.pending().get() on:click=click>
                {tr(label)}
            </button>
            <span class="muted small">{tr(hint)}</span>
        </p>
    }
    .into_any()
}

/// A button that asks first, or that says why it cannot; with a name that has to be typed for what is gone for good.
fn asked(
    label: Pick,
    against: Option<Pick>,
    impact: Vec<Signal<String>>,
    typed: Option<String>,
    buttons: Buttons,
    confirm: Callback<String>,
) -> AnyView {
    if let Some(why) = against {
        return barred(label, why);
    }
    let confirm = match typed {
        Some(name) => view! {
            <Confirm label=words(label) impact=impact name=name typed=buttons.typed danger=true confirm=confirm/>
        }
        .into_any(),
        None => view! { <Confirm label=words(label) impact=impact confirm=confirm/> }.into_any(),
    };
    view! { <div class="row">{confirm}</div> }.into_any()
}

/// A button that cannot be used, with the reason.
fn barred(label: Pick, why: Pick) -> AnyView {
    view! {
        <p class="row">
            <button type="button" class="button" disabled=true>{tr(label)}</button>
            <span class="muted small">{tr(why)}</span>
        </p>
    }
    .into_any()
}
