//! What somebody looks for in a long list: text, filters, order and page stand in the address, so that a reload, a link
//! and the way back show the same. The form works without a script; with one it leads to the new address by itself.
//!
//! It stands beside what is loaded, never inside: a live refresh puts the rows there anew, and whoever types goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::list::{ListQuery, TEXT_MAX};
use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};

use super::load::escaped;
use super::page::empty;
use crate::text::{Text, tr, words};

pub mod columns;
pub mod selection;

/// Id of the field in which one searches.
pub const SEARCH: &str = "list-search";
/// What the address holds of every list, beside its filters.
const OWN: [&str; 4] = ["text", "sort", "after", "rows"];
/// How long somebody pauses who has typed what they look for.
const TYPED: Duration = Duration::from_millis(300);

/// What a page shows of its list.
#[derive(Clone, Copy)]
pub struct ListState {
    /// As the address says.
    pub query: Memo<ListQuery>,
    /// What else stands in the address, which stays.
    others: Memo<Vec<(String, String)>>,
    path: Memo<String>,
}

/// One filter: its key, its words, and the values that may be chosen with theirs.
pub struct Facet {
    pub key: &'static str,
    pub label: fn(&'static Text) -> &'static str,
    pub options: Vec<(String, Signal<String>)>,
}

/// Reads the state of a page's list from the address.
pub fn use_list(filters: &'static [&'static str]) -> ListState {
    let asked = use_query_map();
    let query = Memo::new(move |_| {
        let asked = asked.get();
        read(|key| asked.get(key), filters)
    });
    let others = Memo::new(move |_| {
        let pairs = asked.get().into_iter().map(|(key, value)| (key.into_owned(), value));
        pairs.filter(|(key, _)| !OWN.contains(&key.as_str()) && !filters.contains(&key.as_str())).collect()
    });
    ListState { query, others, path: use_location().pathname }
}

impl ListState {
    /// The address that shows the list so.
    pub fn address(self, query: &ListQuery) -> String {
        self.others.with_untracked(|others| address(&self.path.get_untracked(), query, others))
    }

    /// Where a file of everything that is found is to be had; it follows what is looked for.
    pub fn export(self, path: &'static str) -> Signal<String> {
        Signal::derive(move || {
            let query = ListQuery { after: String::new(), rows: 0, ..self.query.get() };
            address(path, &query, &[])
        })
    }

    /// Whether text, filters or the place in the list leave rows out.
    pub fn is_narrowed(self) -> bool {
        self.query
            .with(|query| !(query.text.is_empty() && query.filters.is_empty() && query.after.is_empty()))
    }

    /// Shows another part of the list in the place of this one.
    fn go(self) -> Callback<ListQuery> {
        let navigate = use_navigate();
        Callback::new(move |query: ListQuery| {
            let options = NavigateOptions { replace: true, scroll: false, ..NavigateOptions::default() };
            navigate(&self.address(&query), options);
        })
    }
}

