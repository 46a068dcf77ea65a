//! Rows that are selected, by their names. The selection is kept beside the rows, so that a refresh and another page leave
//! it as it is.

use std::collections::BTreeSet;

use leptos::prelude::*;

use crate::text::{fill, say};

/// What is selected.
pub type Selection = RwSignal<BTreeSet<String>>;

fn turn(selection: Selection, names: &[String], is_wanted: bool) {
    selection.update(|chosen| {
        for name in names {
            if is_wanted {
                chosen.insert(name.clone());
            } else {
                chosen.remove(name);
            }
        }
    });
}

/// The box before a row.
pub fn row_box(selection: Selection, name: &str) -> AnyView {
    let (label, own, turned) = (name.to_owned(), name.to_owned(), [name.to_owned()]);
    let is_chosen = move || selection.read().contains(&own);
    view! {
        <td class="list-box">
            <input
                type="checkbox"
                aria-label=say(move |t| fill(t.list().select_row, &[("name", label.clone())]))
                prop:checked=is_chosen
                on:change:target=move |event| turn(selection, &turned, event.target().checked())
            />
        </td>
    }
    .into_any()
}

/// The box above the rows of a page, which stands for all of them.
pub fn page_box(selection: Selection, names: Vec<String>) -> AnyView {
    let (shown, turned) = (names.clone(), names);
    let is_chosen = move || !shown.is_empty() && shown.iter().all(|name| selection.read().contains(name));
    view! {
        <th scope="col" class="list-box">
            <input
                type="checkbox"
                aria-label=say(|t| t.list().select_page.to_owned())
                prop:checked=is_chosen
                on:change:target=move |event| turn(selection, &turned, event.target().checked())
            />
        </th>
    }
    .into_any()
}
