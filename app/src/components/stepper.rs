//! Where somebody is in a wizard.

use leptos::prelude::*;

/// A row of steps; finished ones are buttons that lead back.
#[component]
pub fn Stepper(steps: Vec<Signal<String>>, current: RwSignal<usize>) -> impl IntoView {
    let items = steps
        .into_iter()
        .enumerate()
        .map(|(index, words)| {
            view! {
                <li
                    class="stepper-step"
                    class:done=move || { current.get() > index }
                    aria-current=move || (current.get() == index).then_some("step")
                >
                    <button
                        type="button"
                        disabled=move || { current.get() <= index }
                        on:click=move |_| current.set(index)
                    >
                        <span class="stepper-number">{(index + 1).to_string()}</span>
                        {words}
                    </button>
                </li>
            }
        })
        .collect_view();
    view! { <ol class="stepper">{items}</ol> }
}