/// What is wanted, by the parameters of an address. Sizes and names are the server's to judge.
fn read(asked: impl Fn(&str) -> Option<String>, filters: &[&'static str]) -> ListQuery {
    let value = |key: &str| asked(key).unwrap_or_default();
    let sort = value("sort");
    let (sort, descending) = match sort.strip_prefix('-') {
        Some(key) => (key.to_owned(), true),
        None => (sort, false),
    };
    let filters: BTreeMap<String, String> = filters
        .iter()
        .map(|&key| (key.to_owned(), value(key)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let text = value("text").trim().to_owned();
    ListQuery {
        text,
        sort,
        descending,
        filters,
        after: value("after"),
        rows: value("rows").parse().unwrap_or(0),
    }
}

/// The address of a path on which a list is shown so. What is as usual is left out.
fn address(path: &str, query: &ListQuery, others: &[(String, String)]) -> String {
    let (sort, rows) = (sort_word(query), rows_word(query));
    let own = [("text", &query.text), ("sort", &sort), ("rows", &rows), ("after", &query.after)];
    let filters = query.filters.iter().map(|(key, value)| (key.as_str(), value));
    let others = others.iter().map(|(key, value)| (key.as_str(), value));
    let pairs: Vec<String> = own
        .into_iter()
        .chain(filters)
        .chain(others)
        .filter(|(_, value)| !value.is_empty())
        .map(|(key, value)| format!("{}={}", escaped(key), escaped(value)))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

fn sort_word(query: &ListQuery) -> String {
    if query.descending { format!("-{}", query.sort) } else { query.sort.clone() }
}

fn rows_word(query: &ListQuery) -> String {
    if query.rows == 0 { String::new() } else { query.rows.to_string() }
}

/// What stands in the form's fields, from which the next address is made.
#[derive(Clone, Copy)]
struct Fields {
    state: ListState,
    typed: RwSignal<String>,
    /// What was typed, and does not stand in the address yet.
    pending: StoredValue<Option<TimeoutHandle>>,
    go: Callback<ListQuery>,
}

impl Fields {
    fn new(state: ListState) -> Self {
        let typed = RwSignal::new(state.query.with_untracked(|query| query.text.clone()));
        let fields = Self { state, typed, pending: StoredValue::new(None), go: state.go() };
        // The way back, or a link, says something else than the field.
        Effect::new(move |_| {
            let text = state.query.with(|query| query.text.clone());
            let is_typing = fields.pending.try_get_value().flatten().is_some();
            if !is_typing && typed.with_untracked(|typed| typed.trim() != text) {
                typed.set(text);
            }
        });
        // Nobody is led back to a list that they have left.
        on_cleanup(move || fields.settle());
        fields
    }

    /// What was typed waits no longer.
    fn settle(self) {
        if let Some(handle) = self.pending.try_get_value().flatten() {
            handle.clear();
            self.pending.try_set_value(None);
        }
    }

    fn show(self, change: impl FnOnce(&mut ListQuery)) {
        self.settle();
        let mut query = self.state.query.get_untracked();
        query.text = self.typed.with_untracked(|typed| typed.trim().to_owned());
        query.after.clear();
        change(&mut query);
        if query != self.state.query.get_untracked() {
            self.go.run(query);
        }
    }

    fn type_in(self, text: String) {
        self.settle();
        self.typed.set(text);
        // Another page may be on its way: its address is there before this list is gone.
        let here = self.state.path.get_untracked();
        let is_here = move || self.state.path.try_get_untracked().is_some_and(|path| path == here);
        let look = move || {
            if is_here() {
                self.show(|_| ());
            }
        };
        let pause = set_timeout_with_handle(look, TYPED);
        self.pending.try_set_value(pause.ok());
    }

    fn choose(self, key: &'static str, value: String) {
        self.show(|query| {
            if value.is_empty() {
                query.filters.remove(key);
            } else {
                query.filters.insert(key.to_owned(), value);
            }
        });
    }
}

/// The form above a list: what to search for, and the filters.
pub fn list_tools(state: ListState, facets: Vec<Facet>) -> AnyView {
    let fields = Fields::new(state);
    let typed = fields.typed;
    let submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        fields.show(|_| ());
    };
    // Without a script the form sends itself: what it does not ask for goes along.
    let kept = move || {
        let own = state.query.with(|query| [("sort", sort_word(query)), ("rows", rows_word(query))]);
        let own = own.into_iter().map(|(key, value)| (key.to_owned(), value));
        own.chain(state.others.get())
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| view! { <input type="hidden" name=key value=value/> })
            .collect_view()
    };
    let selects = facets.into_iter().map(|facet| facet_select(fields, facet)).collect_view();
    let action = state.path.get_untracked();
    view! {
        <form method="get" role="search" action=action class="list-tools" on:submit=submit>
            {kept}
            <div class="field list-search">
                <label for=SEARCH>{tr(|t| t.list().search)}</label>
                <input
                    type="search"
                    id=SEARCH
                    name="text"
                    autocomplete="off"
                    maxlength=TEXT_MAX.to_string()
                    value=typed.get_untracked()
                    prop:value=move || typed.get()
                    on:input:target=move |event| fields.type_in(event.target().value())
                />
            </div>
            {selects}
            <button type="submit" class="button">{tr(|t| t.list().show)}</button>
        </form>
    }
    .into_any()
}

fn facet_select(fields: Fields, facet: Facet) -> AnyView {
    let Facet { key, label, options } = facet;
    let chosen = move || fields.state.query.with(|query| query.filter(key).unwrap_or_default().to_owned());
    let now = untrack(chosen);
    let all = (String::new(), words(|t| t.list().all));
    // A value that only the address knows is shown as it is: the list is filtered by it.
    let is_unknown = !now.is_empty() && options.iter().all(|(value, _)| *value != now);
    let unknown = is_unknown.then(|| (now.clone(), Signal::stored(now.clone())));
    let items = std::iter::once(all)
        .chain(options)
        .chain(unknown)
        .map(|(value, words)| {
            let (first, own) = (value == now, value.clone());
            let later = move || chosen() == own;
            view! { <option value=value selected=first prop:selected=later>{words}</option> }
        })
        .collect_view();
    let id = format!("list-{key}");
    view! {
        <div class="field list-facet">
            <label for=id.clone()>{tr(label)}</label>
            <select id=id name=key on:change:target=move |event| fields.choose(key, event.target().value())>
                {items}
            </select>
        </div>
    }
    .into_any()
}

/// The head of a column by which the list may be sorted: a link, so that it works without a script. It is made with the
/// rows, and says how they stand.
pub fn sort_header(state: ListState, key: &'static str, label: fn(&'static Text) -> &'static str) -> AnyView {
    sort_column(state, key, label, "")
}

/// The same of a column that may be left out, with the class of its cells.
pub fn sort_column(
    state: ListState,
    key: &'static str,
    label: fn(&'static Text) -> &'static str,
    class: &'static str,
) -> AnyView {
    let (next, direction) = state.query.with_untracked(|query| turned(query, key));
    let address = state.address(&next);
    let mark = match direction {
        Some("descending") => "▼",
        Some(_) => "▲",
        None => "",
    };
    view! {
        <th scope="col" class=class aria-sort=direction>
            <a class="list-sort" href=address data-noscroll="">
                {tr(label)} <span aria-hidden="true">{mark}</span>
            </a>
        </th>
    }
    .into_any()
}

/// How a list is asked for next by the head of a column, and how it stands by that column now.
fn turned(query: &ListQuery, key: &str) -> (ListQuery, Option<&'static str>) {
    let is_sorted = query.sort == key;
    let direction = is_sorted.then_some(if query.descending { "descending" } else { "ascending" });
    let descending = is_sorted && !query.descending;
    (ListQuery { sort: key.to_owned(), descending, after: String::new(), ..query.clone() }, direction)
}

/// The ways to the first and to the next page. It is made with the rows.
pub fn list_pager(state: ListState, next: Option<String>) -> AnyView {
    let query = state.query.get_untracked();
    let link = |after: String, pick: fn(&'static Text) -> &'static str| {
        let address = state.address(&ListQuery { after, ..query.clone() });
        view! { <a class="button" href=address>{tr(pick)}</a> }
    };
    let first = (!query.after.is_empty()).then(|| link(String::new(), |t| t.list().first_page));
    let next = next.map(|next| link(next, |t| t.list().next_page));
    if first.is_none() && next.is_none() {
        return ().into_any();
    }
    view! { <nav class="row" aria-label=tr(|t| t.list().pages)>{first} {next}</nav> }.into_any()
}

/// What a list shows while text and filters leave nothing of it.
pub fn nothing_found(state: ListState) -> AnyView {
    let address = state.address(&ListQuery::default());
    let all = view! { <a class="button" href=address>{tr(|t| t.list().show_all)}</a> }.into_any();
    empty(|t| t.list().nothing_found, |t| t.list().nothing_found_hint, Some(all))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: &[&str] = &["state", "kind"];

    /// Reads an address as the router does.
    fn opened(address: &str) -> (ListQuery, Vec<(String, String)>) {
        let pairs: Vec<(String, String)> = address
            .split_once('?')
            .map_or("", |(_, query)| query)
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), unescaped(value)))
            .collect();
        let of = |key: &str| pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
        (read(of, FILTERS), pairs.clone())
    }

    fn unescaped(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((first, behind)) = rest.split_first() {
            let code = (*first == b'%').then(|| behind.get(..2)).flatten();
            let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).unwrap(), 16).ok());
            bytes.push(code.unwrap_or(*first));
            rest = if code.is_some() { &behind[2..] } else { behind };
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn u13_what_is_shown_stands_in_the_address_and_comes_back_from_it() {
        for text in ["", "peer", "a b", "a+b&c=d#e?f", "100 %", "链", "\"><script>", "%00", "../.."] {
            let query = ListQuery {
                text: text.to_owned(),
                sort: "name".to_owned(),
                descending: true,
                filters: [("state".to_owned(), text.to_owned())]
                    .into_iter()
                    .filter(|(_, v)| !v.is_empty())
                    .collect(),
                after: "demo & co".to_owned(),
                rows: 20,
            };
            let address = address("/chains", &query, &[("tab".to_owned(), "a b".to_owned())]);
            assert!(address.bytes().all(|byte| byte.is_ascii_graphic()), "{address}");
            let (back, pairs) = opened(&address);
            assert_eq!(back, query, "{address}");
            assert!(pairs.contains(&("tab".to_owned(), "a b".to_owned())), "{address}");
        }
        assert_eq!(address("/chains", &ListQuery::default(), &[]), "/chains");
    }

    #[test]
    fn what_cannot_be_meant_is_as_usual() {
        let (query, _) = opened("/chains?rows=-1&sort=&state=&unknown=x&text=%20%20");
        assert_eq!(query, ListQuery::default());
        let (query, _) = opened("/chains?rows=99999999999999999999&sort=-");
        assert_eq!(query, ListQuery { descending: true, ..ListQuery::default() });
        // What the list does not filter by is not asked for.
        let (query, _) = opened("/chains?password_hash=x&kind=peer");
        assert_eq!(query.filters, BTreeMap::from([("kind".to_owned(), "peer".to_owned())]));
    }

    #[test]
    fn a_column_turns_its_order_and_begins_at_the_first_page() {
        let first = ListQuery { after: "x".to_owned(), text: "a".to_owned(), ..ListQuery::default() };
        let (up, none) = turned(&first, "name");
        assert_eq!((up.sort.as_str(), up.descending, up.after.as_str(), none), ("name", false, "", None));
        let (down, direction) = turned(&up, "name");
        assert_eq!((down.descending, direction), (true, Some("ascending")));
        let (up_again, direction) = turned(&down, "name");
        assert_eq!((up_again.descending, direction), (false, Some("descending")));
        assert_eq!(turned(&down, "created").0.text, "a");
        assert!(!turned(&down, "created").0.descending);
    }
}
