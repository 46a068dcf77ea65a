//! Ids, hashes and addresses: shown short, complete in the title, copied by a button.

use leptos::prelude::*;

use super::icon::{Icon, icon};
use super::toast::use_toasts;
use crate::browser;
use crate::text::tr;

/// Longest text that is shown whole.
const WHOLE: usize = 28;

/// A copyable text.
#[component]
pub fn Copyable(#[prop(into)] text: String) -> impl IntoView {
    let short = middle_cut(&text);
    let title = text.clone();
    view! {
        <span class="copyable">
            <code title=title>{short}</code>
            <CopyButton text=text/>
        </span>
    }
}

/// The button alone, for texts that are shown elsewhere.
#[component]
pub fn CopyButton(#[prop(into)] text: String) -> impl IntoView {
    copy_button(move || text.clone())
}

/// A button that copies what there is when it is clicked.
pub fn copy_button(text: impl Fn() -> String + 'static) -> AnyView {
    let toasts = use_toasts();
    let copied = tr(|t| t.copied);
    let copy = move |_| {
        browser::copy(&text());
        toasts.say(copied().to_owned());
    };
    view! {
        <button type="button" class="button-icon" title=tr(|t| t.copy) aria-label=tr(|t| t.copy) on:click=copy>
            {icon(Icon::Copy)}
        </button>
    }
    .into_any()
}

/// Keeps both ends of a long text.
pub fn middle_cut(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() <= WHOLE {
        return text.to_owned();
    }
    let (head, tail) = (letters.iter().take(12), letters.iter().skip(letters.len() - 8));
    head.chain(['…'].iter()).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_a_hash_stay() {
        assert_eq!(middle_cut("peer0-org1"), "peer0-org1");
        assert_eq!(middle_cut(&format!("{}{}", "a".repeat(30), "b".repeat(34))), "aaaaaaaaaaaa…bbbbbbbb");
        assert_eq!(middle_cut(&"链".repeat(29)).chars().count(), 21);
    }
}
