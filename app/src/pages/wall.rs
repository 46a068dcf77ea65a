//! The screen on a wall: dark, without anything to press. Its panels take turns; where people do not want things to move
//! all of them stand there. It is read again at every turn, so that a portal that does not answer shows.

use std::time::Duration;

use leptos::prelude::*;

use super::overview::touches_figures;
use crate::api::stats::wall_read;
use crate::components::load::load_live;
use crate::components::page::Titled;
use crate::events;
use crate::fetched::Fetched;
use crate::layout::StaleNotice;
use crate::session::provide_session;
use crate::text::{tr, use_lang, words};

/// How long a panel stands.
const TURN: Duration = Duration::from_secs(15);

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
    let view = move || {
        let panels = panels.get();
        let shown = turn.get() % panels.len().max(1);
        let panel = |(at, html): (usize, String)| {
            view! { <section class="wall-panel" class:shown={at == shown} inner_html=html></section> }
        };
        panels.into_iter().enumerate().map(panel).collect_view()
    };
    view.into_any()
}
