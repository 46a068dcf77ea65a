//! A question before something that cannot be taken back: names the object and what goes with it; the focus is
//! on "Cancel", and the name has to be typed.

use leptos::html;
use leptos::prelude::*;

use super::field::{CheckField, TextField};
use crate::browser;
use crate::text::{say, tr, words};

/// A button that asks first. `confirm` gets what was typed; it stays disabled until that is the name.
#[component]
pub fn Confirm(
    /// Words of the button, also the dialog's title.
    #[prop(into)]
    label: Signal<String>,
    /// What will happen, line by line.
    impact: Vec<Signal<String>>,
    /// The name to type; none: a click is enough.
    #[prop(optional, into)]
    name: Option<String>,
    /// What is typed; from outside where the button may be drawn anew while somebody types.
    #[prop(optional)]
    typed: Option<RwSignal<String>>,
    /// Id of the field in which it is typed; another one where a page asks twice.
    #[prop(default = "typed-name")]
    field: &'static str,
    #[prop(optional)] danger: bool,
    /// Whether folders of data shall be kept; none: there is nothing to choose.
    #[prop(optional_no_strip)]
    choice: Option<RwSignal<bool>>,
    confirm: Callback<String>,
) -> impl IntoView {
    let node = NodeRef::<html::Dialog>::new();
    let typed = typed.unwrap_or_else(|| RwSignal::new(String::new()));
    let wanted = name.clone();
    let ready =
        Signal::derive(move || wanted.as_ref().is_none_or(|name| typed.read().as_str() == name.as_str()));
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if ready.get_untracked() {
            browser::close_dialog(node);
            confirm.run(typed.get_untracked());
        }
    };
    let class = if danger { "button danger" } else { "button" };
    let question = name.map(|name| {
        let label =
            Signal::derive(say(move |t| crate::text::fill(t.type_the_name, &[("name", name.clone())])));
        view! { <TextField id=field label=label value=typed autocomplete="off"/> }
    });
    view! {
        <button type="button" class=class on:click=move |_| browser::show_dialog(node)>{label}</button>
        <dialog class="dialog" node_ref=node aria-label=label>
            <form method="dialog" on:submit=submit>
                <h2>{label}</h2>
                <ul>{impact.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
                {choice.map(keep_folders)}
                {question}
                <div class="row end">
                    <button type="button" class="button" autofocus=true on:click=move |_| browser::close_dialog(node)>
                        {tr(|t| t.cancel)}
                    </button>
                    <button
                        type="submit"
                        class=if danger { "button danger solid" } else { "button primary" }
                        disabled=move || !ready.get()
                    >
                        {label}
                    </button>
                </div>
            </form>
        </dialog>
    }
}

/// The choice whether folders of data stay, with what becomes of them.
fn keep_folders(keep: RwSignal<bool>) -> AnyView {
    view! {
        <CheckField id="keep-folders" label=words(|t| t.cluster().keep_folders) value=keep/>
        <p class="muted small">{tr(|t| t.cluster().keep_folders_hint)}</p>
    }
    .into_any()
}
