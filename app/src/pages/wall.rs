//! The screen on a wall: dark, without anything to press. Its panels take turns; where people do not want things to move
//! all of them stand there. It is read again at every turn, so that a portal that does not answer shows.

use std::time::Duration;

use leptos::prelude::*;

use super::overview::touches_figures;
use crate::api::stats::wall_read;
use crate::components::drawn::drawn;
use crate::components::load::load_live;
use crate::components::page::Titled;
use crate::events;
use crate::fetched::Fetched;
use crate::layout::StaleNotice;
use crate::session::provide_session;
use crate::text::{tr, use_lang, words};

/// How long a panel stands.
const TURN: Duration = Duration::from_secs(15);
/// Most panels that the server sends.
const PANELS: usize = 4;

/// The page.
#[component]
pub fn Wall() -> impl IntoView {
    provide_session();
    events::provide_events();
    let (lang, turn) = (use_lang(), RwSignal::new(0_usize));
    let tick = events::ticks(touches_figures);
    let panels = Fetched::new(move || (lang.get().tag(), tick.get()), |(lang, _)| wall_read(lang.to_owned()));
    Effect::new(move |_| {
        let next = move || {
            let _ = turn.try_update(|turn| *turn = turn.wrapping_add(1));
            let _ = tick.try_update(|count| *count = count.wrapping_add(1));
        };
        // Without a timer the first panel stands, and follows the stream of events.
        if let Ok(timer) = set_interval_with_handle(next, TURN) {
            on_cleanup(move || timer.clear());
        }
    });
    view! {
        <div class="wall" data-theme="dark">
            <Titled text=words(|t| t.overview)/>
            <StaleNotice/>
            <main id="main" tabindex="-1">
                <h1>{tr(|t| t.brand)}</h1>
                {load_live(panels, move |data, _| show(data, turn))}
            </main>
        </div>
    }
}

fn show(panels: RwSignal<Vec<String>>, turn: RwSignal<usize>) -> AnyView {
    let panel = |at: usize| {
        let html = Memo::new(move |_| panels.with(|panels| panels.get(at).cloned().unwrap_or_default()));
        let is_shown = move || panels.with(|panels| turn.get() % panels.len().max(1) == at);
        view! { <section class="wall-panel" class:shown=is_shown>{drawn("wall-content", html)}</section> }
    };
    (0..PANELS).map(panel).collect_view().into_any()
}
