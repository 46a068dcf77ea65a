//! What became of the last mail to a person.

use domain::mail::{MailKind, MailState, MailView};
use leptos::prelude::*;

use crate::components::badge::Pick;
use crate::components::time::Time;
use crate::text::{fill, say, tr};

/// A row of the facts.
pub fn row(mail: &MailView) -> AnyView {
    let about: Pick = match mail.kind {
        MailKind::Invite => |t| t.people().mail_invite,
        MailKind::Reset => |t| t.people().mail_reset,
        MailKind::Ending => |t| t.people().mail_ending,
    };
    let stands: Pick = match mail.state {
        MailState::Sent => |t| t.people().mail_sent,
        MailState::Failed => |t| t.people().mail_failed,
        MailState::Waiting if mail.said.is_some() => |t| t.people().mail_again,
        MailState::Waiting => |t| t.people().mail_waiting,
    };
    let (to, why) = (mail.to.to_string(), mail.said.clone().unwrap_or_default());
    let sentence = say(move |t| fill(stands(t), &[("to", to.as_str()), ("why", why.as_str())]));
    view! {
        <dt>{tr(about)}</dt>
        <dd>{sentence} " " <Time ms=mail.at_ms/></dd>
    }
    .into_any()
}
