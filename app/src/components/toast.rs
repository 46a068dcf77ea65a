//! Short notes that something went well. They are polite, stay six seconds and can be closed; a problem is never
//! only here.

use std::time::Duration;

use leptos::prelude::*;

use crate::text::tr;

const SHOWN: Duration = Duration::from_secs(6);

/// The notes on the page.
#[derive(Clone, Copy)]
pub struct Toasts {
    notes: RwSignal<Vec<(u32, String)>>,
    next: StoredValue<u32>,
}

impl Toasts {
    /// Shows a note.
    pub fn say(self, text: String) {
        let id = self.next.get_value();
        self.next.set_value(id.wrapping_add(1));
        self.notes.update(|notes| notes.push((id, text)));
        set_timeout(move || self.close(id), SHOWN);
    }

    fn close(self, id: u32) {
        self.notes.update(|notes| notes.retain(|(n, _)| *n != id));
    }
}

/// Makes notes possible on the pages below.
pub fn provide_toasts() {
    provide_context(Toasts { notes: RwSignal::new(Vec::new()), next: StoredValue::new(0) });
}

/// The notes of this page; outside of the app they go nowhere.
pub fn use_toasts() -> Toasts {
    use_context().unwrap_or_else(|| Toasts { notes: RwSignal::new(Vec::new()), next: StoredValue::new(0) })
}

/// Where the notes appear.
#[component]
pub fn ToastPlace() -> impl IntoView {
    let toasts = use_toasts();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=move || toasts.notes.get() key=|(id, _)| *id let((id, text))>
                <div class="toast">
                    <span>{text}</span>
                    <button
                        type="button"
                        class="button-icon"
                        aria-label=tr(|t| t.close)
                        on:click=move |_| toasts.close(id)
                    >
                        "×"
                    </button>
                </div>
            </For>
        </div>
    }
}
