//! Which columns of a list somebody wants to see. The choice is remembered by a cookie for each list, so that the server
//! writes the page as it will stay. A column is left out by the style sheet: its rows may be put there anew at any time.

use leptos::prelude::*;

use crate::browser;
use crate::components::field::toggle;
use crate::preferences::{self, cookie_line};
use crate::text::{Text, tr};

/// A column that may be left out: the class of its cells, `c1` to `c12`, and its words.
pub type Column = (&'static str, fn(&'static Text) -> &'static str);

/// The choice of a list.
#[derive(Clone, Copy)]
pub struct Columns {
    name: &'static str,
    all: &'static [Column],
    hidden: RwSignal<Vec<&'static str>>,
}

/// Reads what was chosen of a list; `name` is the cookie's.
pub fn use_columns(name: &'static str, all: &'static [Column]) -> Columns {
    let kept = preferences::kept(name).unwrap_or_default();
    Columns { name, all, hidden: RwSignal::new(known(all, &kept)) }
}

impl Columns {
    /// The classes of the columns that are left out, for `data-hide` of what holds the table.
    pub fn hidden(self) -> Signal<String> {
        Signal::derive(move || self.hidden.read().join(" "))
    }

    fn turn(self, column: &'static str) {
        toggle(self.hidden, &column);
        let hidden = self.hidden.with_untracked(|hidden| hidden.join("."));
        browser::set_cookie(&cookie_line(self.name, &hidden));
    }
}

/// The columns of a list that a cookie names.
fn known(all: &[Column], kept: &str) -> Vec<&'static str> {
    all.iter()
        .map(|(column, _)| *column)
        .filter(|column| kept.split('.').any(|kept| kept == *column))
        .collect()
}

/// The choice, behind a word that opens it.
pub fn column_choice(columns: Columns) -> AnyView {
    let boxes = columns
        .all
        .iter()
        .map(|(column, label)| {
            let column = *column;
            let is_shown = move || !columns.hidden.read().contains(&column);
            view! {
                <label class="check">
                    <input
                        type="checkbox"
                        checked=untrack(is_shown)
                        prop:checked=is_shown
                        on:change=move |_| columns.turn(column)
                    />
                    <span>{tr(*label)}</span>
                </label>
            }
        })
        .collect_view();
    view! {
        <details class="list-columns">
            <summary class="button">{tr(|t| t.list().columns)}</summary>
            <fieldset>
                <legend>{tr(|t| t.list().columns)}</legend>
                {boxes}
            </fieldset>
        </details>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u16_only_columns_that_a_list_has_are_left_out() {
        let all: [Column; 3] = [("c1", |t| t.name), ("c2", |t| t.state), ("c10", |t| t.host)];
        assert_eq!(known(&all, "c2.c10"), ["c2", "c10"]);
        assert_eq!(known(&all, "c10.c99.\"><script>"), ["c10"]);
        assert_eq!(known(&all, ""), [""; 0]);
    }
}
