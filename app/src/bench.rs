//! The page of `cargo xtask bench ssr`: a table of a thousand rows with two UUIDs each, made as the portal's own pages are:
//! data that the browser gets along with the page in a parcel, and a view over them that is made when it is written. It
//! exists in builds for that bench only.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use leptos::prelude::*;

use crate::api::ApiError;
use crate::components::kept::Kept;
use crate::components::notice::problem_note;
use crate::components::rows::Rows;
use crate::fetched::Fetched;

/// Rows of the table.
const ROWS: u64 = 1_000;

/// Id and name of each row.
type Data = Vec<(String, String)>;

/// Made once: rendering is what is measured.
fn rows() -> Data {
    static MADE: OnceLock<Data> = OnceLock::new();
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
    let data = Fetched::first(|| async { Ok::<Data, ApiError>(rows()) });
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                let answer = data.arrived().await;
                Kept::new(move || shown(answer), || false)
            })}
        </Suspense>
    }
}

fn shown(answer: Arc<Result<Data, ApiError>>) -> AnyView {
    match Arc::unwrap_or_clone(answer) {
        Ok(data) => table(data),
        Err(error) => problem_note(error),
    }
}

fn table(data: Data) -> AnyView {
    let rows = Rows::new(move || {
        let row = |(id, name): (String, String)| {
            view! {
                <tr>
                    <th scope="row">{id}</th>
                    <td>{name}</td>
                </tr>
            }
        };
        data.into_iter().map(row).collect_view().into_any()
    });
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
