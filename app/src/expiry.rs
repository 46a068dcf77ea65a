//! When a session ends: the page says so two minutes before, and asks for more time if somebody wants it. If it has ended,
//! one signs in again in place: what was typed stays, because the page does.
//!
//! The module that every visit loads only waits; the rest comes in a part of its own.

use std::time::Duration;

use domain::Code;
use domain::user::SessionTimes;
use leptos::__reexports::send_wrapper::SendWrapper;
use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::api::ApiError;
use crate::api::session::{session_times, sign_in, sign_in_code};
use crate::browser;
use crate::components::load::with_session;
use crate::components::notice::Notice;
use crate::fetched::Ended;
use crate::palette::{Beside, part};
use crate::session::Me;
use crate::text::{fill, say, tr};

/// How long a page is there before it looks when the session ends; no session is so short that it ends meanwhile.
const FIRST: Duration = Duration::from_secs(60);
/// How often the time that is left is counted.
const BEAT: Duration = Duration::from_secs(1);
/// How often the portal is asked, in beats: whoever uses the portal puts the end off.
const ASK_BEATS: u32 = 60;
/// How long before its end one is warned.
const WARNED_MS: i64 = 120_000;

/// Holds the place, and has the part fetched when it is needed.
pub fn expiry_place() -> AnyView {
    let is_late = RwSignal::new(false);
    let ended = Ended::signal();
    Effect::new(move |_| {
        let tell = move || {
            is_late.try_set(true);
        };
        set_timeout(tell, FIRST);
    });
    let is_wanted =
        Memo::new(move |before: Option<&bool>| before == Some(&true) || is_late.get() || ended.get());
    view! {
        {move || {
            is_wanted.get().then(|| {
                // Only a browser comes here, which has one thread.
                Suspend::new(SendWrapper::new(part(Beside::Expiry(ended))))
            })
        }}
    }
    .into_any()
}

/// What watches for the end.
pub fn watched(ended: RwSignal<bool>) -> AnyView {
    with_session(move |me| watch(ended, &me))
}

/// What is known of the end.
#[derive(Clone, Copy)]
struct Clock {
    /// When the session ends by the browser's clock, and whether using the portal puts that off.
    end: RwSignal<Option<(i64, bool)>>,
    /// Milliseconds that are left.
    left: RwSignal<Option<i64>>,
    ended: RwSignal<bool>,
}

/// The end by the clock of the browser, which may differ from the portal's.
fn end_of(times: SessionTimes, here_ms: i64) -> (i64, bool) {
    let offset = here_ms.saturating_sub(times.now_ms);
    let is_put_off = times.idle_end_ms < times.end_ms;
    (times.idle_end_ms.min(times.end_ms).saturating_add(offset), is_put_off)
}

