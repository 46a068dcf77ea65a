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

/// How somebody looks at a log. It belongs to the page, so that new lines never change it, also where they make the log
/// be drawn anew.
#[derive(Clone, Copy)]
pub struct LogState {
    pub filter: RwSignal<String>,
    pub follow: RwSignal<bool>,
    pub wrap: RwSignal<bool>,
    /// Number of the line before which the window ends, counted from the log's beginning, so that the window stays
    /// where it is when the oldest lines go; none: the end of the log, however long it will be.
    end: RwSignal<Option<usize>>,
}

impl LogState {
    /// Everything, wrapped, at the end.
    pub fn new() -> Self {
        Self {
            filter: RwSignal::new(String::new()),
            follow: RwSignal::new(true),
            wrap: RwSignal::new(true),
            end: RwSignal::new(None),
        }
    }

    /// Shows the newest lines: those before are of another log, or are others by now.
    pub fn show_newest(self) {
        self.end.set(None);
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
    let LogState { filter, follow, wrap, end } = state;
    let node = NodeRef::<html::Pre>::new();
    let hits = StoredValue::new(Hits::default());
    let shown = Memo::new(move |_| {
        let (lines, filter, end) = (lines.read(), filter.read(), end.get());
        hits.try_update_value(|hits| window(&lines, hits, &filter, end)).unwrap_or_default()
    });
    let older = move |_| {
        follow.set(false);
        end.set(Some(shown.read_untracked().first));
    };
    let newer = move |_| end.set(shown.with_untracked(|shown| shown.later));
    Effect::new(move |_| {
        if follow.get() && end.read_untracked().is_some() {
            state.show_newest();
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
                    on:input:target=move |event| {
                        filter.set(event.target().value());
                        state.show_newest();
                    }
                />
                <Toggle value=follow label=Signal::derive(move || tr(|t| t.follow)().to_owned())/>
                <Toggle value=wrap label=Signal::derive(move || tr(|t| t.wrap)().to_owned())/>
                <span class="muted">{move || shown.read().count.to_string()} " " {tr(|t| t.lines)}</span>
                <Show when=move || { shown.read().begin > 0 }>
                    <button type="button" class="button small" on:click=older>{tr(|t| t.earlier)}</button>
                </Show>
                <Show when=move || end.read().is_some()>
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
    /// How many of them stand before the first that is drawn.
    begin: usize,
    /// Number of the first that is drawn.
    first: usize,
    /// Number of the line before which the next window ends, unless that is the newest one.
    later: Option<usize>,
}

/// The lines that contain the filter, as many as are drawn, up to the line of a number or to the newest.
fn window(lines: &Lines, hits: &mut Hits, filter: &str, end: Option<usize>) -> Window {
    if filter.trim().is_empty() {
        let end = end.map(|number| lines.place(number));
        return cut(lines.len(), end, |at| lines.number(at), |at| lines.line(at));
    }
    hits.look(lines, filter);
    let end = end.map(|number| hits.place(number));
    cut(hits.len(), end, |at| hits.number(at), |at| hits.line(lines, at))
}

/// Every line that contains the filter, whether or not it is drawn.
fn all(lines: &Lines, filter: &str) -> String {
    matching(lines, filter).join("\n")
}

fn cut<'a>(
    count: usize,
    end: Option<usize>,
    number: impl Fn(usize) -> usize,
    line: impl Fn(usize) -> &'a str,
) -> Window {
    // Whoever comes to the first line still sees a full window.
    let end = end.unwrap_or(count).clamp(count.min(WINDOW), count);
    let begin = end.saturating_sub(WINDOW);
    let text = (begin..end).map(line).collect::<Vec<_>>().join("\n");
    let later = Some(begin + 2 * WINDOW).filter(|later| *later < count).map(&number);
    Window { text, count, begin, first: number(begin), later }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Lines {
        Lines::new((0..count).map(|n| format!("Line {n}")).collect())
    }

    fn shown(lines: &Lines, filter: &str, end: Option<usize>) -> Window {
        window(lines, &mut Hits::default(), filter, end)
    }

    #[test]
    fn the_filter_ignores_case_and_the_end_is_kept() {
        let lines = lines(3_000);
        let end = shown(&lines, "LINE", None);
        assert_eq!((end.count, end.begin), (3_000, 2_000));
        assert!(end.text.starts_with("Line 2000\n") && end.text.ends_with("Line 2999"));
        let one = Window { text: "Line 2999".into(), count: 1, begin: 0, first: 2_999, later: None };
        assert_eq!(shown(&lines, "2999", None), one);
        assert_eq!(shown(&lines, "nothing", None), Window::default());
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
            let earlier = shown(&lines, filter, Some(99_000));
            assert!(earlier.text.starts_with("Line 98000\n") && earlier.text.ends_with("Line 98999"));
            for (end, begin) in [(500, 0), (1_000, 0), (1_500, 500), (100_000, 99_000), (200_000, 99_000)] {
                let found = shown(&lines, filter, Some(end));
                assert!(found.text.starts_with(&format!("Line {begin}\n")), "{end}");
                assert_eq!((found.begin, found.text.lines().count()), (begin, WINDOW), "{end}");
            }
        }
    }

    #[test]
    fn the_window_stays_where_it_is_when_the_oldest_lines_go() {
        let bound = 10_000;
        for filter in ["", "5"] {
            let (mut lines, mut hits) = (lines(bound), Hits::default());
            let before = window(&lines, &mut hits, filter, Some(8_000));
            lines.append(vec!["Line 5".to_owned()], bound);
            let after = window(&lines, &mut hits, filter, Some(8_000));
            assert!(after.begin < before.begin, "lines have gone");
            assert_eq!((&after.text, after.first), (&before.text, before.first));
        }
    }

    #[test]
    fn windows_follow_one_another() {
        let lines = lines(5_000);
        let begins = |end| shown(&lines, "", end).begin;
        let middle = shown(&lines, "", Some(3_000));
        assert_eq!((begins(Some(middle.first)), begins(middle.later)), (1_000, 3_000));
        assert_eq!(begins(shown(&lines, "", middle.later).later), 4_000);
    }
}
