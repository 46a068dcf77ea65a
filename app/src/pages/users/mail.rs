//! Whether mail is sent, and the button that tries it.

use domain::mail::{MailSender, MailSetting, MailTest};
use domain::permission::{Action as Act, Noun};
use leptos::prelude::*;

use crate::api::ApiError;
use crate::components::notice::Notice;
use crate::pages::refusal;
use crate::session::Me;
use crate::text::{fill, say, tr};

/// Sends a mail to whoever looks.
pub type Try = Action<(), Result<MailTest, ApiError>>;

/// How mail stands, or how it is switched on.
pub fn card(setting: MailSetting, me: &Me, test: Try) -> AnyView {
    if !me.can(Act::Edit, Noun::Setting) {
        return ().into_any();
    }
    let content = match setting.sender {
        Some(sender) => sent(sender, test),
        None => view! { <p>{tr(|t| t.people().mail_off)}</p> }.into_any(),
    };
    view! {
        <section class="card" aria-labelledby="mail">
            <h2 id="mail">{tr(|t| t.people().mail)}</h2>
            {content}
        </section>
    }
    .into_any()
}

fn sent(sender: MailSender, test: Try) -> AnyView {
    let stands = say(move |t| {
        let values = [("from", sender.from.to_string()), ("server", sender.server.clone())];
        fill(t.people().mail_on, &values)
    });
    let told = move || test.value().get().and_then(Result::ok).map(outcome);
    view! {
        <p>{stands}</p>
        <Notice error=refusal(test)/>
        <div role="status">{told}</div>
        <button type="button" class="button" disabled=move || test.pending().get()
            on:click=move |_| { test.dispatch(()); }>
            {tr(|t| t.people().mail_try)}
        </button>
    }
    .into_any()
}

fn outcome(came: MailTest) -> AnyView {
    let is_bad = !matches!(came, MailTest::Sent(_));
    let sentence = say(move |t| match &came {
        MailTest::Sent(to) => fill(t.people().mail_try_sent, &[("to", to.as_str())]),
        MailTest::NoAddress => t.people().mail_try_no_address.to_owned(),
        MailTest::Failed(why) => fill(t.people().mail_try_failed, &[("why", why.as_str())]),
    });
    view! { <p class="notice" class:notice-bad={is_bad}>{sentence}</p> }.into_any()
}
