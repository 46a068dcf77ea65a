//! Lists as files: what is found, page after page, as comma-separated values. A cell that a spreadsheet would take for a
//! formula is written as text.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::Query;
use axum::http::HeaderMap;
use axum::response::Response;
use control::ControlPlane;
use control::caller::Caller;
use domain::Error;
use domain::chain::ChainSummary;
use domain::list::{ListQuery, ROWS_MAX};

use super::downloads::attachment;
use super::refusal;

/// Most rows of a file.
const EXPORT_ROWS_MAX: usize = 10_000;
/// The filters that the list of chains takes from its address.
const CHAIN_FILTERS: [&str; 5] = ["state", "health", "host", "version", "owner"];

/// `GET /chains.csv`, with the parameters of the page.
pub async fn chains(
    Extension(plane): Extension<Arc<ControlPlane>>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Query(asked): Query<BTreeMap<String, String>>,
) -> Response {
    match chain_rows(&plane, &caller, &asked).await {
        Ok(text) => attachment("chains.csv", "text/csv; charset=utf-8", text.into_bytes()),
        Err(error) => refusal::page(&plane, &headers, &caller, &error, "/chains").await,
    }
}

async fn chain_rows(
    plane: &ControlPlane,
    caller: &Caller,
    asked: &BTreeMap<String, String>,
) -> Result<String, Error> {
    caller.require_user()?;
    let mut query = asked_for(asked, &CHAIN_FILTERS);
    let heads =
        ["name", "state", "health", "host", "version", "consensus", "organizations", "peers", "orderers"];
    let mut text = line(heads.into_iter().chain(["created", "owner"]));
    let mut count = 0;
    loop {
        let page = plane.chain_page(caller, query.clone()).await?;
        count += page.rows.len();
        for chain in &page.rows {
            text.push_str(&chain_line(chain));
        }
        match page.next {
            Some(next) if count < EXPORT_ROWS_MAX => query.after = next,
            Some(_) | None => return Ok(text),
        }
    }
}

fn chain_line(chain: &ChainSummary) -> String {
    let cells = [
        chain.name.to_string(),
        chain.state.as_str().to_owned(),
        word(&chain.health.health),
        chain.host_name.clone(),
        chain.version.as_str().to_owned(),
        word(&chain.consensus),
        chain.organizations.to_string(),
        chain.peers.to_string(),
        chain.orderers.to_string(),
        app::components::time::iso(chain.created_ms),
        chain.owner_name.clone(),
    ];
    line(cells.iter().map(String::as_str))
}

/// The word by which a value is stored and sent.
fn word(value: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// The list that an address shows, from its beginning.
fn asked_for(asked: &BTreeMap<String, String>, filters: &[&str]) -> ListQuery {
    let value = |key: &str| asked.get(key).cloned().unwrap_or_default();
    let sort = value("sort");
    let filters = filters.iter().map(|key| ((*key).to_owned(), value(key)));
    ListQuery {
        text: value("text"),
        descending: sort.starts_with('-'),
        sort: sort.trim_start_matches('-').to_owned(),
        filters: filters.filter(|(_, value)| !value.is_empty()).collect(),
        after: String::new(),
        rows: ROWS_MAX,
    }
}

/// A line of a file, with the end that spreadsheets expect.
fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    format!("{}\r\n", cells.join(","))
}

/// A cell in quotes. What begins like a formula gets an apostrophe before it, which spreadsheets take for text.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let before = if is_formula { "'" } else { "" };
    format!("\"{before}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u16_no_cell_is_a_formula() {
        for (text, expect) in [
            ("demo", "\"demo\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@a", "\"'@a\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("a,b\"c", "\"a,b\"\"c\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), expect);
        }
        assert_eq!(line(["a", "b"]), "\"a\",\"b\"\r\n");
    }

    #[test]
    fn a_file_holds_what_the_page_shows_from_its_beginning() {
        let pairs =
            [("text", "de"), ("sort", "-created"), ("state", "running"), ("after", "x"), ("plan", "x")];
        let asked = pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
        let query = asked_for(&asked, &CHAIN_FILTERS);
        assert_eq!((query.text.as_str(), query.sort.as_str(), query.descending), ("de", "created", true));
        assert_eq!(query.filter("state"), Some("running"));
        assert_eq!((query.filters.len(), query.after.as_str()), (1, ""));
    }
}
