//! What somebody wants to see of a long list, and a page of it. The state of a list stands in the address of its page, so
//! that it can be reloaded and shared; the server sorts, filters and cuts it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};

/// Rows of a page unless something else is asked for.
pub const ROWS: u32 = 50;
/// Most rows of a page.
pub const ROWS_MAX: u32 = 200;
/// Longest text that is searched for, in characters.
pub const TEXT_MAX: usize = 128;
/// Longest value of a filter and of a cursor, in bytes.
const VALUE_MAX: usize = 512;
/// Most filters at once.
const FILTERS_MAX: usize = 12;

/// What of a list is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListQuery {
    /// Part of a name; empty: everything.
    pub text: String,
    /// The column it is sorted by; empty: the list's own order.
    pub sort: String,
    pub descending: bool,
    /// `state` → `running`: only rows of which that holds.
    pub filters: BTreeMap<String, String>,
    /// [`ListPage::next`] of the page before; empty: the first page.
    pub after: String,
    /// Rows of a page, at most [`ROWS_MAX`]; 0: [`ROWS`].
    pub rows: u32,
}

impl ListQuery {
    /// Checks sizes, and that the list knows its sort and filters.
    pub fn check(&self, sorts: &[&str], filters: &[&str]) -> Result<(), Error> {
        if self.text.chars().count() > TEXT_MAX {
            return Err(Error::invalid(Code::TextTooLong).with("max", TEXT_MAX).on("text"));
        }
        let unknown = !self.sort.is_empty() && !sorts.contains(&self.sort.as_str());
        if unknown {
            return Err(Error::invalid(Code::ListSortUnknown).on("sort"));
        }
        if self.filters.len() > FILTERS_MAX || self.filters.keys().any(|key| !filters.contains(&key.as_str()))
        {
            return Err(Error::invalid(Code::ListFilterUnknown).on("filters"));
        }
        let too_long = |value: &String| value.len() > VALUE_MAX;
        if too_long(&self.after) || self.filters.values().any(too_long) {
            return Err(Error::invalid(Code::TextTooLong).with("max", VALUE_MAX).on("filters"));
        }
        Ok(())
    }

    /// Rows that are wanted, within the limits.
    pub fn limit(&self) -> u32 {
        match self.rows {
            0 => ROWS,
            rows => rows.min(ROWS_MAX),
        }
    }

    /// The value of a filter; an empty one is none.
    pub fn filter(&self, key: &str) -> Option<&str> {
        self.filters.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPage<T> {
    pub rows: Vec<T>,
    /// For [`ListQuery::after`] of the next page; none on the last one.
    pub next: Option<String>,
}

impl<T> ListPage<T> {
    /// Cuts what was read one row beyond the limit; `cursor` tells a row's place.
    pub fn cut(mut rows: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(cursor);
        Self { rows, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_does_not_know_is_refused() {
        let query = |change: fn(&mut ListQuery)| {
            let mut query = ListQuery::default();
            change(&mut query);
            query.check(&["name"], &["state"]).map_err(|error| error.code)
        };
        assert_eq!(query(|_| ()), Ok(()));
        assert_eq!(query(|q| q.sort = "name".to_owned()), Ok(()));
        assert_eq!(query(|q| q.sort = "password_hash".to_owned()), Err(Code::ListSortUnknown));
        assert_eq!(
            query(|q| drop(q.filters.insert("role".to_owned(), String::new()))),
            Err(Code::ListFilterUnknown)
        );
        assert_eq!(query(|q| q.text = "a".repeat(TEXT_MAX + 1)), Err(Code::TextTooLong));
        assert_eq!(query(|q| q.after = "a".repeat(VALUE_MAX + 1)), Err(Code::TextTooLong));
    }

    #[test]
    fn a_page_is_followed_by_another_only_if_there_is_more() {
        let page = |count: u32, limit| ListPage::cut((0..count).collect(), limit, u32::to_string);
        assert_eq!(page(3, 3), ListPage { rows: vec![0, 1, 2], next: None });
        assert_eq!(page(4, 3), ListPage { rows: vec![0, 1, 2], next: Some("2".to_owned()) });
        assert_eq!(page(0, 3), ListPage { rows: vec![], next: None });
    }
}