/// `1:05` for 65 seconds.
fn minutes(left_ms: i64) -> String {
    let seconds = left_ms.max(0) / 1_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

impl Clock {
    async fn ask(self) {
        match session_times().await {
            Ok(times) => {
                self.end.try_set(Some(end_of(times, browser::now_ms())));
                self.ended.try_set(false);
            }
            Err(error) if error.needs_session() => {
                self.ended.try_set(true);
            }
            // An answer that is lost on the way says nothing; it is asked again.
            Err(_) => {}
        }
        self.count();
    }

    fn count(self) {
        let end = self.end.try_get_untracked().flatten();
        self.left.try_set(end.map(|(end, _)| end.saturating_sub(browser::now_ms())));
    }

    /// Counts, and asks now and then; at the end at once.
    fn run(self) {
        let beats = StoredValue::new(0_u32);
        Effect::new(move |_| {
            leptos::task::spawn_local(self.ask());
            let beat = move || {
                self.count();
                let count = beats.try_update_value(|beats| {
                    *beats = beats.wrapping_add(1);
                    *beats
                });
                let is_over = self.left.try_get_untracked().flatten().is_some_and(|left| left <= 0);
                let is_ended = self.ended.try_get_untracked().unwrap_or(true);
                let is_time = count.is_some_and(|count| count.is_multiple_of(ASK_BEATS));
                if !is_ended && (is_over || is_time) {
                    leptos::task::spawn_local(self.ask());
                }
            };
            // Without a timer the page says nothing before the end.
            if let Ok(timer) = set_interval_with_handle(beat, BEAT) {
                on_cleanup(move || timer.clear());
            }
        });
    }
}

fn watch(ended: RwSignal<bool>, me: &Me) -> AnyView {
    let clock = Clock { end: RwSignal::new(None), left: RwSignal::new(None), ended };
    clock.run();
    let is_soon = Memo::new(move |_| {
        !ended.get() && clock.left.get().is_some_and(|left| (1..=WARNED_MS).contains(&left))
    });
    // Told again and again while it is so, but the form is made once.
    let is_over = Memo::new(move |_| ended.get());
    let name = me.0.name.to_string();
    view! {
        {move || is_soon.get().then(|| banner(clock))}
        {move || is_over.get().then(|| again(clock, name.clone()))}
    }
    .into_any()
}

/// Warns, and offers more time where there is some.
fn banner(clock: Clock) -> AnyView {
    let is_put_off = clock.end.get_untracked().is_some_and(|(_, is_put_off)| is_put_off);
    let left = say(move |t| {
        let left = minutes(clock.left.get().unwrap_or_default());
        fill(t.expiry().left, &[("time", left)])
    });
    // The click tells that somebody is there. That is noted with the first answer, and the second one tells the new end.
    let stay = move |_| {
        leptos::task::spawn_local(async move {
            clock.ask().await;
            clock.ask().await;
        });
    };
    let action = match is_put_off {
        true => view! {
            <button type="button" class="button primary" on:click=stay>{tr(|t| t.expiry().stay)}</button>
        }
        .into_any(),
        false => view! { <p class="muted">{tr(|t| t.expiry().no_more)}</p> }.into_any(),
    };
    view! {
        <section class="notice over-page expiry" aria-label=tr(|t| t.expiry().soon)>
            <p role="alert">{tr(|t| t.expiry().soon)}</p>
            <p role="timer">{left}</p>
            {action}
        </section>
    }
    .into_any()
}

/// What is typed to sign in again.
#[derive(Clone, Copy)]
struct Typed {
    password: RwSignal<String>,
    code: RwSignal<String>,
    /// The password was right, and a second factor is asked for.
    needs_code: RwSignal<bool>,
}

/// Signs in; true: the code of a second factor has to follow.
type Entering = Action<(), Result<bool, ApiError>>;

fn entering(typed: Typed, name: String) -> Entering {
    let here = use_location();
    Action::new(move |(): &()| {
        // Going on to the very page that is there leaves it as it is.
        let next = format!("{}?{}", here.pathname.get_untracked(), here.search.get_untracked());
        let next = next.trim_end_matches('?').to_owned();
        let (name, password) = (name.clone(), typed.password.get_untracked());
        let (code, is_second) = (typed.code.get_untracked(), typed.needs_code.get_untracked());
        async move {
            match is_second {
                true => sign_in_code(code, next).await?,
                false => sign_in(name, password, next, true).await?,
            }
            match session_times().await {
                Err(error) if error.needs_session() => Ok::<bool, ApiError>(true),
                Ok(_) | Err(_) => Ok(false),
            }
        }
    })
}

/// Goes on when somebody is signed in again, or asks for what is missing.
fn follow_entering(clock: Clock, typed: Typed, enter: Entering) {
    Effect::new(move |_| match enter.value().get() {
        Some(Ok(false)) => {
            typed.password.set(String::new());
            typed.code.set(String::new());
            typed.needs_code.set(false);
            clock.ended.set(false);
            leptos::task::spawn_local(clock.ask());
        }
        Some(Ok(true)) => {
            typed.needs_code.set(true);
            browser::soon(|| browser::focus("again-code"));
        }
        // Whoever took too long begins with the password.
        Some(Err(error)) if error.code() == Some(Code::SignInExpired) => typed.needs_code.set(false),
        Some(Err(_)) | None => {}
    });
}

/// Signs in again over the page.
fn again(clock: Clock, name: String) -> AnyView {
    let node = NodeRef::<html::Dialog>::new();
    let typed = Typed {
        password: RwSignal::new(String::new()),
        code: RwSignal::new(String::new()),
        needs_code: RwSignal::new(false),
    };
    let enter = entering(typed, name.clone());
    follow_entering(clock, typed, enter);
    let refused = Signal::derive(move || enter.value().get().and_then(Result::<bool, ApiError>::err));
    Effect::new(move |_| {
        if node.get().is_some() {
            browser::show_dialog(node);
        }
    });
    // The escape key closes it, and without a session there is nothing to go on with.
    let stay = move |_| {
        if clock.ended.get_untracked() {
            browser::show_dialog(node);
        }
    };
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        enter.dispatch(());
    };
    view! {
        <dialog class="dialog" node_ref=node aria-label=tr(|t| t.expiry().ended) on:close=stay>
            <form method="dialog" on:submit=submit>
                <h2>{tr(|t| t.expiry().ended)}</h2>
                <p>{tr(|t| t.expiry().ended_hint)}</p>
                {fields(typed, name)}
                <Notice error=refused/>
                <div class="row end">
                    <a class="button" href="/login" rel="external">{tr(|t| t.expiry().elsewhere)}</a>
                    <button type="submit" class="button primary" disabled=move || enter.pending().get()>
                        {tr(|t| t.sign_in)}
                    </button>
                </div>
            </form>
        </dialog>
    }
    .into_any()
}

fn fields(typed: Typed, name: String) -> AnyView {
    let Typed { password, code, needs_code } = typed;
    view! {
        <div class="field">
            <label for="again-name">{tr(|t| t.user_name)}</label>
            <input type="text" id="again-name" value=name readonly=true autocomplete="username"/>
        </div>
        <div class="field">
            <label for="again-password">{tr(|t| t.password)}</label>
            <input
                type="password"
                id="again-password"
                autocomplete="current-password"
                autofocus=true
                prop:value=move || password.get()
                on:input:target=move |event| password.set(event.target().value())
            />
        </div>
        <div class="field" hidden=move || !needs_code.get()>
            <label for="again-code">{tr(|t| t.code().code)}</label>
            <input
                type="text"
                id="again-code"
                autocomplete="one-time-code"
                prop:value=move || code.get()
                on:input:target=move |event| code.set(event.target().value())
            />
            <p class="muted small">{tr(|t| t.code().hint)}</p>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u51_the_end_is_told_by_the_clock_of_the_browser() {
        let times = |idle_end_ms, end_ms| SessionTimes { now_ms: 1_000, idle_end_ms, end_ms };
        // The browser's clock is ten seconds ahead.
        assert_eq!(end_of(times(5_000, 9_000), 11_000), (15_000, true));
        assert_eq!(end_of(times(9_000, 9_000), 11_000), (19_000, false));
        assert_eq!(end_of(times(12_000, 9_000), 500), (8_500, false));
    }

    #[test]
    fn what_is_left_is_told_in_minutes() {
        for (left, text) in [(120_000, "2:00"), (65_999, "1:05"), (900, "0:00"), (-5, "0:00")] {
            assert_eq!(minutes(left), text);
        }
    }
}
