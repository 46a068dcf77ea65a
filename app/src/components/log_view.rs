//! Lines of a log with a filter, wrapping and a way to copy them. Where the lines come from is the page's matter.

use leptos::html;
use leptos::prelude::*;

use super::copy::CopyButton;
use crate::browser;
use crate::text::tr;

/// Most lines drawn at once; the rest is counted, so that a page stays quick.
const DRAWN_MAX: usize = 2_000;

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
    #[prop(into)] lines: Signal<Vec<String>>,
    state: LogState,
) -> impl IntoView {
    let LogState { filter, follow, wrap } = state;
    let node = NodeRef::<html::Pre>::new();
    let shown = Memo::new(move |_| matching(&lines.read(), &filter.read()));
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
                <span class="muted">{move || shown.read().1.to_string()} " " {tr(|t| t.lines)}</span>
                {move || view! { <CopyButton text=shown.read().0.clone()/> }}
            </div>
            <pre
                class="log-lines"
                class:wrap=move || wrap.get()
                node_ref=node
                tabindex="0"
                role="log"
                aria-label=tr(|t| t.logs)
            >
                {move || shown.read().0.clone()}
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

/// The last lines that contain the filter, as one text, and how many match in all.
fn matching(lines: &[String], filter: &str) -> (String, usize) {
    let needle = filter.trim().to_lowercase();
    let hits: Vec<&str> = lines
        .iter()
        .map(String::as_str)
        .filter(|line| needle.is_empty() || line.to_lowercase().contains(&needle))
        .collect();
    let first = hits.len().saturating_sub(DRAWN_MAX);
    (hits.iter().skip(first).copied().collect::<Vec<_>>().join("\n"), hits.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_ignores_case_and_the_end_is_kept() {
        let lines: Vec<String> = (0..3_000).map(|n| format!("Line {n}")).collect();
        let (text, count) = matching(&lines, "LINE");
        assert_eq!(count, 3_000);
        assert!(text.starts_with("Line 1000\n") && text.ends_with("Line 2999"));
        assert_eq!(matching(&lines, "2999"), ("Line 2999".to_owned(), 1));
        assert_eq!(matching(&lines, "nothing"), (String::new(), 0));
    }
}
