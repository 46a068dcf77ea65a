//! The second factor: setting it up, and taking it away. Either is for who has proved lately who they are, and for others
//! begins with the password.

use domain::second_factor::{Enrolment, SecondFactorView};
use leptos::prelude::*;

use super::is_walled;
use super::unsaved::Unsaved;
use crate::api::ApiError;
use crate::api::second_factor::{
    SecondFactorBegin, SecondFactorConfirm, SecondFactorRemove, second_factor_read,
};
use crate::api::session::SessionProve;
use crate::browser;
use crate::components::field::TextField;
use crate::components::load::load_part;
use crate::components::notice::Notice;
use crate::components::time::Time;
use crate::fetched::Fetched;
use crate::layout::card;
use crate::text::{fill, say, tr, words};

/// What may be done with it; made once, so that a refresh of the page loses nothing.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    pub(super) view: Fetched<SecondFactorView>,
    prove: ServerAction<SessionProve>,
    begin: ServerAction<SecondFactorBegin>,
    confirm: ServerAction<SecondFactorConfirm>,
    remove: ServerAction<SecondFactorRemove>,
    unsaved: Unsaved,
}

/// Has the card read anew when something is done, or when it is not what it was: the proof of who somebody is has grown
/// old, or it was set up or removed elsewhere. After any other refusal it stays, with what is typed.
fn after(answer: Signal<Option<Result<(), ApiError>>>, done: RwSignal<u32>) {
    Effect::new(move |_| {
        let is_done = match answer.get() {
            Some(Ok(())) => true,
            Some(Err(error)) => error.asks_password() || error.status() == 409,
            None => false,
        };
        if is_done {
            done.update(|n| *n = n.wrapping_add(1));
        }
    });
}

impl Factor {
    pub(super) fn new(unsaved: Unsaved) -> Self {
        let prove = ServerAction::<SessionProve>::new();
        let begin = ServerAction::<SecondFactorBegin>::new();
        let confirm = ServerAction::<SecondFactorConfirm>::new();
        let remove = ServerAction::<SecondFactorRemove>::new();
        let done = RwSignal::new(0_u32);
        after(Signal::derive(move || prove.value().get()), done);
        after(Signal::derive(move || begin.value().get()), done);
        after(Signal::derive(move || confirm.value().get()), done);
        after(Signal::derive(move || remove.value().get()), done);
        let view = Fetched::new(move || done.get(), |_| second_factor_read());
        let session = use_context::<crate::session::Session>();
        Effect::new(move |_| {
            if let Some(Ok(())) = confirm.value().get()
                && untrack(|| is_walled(session))
            {
                browser::reload();
            }
        });
        Self { view, prove, begin, confirm, remove, unsaved }
    }

    pub(super) fn card(self) -> AnyView {
        card(|t| t.own().factor, load_part(self.view, move |view, _| self.content(view)))
    }

    fn content(self, view: SecondFactorView) -> AnyView {
        let state = match view.since_ms {
            Some(since_ms) => {
                let left = view.recovery_left.to_string();
                let left = say(move |t| fill(t.own().recovery_left, &[("n", left.as_str())]));
                view! { <p>{tr(|t| t.own().factor_since)} " " <Time ms=since_ms/> " · " {left}</p> }
                    .into_any()
            }
            None => view! { <p>{tr(|t| t.own().factor_none)}</p> }.into_any(),
        };
        let next = match (view.is_proved, view.since_ms, view.enrolment) {
            (false, _, _) => self.proof(),
            (true, Some(_), _) => self.removal(),
            (true, None, Some(enrolment)) => self.confirmation(enrolment),
            (true, None, None) => self.beginning(),
        };
        view! { <p class="muted">{tr(|t| t.own().factor_hint)}</p> {state} {next} }.into_any()
    }

    fn proof(self) -> AnyView {
        let action = self.prove;
        let refused = Signal::derive(move || action.value().get().and_then(Result::err));
        let form = view! {
            <ActionForm action=action>
                <TextField id="password" label=words(|t| t.password) hint=words(|t| t.own().prove_hint)
                    kind="password" autocomplete="current-password" required=true/>
                <Notice error=refused/>
                <div class="row end">
                    <button type="submit" class="button" disabled=move || action.pending().get()>
                        {tr(|t| t.own().prove)}
                    </button>
                </div>
            </ActionForm>
        };
        self.unsaved.form("proof", Signal::derive(move || action.value().get()), form.into_any())
    }

    fn beginning(self) -> AnyView {
        let action = self.begin;
        let refused = Signal::derive(move || action.value().get().and_then(Result::err));
        view! {
            <ActionForm action=action>
                <Notice error=refused/>
                <button type="submit" class="button primary" disabled=move || action.pending().get()>
                    {tr(|t| t.own().begin)}
                </button>
            </ActionForm>
        }
        .into_any()
    }

    fn confirmation(self, enrolment: Enrolment) -> AnyView {
        let action = self.confirm;
        let refused = Signal::derive(move || action.value().get().and_then(Result::err));
        let Enrolment { secret, picture, recovery } = enrolment;
        let square = format!("0 0 {0} {0}", picture.side);
        let codes = recovery.into_iter().map(|code| view! { <li>{code}</li> }).collect_view();
        let form = view! {
            <ActionForm action=action>
                <TextField id="code" label=words(|t| t.own().first_code) inputmode="numeric"
                    autocomplete="one-time-code" required=true/>
                <Notice error=refused/>
                <div class="row end">
                    <button type="submit" class="button primary" disabled=move || action.pending().get()>
                        {tr(|t| t.own().confirm)}
                    </button>
                </div>
            </ActionForm>
        };
        let answer = Signal::derive(move || action.value().get());
        let form = self.unsaved.form("code", answer, form.into_any());
        view! {
            <svg class="scan" viewBox=square role="img" aria-label=tr(|t| t.own().scan)>
                <path d=picture.path/>
            </svg>
            <p>{tr(|t| t.own().secret)} ": " <code>{secret}</code></p>
            <h3>{tr(|t| t.own().recovery)}</h3>
            <p class="muted">{tr(|t| t.own().recovery_hint)}</p>
            <ul class="codes">{codes}</ul>
            {form}
        }
        .into_any()
    }

    fn removal(self) -> AnyView {
        let action = self.remove;
        let refused = Signal::derive(move || action.value().get().and_then(Result::err));
        view! {
            <ActionForm action=action>
                <p class="muted">{tr(|t| t.own().remove_hint)}</p>
                <Notice error=refused/>
                <button type="submit" class="button danger" disabled=move || action.pending().get()>
                    {tr(|t| t.own().remove)}
                </button>
            </ActionForm>
        }
        .into_any()
    }
}
