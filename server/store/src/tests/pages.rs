//! Pages of long lists, against lists that are sorted, filtered and cut in memory.

use domain::chain::{ChainState, Health};
use domain::list::{ListPage, ListQuery};

use super::*;
use crate::listed::AT_ONCE;
use crate::{ChainRecord, Tenure};

const STATES: [ChainState; 3] = [ChainState::Running, ChainState::Stopped, ChainState::Failed];
const HEALTHS: [Health; 4] = [Health::Ok, Health::Degraded, Health::Unreachable, Health::Unknown];

/// Chains whose names, times and states are ordered differently.
fn chains() -> Vec<ChainRecord> {
    (0..23_usize)
        .map(|n| {
            let spec = domain::chain::ChainSpec { name: chain(&format!("c{}", n * 7 % 23)), ..spec() };
            ChainRecord {
                name: spec.name.clone(),
                spec,
                plan: Arc::new(json!({ "nodes": [] })),
                state: STATES[n % 3],
                health: HealthView { health: HEALTHS[n % 4], ..HealthView::default() },
                owner: (n.is_multiple_of(5)).then(|| UserId::new("ann")),
                host: HostId::new(format!("h{}", n % 2)),
                // Some were made at the same moment.
                created_ms: i64::try_from(n / 3).unwrap(),
                operation: None,
                pool: None,
                tenure: Tenure::default(),
            }
        })
        .collect()
}

/// Every row of a list, page by page.
async fn paged<T>(query: &ListQuery, limit: usize, page: impl AsyncFn(ListQuery) -> ListPage<T>) -> Vec<T> {
    let mut rows = Vec::new();
    let mut query = query.clone();
    loop {
        let page = page(query.clone()).await;
        assert!(page.rows.len() <= limit);
        assert!(page.next.is_none() || page.rows.len() == limit, "a page that has a next one is full");
        rows.extend(page.rows);
        match page.next {
            Some(next) => query.after = next,
            None => return rows,
        }
    }
}

/// The same in memory.
fn naive(chains: &[ChainRecord], query: &ListQuery) -> Vec<String> {
    let holds = |record: &&ChainRecord| {
        query.filters.iter().all(|(key, value)| match key.as_str() {
            "state" => record.state.as_str() == value,
            "health" => serde_json::to_value(record.health.health).unwrap() == json!(value),
            "host" => record.host.as_str() == value,
            "version" => record.spec.version.as_str() == value,
            "owner" => record.owner.as_ref().map_or("none", UserId::as_str) == value,
            other => panic!("{other}"),
        }) && record.name.as_str().contains(&query.text)
    };
    let mut rows: Vec<&ChainRecord> = chains.iter().filter(holds).collect();
    rows.sort_by_key(|record| {
        let name = record.name.to_string();
        match query.sort.as_str() {
            "created" => (record.created_ms, String::new(), name),
            "state" => (0, record.state.as_str().to_owned(), name),
            _ => (0, String::new(), name),
        }
    });
    if query.descending {
        rows.reverse();
    }
    rows.into_iter().map(|record| record.name.to_string()).collect()
}

fn query(sort: &str, descending: bool, text: &str, filters: &[(&str, &str)]) -> ListQuery {
    let filters = filters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ListQuery { sort: sort.to_owned(), descending, text: text.to_owned(), filters, ..ListQuery::default() }
}

/// What chains are narrowed to.
const FILTERS: [&[(&str, &str)]; 9] = [
    &[],
    &[("state", "running")],
    &[("health", "degraded")],
    &[("host", "h1")],
    &[("version", "2.5")],
    &[("version", "3.1")],
    &[("owner", "ann")],
    &[("owner", "none")],
    &[("state", "stopped"), ("host", "h0"), ("health", "ok")],
];

/// Every order with every filter, and each of them with every direction and text, though not all of it with all else.
fn combinations() -> Vec<ListQuery> {
    let texts = [(false, ""), (true, ""), (false, "c1"), (true, "2")];
    let mut all = Vec::new();
    for (row, sort) in ["", "name", "created", "state"].into_iter().enumerate() {
        for (column, filters) in FILTERS.into_iter().enumerate() {
            let (descending, text) = texts[(row + column) % texts.len()];
            all.push(query(sort, descending, text, filters));
        }
        // Without a filter in both directions.
        all.extend([false, true].map(|descending| query(sort, descending, "", &[])));
    }
    all
}

async fn holds_what_fits(store: &Store, all: &[ChainRecord], query: &ListQuery) {
    let page = async |query: ListQuery| store.chain_page(&query, None, 4).await.unwrap();
    let rows = paged(query, 4, page).await;
    let names: Vec<String> = rows.iter().map(|row| row.name.to_string()).collect();
    assert_eq!(names, naive(all, query), "{query:?}");
}

#[tokio::test]
async fn u12_pages_of_chains_hold_what_a_sorted_and_filtered_list_holds() {
    let store = Store::open("mem://").await.unwrap();
    let all = chains();
    for record in &all {
        store.chain_create(record).await.unwrap();
    }
    for query in combinations() {
        holds_what_fits(&store, &all, &query).await;
    }
}

/// Of the combinations as many on disk as have every order and every filter.
#[tokio::test]
async fn u12_pages_of_chains_hold_the_same_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("surrealkv://{}", folder.path().join("db").display());
    let store = Store::open(&url).await.unwrap();
    let all = chains();
    for record in &all {
        store.chain_create(record).await.unwrap();
    }
    for query in combinations().iter().step_by(4) {
        holds_what_fits(&store, &all, query).await;
    }
}

