//! Lines of a log with a filter, wrapping and a way to copy them. Where the lines come from is the page's matter.

use leptos::html;
use leptos::prelude::*;

use super::copy::copy_button;
use crate::browser;
use crate::text::tr;

mod lines;

pub use lines::Lines;
use lines::{Hits, matching};

/// Most lines drawn at once: a window that is moved over the others, so that a page stays quick with a hundred
/// thousand of them.
const WINDOW: usize = 1_000;

/// How somebody looks at a log. It belongs to the page, so that new lines never change it.
#[derive(Clone, Copy)]
pub struct LogState {
    pub filter: RwSignal<String>,
    pub follow: RwSignal<bool>,
    pub wrap: RwSignal<bool>,
}

impl LogState {
    /// Everything, wrapped, at the end.
    pub fn new() -> Self {
        Self { filter: RwSignal::new(String::new()), follow: RwSignal::new(true), wrap: RwSignal::new(true) }
    }
}

impl Default for LogState {
    fn default() -> Self {
        Self::new()
    }
}

/// A log. While `follow` is on, the end stays in view.
#[component]
pub fn LogView(
    #[prop(into)] id: String,
    #[prop(into)] lines: Signal<Lines>,
    state: LogState,
) -> impl IntoView {
    let LogState { filter, follow, wrap } = state;
    let node = NodeRef::<html::Pre>::new();
    // Lines between the window's end and the newest one.
    let below = RwSignal::new(0_usize);
    let hits = StoredValue::new(Hits::default());
    let shown = Memo::new(move |_| {
        let (lines, filter, below) = (lines.read(), filter.read(), below.get());
        hits.try_update_value(|hits| window(&lines, hits, &filter, below)).unwrap_or_default()
    });
    let older = move |_| {
        follow.set(false);
        below.update(|below| *below = below.saturating_add(WINDOW));
    };
    let newer = move |_| below.update(|below| *below = below.saturating_sub(WINDOW));
    Effect::new(move |_| {
        if follow.get() {
            below.set(0);
        }
    });
    Effect::new(move |_| {
        shown.track();
        if follow.get() {
            request_animation_frame(move || browser::scroll_to_end(node));
        }
    });
    let filter_id = format!("{id}-filter");
    view! {
        <div class="log">
            <div class="log-bar">
                <label for=filter_id.clone()>{tr(|t| t.filter)}</label>
                <input
                    type="search"
                    id=filter_id
                    autocomplete="off"
                    prop:value=move || filter.get()
                    on:input:target=move |event| filter.set(event.target().value())
                />
                <Toggle value=follow label=Signal::derive(move || tr(|t| t.follow)().to_owned())/>
                <Toggle value=wrap label=Signal::derive(move || tr(|t| t.wrap)().to_owned())/>
                <span class="muted">{move || shown.read().count.to_string()} " " {tr(|t| t.lines)}</span>
                <Show when=move || shown.read().has_earlier>
                    <button type="button" class="button small" on:click=older>{tr(|t| t.earlier)}</button>
                </Show>
                <Show when=move || below.get() != 0>
                    <button type="button" class="button small" on:click=newer>{tr(|t| t.later)}</button>
                </Show>
                {copy_button(move || all(&lines.read_untracked(), &filter.read_untracked()))}
            </div>
            <pre
                class="log-lines"
                class:wrap=move || wrap.get()
                node_ref=node
                tabindex="0"
                role="log"
                aria-label=tr(|t| t.logs)
            >
                <span lang="en">{move || shown.read().text.clone()}</span>
            </pre>
        </div>
    }
}

#[component]
fn Toggle(value: RwSignal<bool>, #[prop(into)] label: Signal<String>) -> impl IntoView {
    view! {
        <button
            type="button"
            class="button small"
            aria-pressed=move || value.get().to_string()
            on:click=move |_| value.update(|on| *on = !*on)
        >
            {label}
        </button>
    }
}

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Window {
    text: String,
    /// Lines that match in all.
    count: usize,
    has_earlier: bool,
}

/// The lines that contain the filter, as many as are drawn, ending so far above the newest.
fn window(lines: &Lines, hits: &mut Hits, filter: &str, below: usize) -> Window {
    if filter.trim().is_empty() {
        return cut(lines.len(), below, |at| lines.line(at));
    }
    hits.look(lines, filter);
    cut(hits.len(), below, |at| hits.line(lines, at))
}

/// Every line that contains the filter, whether or not it is drawn.
fn all(lines: &Lines, filter: &str) -> String {
    matching(lines, filter).join("\n")
}

fn cut<'a>(count: usize, below: usize, line: impl Fn(usize) -> &'a str) -> Window {
    // Whoever goes far beyond the first line still sees a full window.
    let end = count.saturating_sub(below).max(count.min(WINDOW));
    let begin = end.saturating_sub(WINDOW);
    let text = (begin..end).map(line).collect::<Vec<_>>().join("\n");
    Window { text, count, has_earlier: begin > 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Lines {
        Lines::new((0..count).map(|n| format!("Line {n}")).collect())
    }

    fn shown(lines: &Lines, filter: &str, below: usize) -> Window {
        window(lines, &mut Hits::default(), filter, below)
    }

    #[test]
    fn the_filter_ignores_case_and_the_end_is_kept() {
        let lines = lines(3_000);
        let end = shown(&lines, "LINE", 0);
        assert_eq!((end.count, end.has_earlier), (3_000, true));
        assert!(end.text.starts_with("Line 2000\n") && end.text.ends_with("Line 2999"));
        assert_eq!(
            shown(&lines, "2999", 0),
            Window { text: "Line 2999".into(), count: 1, has_earlier: false }
        );
        assert_eq!(shown(&lines, "nothing", 0), Window::default());
    }

    #[test]
    fn all_lines_are_copied_and_not_only_those_drawn() {
        let lines = lines(3_000);
        assert_eq!(all(&lines, "").lines().count(), 3_000);
        assert_eq!(all(&lines, "line 299").lines().count(), 11);
    }

    #[test]
    fn the_window_moves_over_a_hundred_thousand_lines() {
        let lines = lines(100_000);
        for filter in ["", "line"] {
            let earlier = shown(&lines, filter, WINDOW);
            assert!(earlier.text.starts_with("Line 98000\n") && earlier.text.ends_with("Line 98999"));
            let first = shown(&lines, filter, 200_000);
            assert!(first.text.starts_with("Line 0\n") && first.text.ends_with("Line 999"));
            assert!(!first.has_earlier);
        }
    }
}
