//! Form fields: each has a label, an optional hint and an error that assistive technology reads with the field.

use leptos::prelude::*;

/// A field of one line. Without `value` the browser keeps what is typed: for forms that work without WebAssembly.
#[component]
pub fn TextField(
    /// Also the field's name in a form.
    #[prop(into)]
    id: String,
    #[prop(into)] label: Signal<String>,
    #[prop(optional)] value: Option<RwSignal<String>>,
    #[prop(optional, into)] hint: MaybeProp<String>,
    #[prop(optional, into)] error: MaybeProp<String>,
    #[prop(default = "text")] kind: &'static str,
    #[prop(default = "on")] autocomplete: &'static str,
    #[prop(optional)] readonly: bool,
    #[prop(optional)] required: bool,
    /// Of a number, by how much its buttons change it.
    #[prop(optional)]
    step: Option<&'static str>,
    /// Which keys a telephone shows.
    #[prop(optional)]
    inputmode: Option<&'static str>,
) -> impl IntoView {
    let invalid = move || error.get().map(|_| "true");
    let input = match value {
        Some(value) => view! {
            <input
                type=kind
                id=id.clone()
                name=id.clone()
                autocomplete=autocomplete
                readonly=readonly
                required=required
                step=step
                inputmode=inputmode
                aria-invalid=invalid
                aria-describedby=described(&id)
                value=value.get_untracked()
                prop:value=move || value.get()
                on:input:target=move |event| value.set(event.target().value())
            />
        }
        .into_any(),
        None => view! {
            <input
                type=kind
                id=id.clone()
                name=id.clone()
                autocomplete=autocomplete
                required=required
                aria-invalid=invalid
                aria-describedby=described(&id)
            />
        }
        .into_any(),
    };
    framed(id, label, hint, error, input)
}

/// A field of many lines, for what is pasted.
#[component]
pub fn LongField(
    #[prop(into)] id: String,
    #[prop(into)] label: Signal<String>,
    value: RwSignal<String>,
    #[prop(optional, into)] hint: MaybeProp<String>,
    #[prop(optional, into)] error: MaybeProp<String>,
    #[prop(default = 4)] rows: u16,
    /// Told of the text once somebody has changed it and left the field.
    #[prop(optional)]
    on_change: Option<Callback<String>>,
) -> impl IntoView {
    let changed = move |text: String| {
        if let Some(tell) = on_change {
            tell.run(text);
        }
    };
    // The text goes in as a property only: children of a textarea would not be escaped on the server.
    let input = view! {
        <textarea
            id=id.clone()
            name=id.clone()
            rows=rows.to_string()
            spellcheck="false"
            autocomplete="off"
            aria-invalid=move || error.get().map(|_| "true")
            aria-describedby=described(&id)
            prop:value=move || value.get()
            on:input:target=move |event| value.set(event.target().value())
            on:change:target=move |event| changed(event.target().value())
        ></textarea>
    }
    .into_any();
    framed(id, label, hint, error, input)
}

/// A choice of a few: values and their words.
#[component]
pub fn SelectField(
    #[prop(into)] id: String,
    #[prop(into)] label: Signal<String>,
    value: RwSignal<String>,
    #[prop(into)] options: Signal<Vec<(String, String)>>,
    #[prop(optional, into)] hint: MaybeProp<String>,
    #[prop(optional, into)] error: MaybeProp<String>,
) -> impl IntoView {
    let is_chosen = move |key: &str| {
        let key = key.to_owned();
        move || value.read().as_str() == key.as_str()
    };
    let items = move || {
        options
            .get()
            .into_iter()
            .map(|(key, word)| {
                let (first, later) = (is_chosen(&key), is_chosen(&key));
                // The attribute is for the page as it arrives; once somebody has chosen, only the property counts.
                view! { <option value=key selected=first prop:selected=later>{word}</option> }
            })
            .collect_view()
    };
    let input = view! {
        <select
            id=id.clone()
            name=id.clone()
            aria-invalid=move || error.get().map(|_| "true")
            aria-describedby=described(&id)
            on:change:target=move |event| value.set(event.target().value())
        >
            {items}
        </select>
    }
    .into_any();
    framed(id, label, hint, error, input)
}

/// A switch with its words beside it.
#[component]
pub fn CheckField(
    #[prop(into)] id: String,
    #[prop(into)] label: Signal<String>,
    value: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <label class="check" for=id.clone()>
            <input
                type="checkbox"
                id=id.clone()
                name=id.clone()
                checked=value.get_untracked()
                prop:checked=move || value.get()
                on:change:target=move |event| value.set(event.target().checked())
            />
            <span>{label}</span>
        </label>
    }
}

/// Adds something to what is chosen, or takes it away.
pub fn toggle<T: Clone + PartialEq + Send + Sync + 'static>(chosen: RwSignal<Vec<T>>, one: &T) {
    chosen.update(|all| match all.iter().position(|known| known == one) {
        Some(at) => drop(all.remove(at)),
        None => all.push(one.clone()),
    });
}

fn described(id: &str) -> String {
    format!("{id}-hint {id}-error")
}

fn framed(
    id: String,
    label: Signal<String>,
    hint: MaybeProp<String>,
    error: MaybeProp<String>,
    input: AnyView,
) -> AnyView {
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            {input}
            <p class="field-hint" id=format!("{id}-hint")>{move || hint.get()}</p>
            <p class="field-error" id=format!("{id}-error") aria-live="polite">{move || error.get()}</p>
        </div>
    }
    .into_any()
}
