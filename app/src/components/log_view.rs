//! Lines of a log with a filter, wrapping and a way to copy them. Where the lines come from is the page's matter.

use leptos::html;
use leptos::prelude::*;

use super::copy::copy_button;
use crate::browser;
use crate::text::tr;

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
    /// How many of the lines that match stand before the end of the window; none: all, however many there will be.
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
    #[prop(into)] lines: Signal<Vec<String>>,
    state: LogState,
) -> impl IntoView {
    let LogState { filter, follow, wrap, end } = state;
    let node = NodeRef::<html::Pre>::new();
    let shown = Memo::new(move |_| window(&lines.read(), &filter.read(), end.get()));
    let older = move |_| {
        follow.set(false);
        end.set(Some(shown.read_untracked().begin));
    };
    let newer = move |_| {
        let (later, count) = shown.with_untracked(|shown| (shown.begin + 2 * WINDOW, shown.count));
        end.set(Some(later).filter(|later| *later < count));
    };
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
}

/// The lines that contain the filter, as many as are drawn, up to one of them or to the newest.
fn window(lines: &[String], filter: &str, end: Option<usize>) -> Window {
    if filter.trim().is_empty() {
        return cut(lines.len(), end, |at| lines.get(at).map(String::as_str).unwrap_or_default());
    }
    let hits = matching(lines, filter);
    cut(hits.len(), end, |at| hits.get(at).copied().unwrap_or_default())
}

/// Every line that contains the filter, whether or not it is drawn.
fn all(lines: &[String], filter: &str) -> String {
    matching(lines, filter).join("\n")
}

fn matching<'a>(lines: &'a [String], filter: &str) -> Vec<&'a str> {
    let needle = filter.trim().to_lowercase();
    let lines = lines.iter().map(String::as_str);
    lines.filter(|line| needle.is_empty() || line.to_lowercase().contains(&needle)).collect()
}

fn cut<'a>(count: usize, end: Option<usize>, line: impl Fn(usize) -> &'a str) -> Window {
    // Whoever comes to the first line still sees a full window.
    let end = end.unwrap_or(count).clamp(count.min(WINDOW), count);
    let begin = end.saturating_sub(WINDOW);
    let text = (begin..end).map(line).collect::<Vec<_>>().join("\n");
    Window { text, count, begin }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("Line {n}")).collect()
    }

    #[test]
    fn the_filter_ignores_case_and_the_end_is_kept() {
        let lines = lines(3_000);
        let end = window(&lines, "LINE", None);
        assert_eq!((end.count, end.begin), (3_000, 2_000));
        assert!(end.text.starts_with("Line 2000\n") && end.text.ends_with("Line 2999"));
        assert_eq!(window(&lines, "2999", None), Window { text: "Line 2999".into(), count: 1, begin: 0 });
        assert_eq!(window(&lines, "nothing", None), Window::default());
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
        let earlier = window(&lines, "", Some(99_000));
        assert!(earlier.text.starts_with("Line 98000\n") && earlier.text.ends_with("Line 98999"));
        assert_eq!(window(&lines[..99_500], "", Some(99_000)).text, earlier.text, "new lines do not move it");
        for (end, begin) in [(500, 0), (1_000, 0), (1_500, 500), (100_000, 99_000), (200_000, 99_000)] {
            let found = window(&lines, "", Some(end));
            assert!(found.text.starts_with(&format!("Line {begin}\n")), "{end}");
            assert_eq!((found.begin, found.text.lines().count()), (begin, WINDOW), "{end}");
        }
        let begin = std::time::Instant::now();
        for below in 0..100 {
            assert_eq!(window(&lines, "", Some(100_000 - below * WINDOW)).text.lines().count(), WINDOW);
        }
        // A frame has 16 ms; moving the window must not depend on how many lines there are.
        assert!(begin.elapsed().as_millis() < 1_600, "{:?}", begin.elapsed());
    }
}