#[tokio::test]
async fn only_what_is_owned_or_granted_is_within_reach() {
    on_both(async |store| {
        for record in chains() {
            store.chain_create(&record).await.unwrap();
        }
        let (ann, bob) = (UserId::new("ann"), UserId::new("bob"));
        store.grant_put(&chain("c1"), &ann, Grant::Read).await.unwrap();
        store.grant_put(&chain("c2"), &bob, Grant::Read).await.unwrap();
        let owned = chains().into_iter().filter(|record| record.owner.as_ref() == Some(&ann));
        let mut expected: Vec<String> = owned.map(|record| record.name.to_string()).collect();
        expected.push("c1".to_owned());
        expected.sort_unstable();
        expected.dedup();
        let page = async |query: ListQuery| store.chain_page(&query, Some(&ann), 2).await.unwrap();
        let rows = paged(&ListQuery::default(), 2, page).await;
        let names: Vec<String> = rows.iter().map(|row| row.name.to_string()).collect();
        assert_eq!(names, expected);
        // Nobody's list is empty, not everybody's.
        let nobody = UserId::new("nobody");
        assert!(store.chain_page(&ListQuery::default(), Some(&nobody), 2).await.unwrap().rows.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_long_reach_is_paged_like_a_short_one() {
    let store = Store::open("mem://").await.unwrap();
    let (eve, mut all) = (UserId::new("eve"), Vec::new());
    // More than are asked for at once.
    for n in 0..AT_ONCE + 5 {
        let mut record = chains().swap_remove(n % 23);
        record.name = chain(&format!("r{n}"));
        record.spec.name = record.name.clone();
        store.chain_create(&record).await.unwrap();
        store.grant_put(&record.name, &eve, Grant::Read).await.unwrap();
        all.push(record);
    }
    store.chain_create(&chains().remove(0)).await.unwrap();
    let narrowed: [&[(&str, &str)]; 2] = [&[], &[("state", "running")]];
    for (row, sort) in ["name", "created", "state"].into_iter().enumerate() {
        for (column, filters) in narrowed.into_iter().enumerate() {
            let query = query(sort, (row + column) % 2 == 1, "", filters);
            let page = async |query: ListQuery| store.chain_page(&query, Some(&eve), 9).await.unwrap();
            let rows = paged(&query, 9, page).await;
            let names: Vec<String> = rows.iter().map(|row| row.name.to_string()).collect();
            assert_eq!(names, naive(&all, &query), "{query:?}");
        }
    }
}

#[tokio::test]
async fn a_health_that_is_saved_is_found_by_it() {
    on_both(async |store| {
        let record = ChainRecord { state: ChainState::Running, ..chains().remove(0) };
        store.chain_create(&record).await.unwrap();
        let health = HealthView { health: Health::Unreachable, ..HealthView::default() };
        store.chain_health_save(&record.name, &health).await.unwrap();
        let found = |word: &'static str| {
            let query = query("", false, "", &[("health", word)]);
            let store = store.clone();
            async move { store.chain_page(&query, None, 10).await.unwrap().rows.len() }
        };
        assert_eq!((found("unreachable").await, found("ok").await), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn pages_of_hosts_follow_what_is_changed_and_seen() {
    on_both(async |store| {
        for n in 0..7 {
            let record = HostRecord {
                created_ms: 7 - n,
                ..host(&format!("h{n}"), &format!("n{n}"), &format!("/s{n}"))
            };
            store.host_create(&record, None).await.unwrap();
        }
        let names = async |query: ListQuery| {
            let page = async |query: ListQuery| store.host_page(&query, 2).await.unwrap();
            let rows = paged(&query, 2, page).await;
            rows.iter().map(|row| row.spec.name.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(query("name", false, "", &[])).await, "n0 n1 n2 n3 n4 n5 n6");
        assert_eq!(names(query("created", false, "", &[])).await, "n6 n5 n4 n3 n2 n1 n0");
        assert_eq!(names(query("name", true, "n5", &[])).await, "n5");
        let seen = HostStatus { state: domain::host::HostState::Active, ..HostStatus::default() };
        let spec = host("h3", "n3", "/s3").spec;
        store.host_status_save(&HostId::new("h3"), &spec, &seen, 1).await.unwrap();
        assert_eq!(names(query("", false, "", &[("state", "active")])).await, "n3");
        assert_eq!(names(query("", false, "", &[("kind", "cluster")])).await, "");
        assert_eq!(
            names(query("", false, "", &[("kind", "engine"), ("state", "unknown")])).await,
            "n0 n1 n2 n4 n5 n6"
        );
        let renamed = HostSpec { name: HostName::parse("other").unwrap(), ..spec };
        let checked =
            store.host_update(&HostId::new("h3"), &renamed, None, |_| Ok::<(), ()>(())).await.unwrap();
        checked.unwrap();
        assert_eq!(names(query("", false, "oth", &[])).await, "other");
        let named = store.host_names(&[&HostId::new("h3"), &HostId::new("gone")]).await.unwrap();
        assert_eq!(named.get(&HostId::new("h3")).map(String::as_str), Some("other"));
        assert_eq!(named.len(), 1);
    })
    .await;
}
