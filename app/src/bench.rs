//! The page of `cargo xtask bench ssr`: a table of a thousand rows with two UUIDs each, made as the portal's own lists are:
//! data that the browser gets along with the page, and a view over them. It exists in builds for that bench only.

use std::fmt::Write;
use std::sync::OnceLock;

use leptos::prelude::*;

/// Rows of the table.
const ROWS: u64 = 1_000;

/// Id and name of each row.
type Rows = Vec<(String, String)>;

/// Made once: rendering is what is measured.
fn rows() -> Rows {
    static MADE: OnceLock<Rows> = OnceLock::new();
    MADE.get_or_init(|| (0..ROWS).map(|row| (uuid(2 * row), uuid(2 * row + 1))).collect()).clone()
}

/// Shaped like a UUID, and different for each number; which one does not matter to whoever renders it.
fn uuid(number: u64) -> String {
    let mixed = |seed: u64| (number + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let digits = format!("{:016x}{:016x}", mixed(1), mixed(7).rotate_left(29));
    let mut text = String::with_capacity(36);
    for (place, digit) in digits.chars().enumerate() {
        if [8, 12, 16, 20].contains(&place) {
            text.push('-');
        }
        // Writing to a text cannot fail.
        let _written = text.write_char(digit);
    }
    text
}

/// The document.
pub fn document() -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <title>"Rows"</title>
            </head>
            <body>
                <Table/>
            </body>
        </html>
    }
}

#[component]
fn Table() -> impl IntoView {
    let data = Resource::new(|| (), |()| async { rows() });
    view! {
        <Suspense>
            {move || Suspend::new(async move { table(data.await) })}
        </Suspense>
    }
}

fn table(rows: Rows) -> AnyView {
    let rows = rows
        .into_iter()
        .map(|(id, name)| {
            view! {
                <tr>
                    <th scope="row">{id}</th>
                    <td>{name}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <table>
            <thead>
                <tr>
                    <th scope="col">"Id"</th>
                    <th scope="col">"Name"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_look_like_uuids_and_differ() {
        let rows = rows();
        let ids: std::collections::HashSet<&String> = rows.iter().flat_map(|(id, name)| [id, name]).collect();
        assert_eq!(ids.len(), 2_000);
        assert!(ids.iter().all(|id| id.len() == 36 && id.split('-').count() == 5));
    }
}
