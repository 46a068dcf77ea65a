//! Making a person: by a link, by a password that the portal makes, or by one that is given. The last way works without
//! WebAssembly; the other two show something once.

use domain::Error;
use domain::list::ListQuery;
use domain::permission::Role;
use domain::user::{Email, FirstSignIn, Invitation, NewUser, check_password};
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::host_new::wrong_on;
use super::refusal;
use super::users::role_name;
use crate::api::ApiError;
use crate::api::user::{user_create, user_generate, user_invite, user_page};
use crate::components::badge::Pick;
use crate::components::copy::CopyButton;
use crate::components::field::{SelectField, TextField};
use crate::components::load::load;
use crate::components::notice::Notice;
use crate::components::page::Page;
use crate::components::time::Time;
use crate::components::toast::use_toasts;
use crate::fetched::Fetched;
use crate::session::user_name;
use crate::text::{fill, say, tr, words};

/// The way in by a link.
const BY_LINK: &str = "link";
/// The way in by a generated password.
const BY_PASSWORD: &str = "generated";

/// What is sent, by the way somebody gets in.
#[derive(Clone)]
enum Wanted {
    Link(Invitation),
    Generated(Invitation),
    Given(NewUser),
}

/// What came of it: what is shown once, with the name, or nothing to show.
type Made = Option<(FirstSignIn, String)>;

/// The page.
#[component]
pub fn UserNew() -> impl IntoView {
    // Whoever may not see people makes none: the page says so before anything is typed.
    let gate = Fetched::new(|| (), |()| user_page(ListQuery { rows: 1, ..ListQuery::default() }));
    view! {
        <Page title=words(|t| t.create_user) crumbs=vec![(words(|t| t.users), "/users".to_owned())]>
            {load(gate, |_, _| view! { <Form/> }.into_any())}
        </Page>
    }
}

/// What is typed.
#[derive(Clone, Copy)]
struct Fields {
    name: RwSignal<String>,
    role: RwSignal<String>,
    email: RwSignal<String>,
    way: RwSignal<String>,
    password: RwSignal<String>,
}

impl Fields {
    fn new() -> Self {
        let text = |text: &str| RwSignal::new(text.to_owned());
        let (role, way) = (text(Role::User.as_str()), text(BY_LINK));
        Self { name: text(""), role, email: text(""), way, password: text("") }
    }

    fn parse(self) -> Result<Wanted, Error> {
        let role = Role::parse(&self.role.get_untracked()).unwrap_or(Role::User);
        let name = user_name(&self.name.get_untracked())?;
        let password = self.password.get_untracked();
        if !password.is_empty() {
            check_password(&password, role)?;
            return Ok(Wanted::Given(NewUser { name, role, password }));
        }
        let email = Email::parse_optional(&self.email.get_untracked())?;
        let invitation = Invitation { name, role, email };
        Ok(match self.way.get_untracked().as_str() {
            BY_PASSWORD => Wanted::Generated(invitation),
            _ => Wanted::Link(invitation),
        })
    }

    fn clear(self) {
        for field in [self.name, self.email, self.password] {
            field.set(String::new());
        }
    }
}

async fn make(wanted: Wanted) -> Result<Made, ApiError> {
    match wanted {
        Wanted::Link(invitation) => {
            let name = invitation.name.to_string();
            user_invite(invitation).await.map(|shown| Some((shown, name)))
        }
        Wanted::Generated(invitation) => {
            let name = invitation.name.to_string();
            user_generate(invitation).await.map(|shown| Some((shown, name)))
        }
        Wanted::Given(user) => user_create(user).await.map(|_| None),
    }
}

#[component]
fn Form() -> impl IntoView {
    let fields = Fields::new();
    let wrong = RwSignal::new(None::<Error>);
    let create = Action::new(|wanted: &Wanted| make(wanted.clone()));
    let (toasts, made, navigate) = (use_toasts(), tr(|t| t.user_made), use_navigate());
    Effect::new(move |_| match create.value().get() {
        Some(Ok(None)) => {
            // Untracked, or a change of language would say it again.
            toasts.say(untrack(made).to_owned());
            navigate("/users", leptos_router::NavigateOptions::default());
        }
        Some(Ok(Some(_))) => fields.clear(),
        Some(Err(_)) | None => {}
    });
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match fields.parse() {
            Ok(wanted) => {
                wrong.set(None);
                create.dispatch(wanted);
            }
            Err(error) => wrong.set(Some(error)),
        }
    };
    let shown = move || {
        let made = create.value().get().and_then(Result::ok).flatten();
        made.map(|(shown, name)| shown_once(shown, name))
    };
    view! {
        {shown}
        <form method="post" action="/users" class="card form" on:submit=submit>
            <TextField id="name" label=words(|t| t.user_name) value=fields.name hint=words(|t| t.name_hint)
                autocomplete="off" error=wrong_on(wrong, "name")/>
            <SelectField id="role" label=words(|t| t.role) value=fields.role options=roles()/>
            <TextField id="email" label=words(|t| t.people().email) value=fields.email kind="email"
                autocomplete="off" hint=words(|t| t.people().email_optional) error=wrong_on(wrong, "email")/>
            <SelectField id="way" label=words(|t| t.people().first_sign_in) value=fields.way options=ways()
                hint=words(|t| t.people().way_hint)/>
            <TextField id="password" label=words(|t| t.password) value=fields.password kind="password"
                autocomplete="new-password" hint=words(|t| t.people().password_given_hint)
                error=wrong_on(wrong, "password")/>
            <Notice error=refusal(create)/>
            <div class="row end">
                <button type="submit" class="button primary" disabled=move || create.pending().get()>
                    {tr(|t| t.create_user)}
                </button>
            </div>
        </form>
    }
}

/// Every role with its words.
pub fn roles() -> Signal<Vec<(String, String)>> {
    let names = Role::ALL.map(|role| (role.as_str().to_owned(), words(role_name(role))));
    Signal::derive(move || names.iter().map(|(key, name)| (key.clone(), name.get())).collect())
}

fn ways() -> Signal<Vec<(String, String)>> {
    let link = words(|t| t.people().way_link);
    let generated = words(|t| t.people().way_generated);
    Signal::derive(move || vec![(BY_LINK.to_owned(), link.get()), (BY_PASSWORD.to_owned(), generated.get())])
}

/// A link or a password with its end, to be handed over; it is on the page until the page goes.
pub fn shown_once(shown: FirstSignIn, name: String) -> AnyView {
    // A generated password has neither slashes nor a query.
    let is_link = shown.secret.contains("/welcome?");
    let (title, hint): (Pick, Pick) = match is_link {
        true => (|t| t.people().link_title, |t| t.people().link_hint),
        false => (|t| t.people().generated_title, |t| t.people().generated_hint),
    };
    let heading = say(move |t| fill(title(t), &[("name", name.clone())]));
    let mailed = shown.mailed_to.map(|to| {
        let sentence = say(move |t| fill(t.people().mailed_to, &[("to", to.as_str())]));
        view! { <p>{sentence}</p> }
    });
    view! {
        <section class="card" role="status">
            <h2>{heading}</h2>
            {mailed}
            <p>{tr(hint)} " " {tr(|t| t.people().copy_now)}</p>
            <p class="row">
                <code class="once">{shown.secret.clone()}</code>
                <CopyButton text=shown.secret/>
            </p>
            <p class="muted small">{tr(|t| t.people().good_until)} " " <Time ms=shown.expires_ms/></p>
        </section>
    }
    .into_any()
}
