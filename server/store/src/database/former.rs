//! What a former version wrote is counted and filtered like what this one writes.

use domain::chain::{Health, HealthView};
use domain::host::{HostSpec, HostState, HostStatus};
use domain::list::ListQuery;
use domain::name::{ChainName, HostName};
use serde::Deserialize;

use super::*;

/// A database as a portal left it that knew the first two migrations only.
async fn former() -> Inner {
    let database = connect("mem://", false).await.unwrap();
    database.use_ns("heddle").use_db("portal").await.unwrap();
    let inner = Inner {
        database,
        events: Mutex::new(()),
        history: Group::default(),
        memory: Memory::new(false),
        installation: String::new(),
        _lock: None,
    };
    let table = "DEFINE TABLE migration SCHEMAFULL;
        DEFINE FIELD number ON migration TYPE int;
        DEFINE FIELD checksum ON migration TYPE string";
    inner.transact(&Query::new(table, json!({}))).await.unwrap();
    let texts =
        [include_str!("../../schema/001_base.surql"), include_str!("../../schema/002_operation_end.surql")];
    for (number, text) in (1_i64..).zip(texts) {
        inner.apply(number, text, "sum").await.unwrap();
    }
    inner
}

const ROWS: &str = "
    CREATE type::record('chain', 'demo') SET name = 'demo', spec = $spec, plan = 'null', state = 'running',
        health = $health, owner = 'ann', host = 'h1', created_ms = 5;
    CREATE type::record('operation', 'one') SET id_text = 'one', owner = 'ann', open = false, lease_until_ms = 0,
        revision = 0, record = $record;
    FOR $row IN $transactions { CREATE type::record('transaction', $row.key) SET chain = 'demo', user = 'ann',
        tx_id = $row.key, state = 'settled', idempotency_key = $row.key, created_ms = $row.created_ms,
        view = $row.view }";

#[derive(Deserialize, Debug, PartialEq)]
struct Counted {
    chain: String,
    day: i64,
    total: u32,
    failed: u32,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Fact {
    name: String,
    health: String,
    consensus: String,
    version: String,
    owner: Option<String>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Filtered {
    name: Option<String>,
    state: Option<String>,
}

#[tokio::test]
async fn rows_of_former_versions_get_their_counters() {
    let inner = former().await;
    let transaction = |key: &str, state: &str, created_ms: i64| {
        // Words within other texts are no states.
        let view = json!({ "function": "\"state\":\"invalid\"", "state": state }).to_string();
        json!({ "key": key, "created_ms": created_ms, "view": view })
    };
    let bindings = json!({
        "spec": json!({ "version": "3.1", "consensus": "bft" }).to_string(),
        "health": json!({ "health": "degraded", "ailments": [{ "health": "ok" }] }).to_string(),
        "record": json!({ "id": "one", "name": "chain-stop", "params": { "state": "x" }, "state": "failed" }).to_string(),
        "transactions": [
            transaction("a", "valid", 86_400_000), transaction("b", "invalid", 86_400_001), transaction("c", "valid", 1),
        ],
    });
    inner.transact(&Query::new(ROWS, bindings)).await.unwrap();
    inner.apply(8, include_str!("../../schema/008_overview.surql"), "sum").await.unwrap();
    let counted: Vec<Counted> = inner
        .rows(&Query::new("SELECT chain, day, total, failed FROM daily ORDER BY chain, day", json!({})))
        .await
        .unwrap();
    let row = |chain: &str, day, total, failed| Counted { chain: chain.to_owned(), day, total, failed };
    assert_eq!(counted, [row("", 0, 1, 0), row("", 1, 2, 1), row("demo", 0, 1, 0), row("demo", 1, 2, 1)]);
    let facts = Query::new("SELECT name, health, consensus, version, owner FROM chain_fact", json!({}));
    let fact = Fact {
        name: "demo".to_owned(),
        health: "degraded".to_owned(),
        consensus: "bft".to_owned(),
        version: "3.1".to_owned(),
        owner: Some("ann".to_owned()),
    };
    assert_eq!(inner.rows::<Fact>(&facts).await.unwrap(), [fact]);
    let filtered = Query::new("SELECT name, state FROM operation", json!({}));
    let (name, state) = (Some("chain-stop".to_owned()), Some("failed".to_owned()));
    assert_eq!(inner.rows::<Filtered>(&filtered).await.unwrap(), [Filtered { name, state }]);
}

const PEOPLE: &str = "
    CREATE type::record('user', 'ann') SET id_text = 'a', name = 'ann', role = 'admin', password_hash = 'h',
        enabled = true, created_ms = 1700000000000, last_sign_in_ms = 1700000000005;
    CREATE type::record('user', 'ben') SET id_text = 'b', name = 'ben', role = 'user', password_hash = 'h',
        enabled = false, created_ms = 1700000000001";

#[derive(Deserialize, Debug, PartialEq)]
struct Person {
    state: String,
    role_key: String,
    created_key: String,
    seen_key: String,
    enabled: Option<bool>,
}

#[tokio::test]
async fn people_of_former_versions_get_their_state_and_their_place_in_lists() {
    let inner = former().await;
    inner.transact(&Query::new(PEOPLE, json!({}))).await.unwrap();
    inner.apply(3, include_str!("../../schema/003_people.surql"), "sum").await.unwrap();
    let person = |state: &str, role: &str, created: &str, seen: &str| Person {
        state: state.to_owned(),
        role_key: role.to_owned(),
        created_key: created.to_owned(),
        seen_key: seen.to_owned(),
        enabled: None,
    };
    let text = "SELECT state, role_key, created_key, seen_key, enabled, name FROM user ORDER BY name";
    let people = inner.rows::<Person>(&Query::new(text, json!({}))).await.unwrap();
    let ann = person("active", "admin ann", "01700000000000 ann", "01700000000005 ann");
    let ben = person("disabled", "user ben", "01700000000001 ben", "00000000000000 ben");
    assert_eq!(people, [ann, ben]);
}

const LISTED: &str = "
    CREATE type::record('chain', 'demo') SET name = 'demo', spec = $spec, plan = 'null', state = 'running',
        health = $health, host = 'h1', created_ms = 5;
    CREATE type::record('host', 'h1') SET id_text = 'h1', spec = $host, status = $status, created_ms = 5, claims = 0;
    CREATE type::record('user', 'ann') SET id_text = 'ann', name = 'ann', role = 'admin', password_hash = 'hash',
        enabled = false, created_ms = 1700000000000";

/// An index that was made from rows as they were before would find nothing here, and go on to find what is no more.
#[tokio::test]
async fn rows_of_former_versions_are_found_by_what_is_filled_in() {
    let inner = former().await;
    let health = |health| HealthView { health, ..HealthView::default() };
    let status = HostStatus { state: HostState::Active, ..HostStatus::default() };
    let bindings = json!({
        "spec": json!({
            "name": "demo", "host": "h1", "version": "3.1", "consensus": "raft", "orderers": 1,
            "organizations": [{ "name": "org1", "peers": 1 }], "channel": "mychannel", "batch_timeout_ms": 200,
            "resources": { "cpu_milli": 1000, "memory_mib": 512 },
        }).to_string(),
        "health": encode(&health(Health::Degraded)).unwrap(),
        "host": encode(&HostSpec::local(HostName::parse("here").unwrap(), "/s")).unwrap(),
        "status": encode(&status).unwrap(),
    });
    inner.transact(&Query::new(LISTED, bindings)).await.unwrap();
    for (number, text) in (1_i64..).zip(MIGRATIONS).skip(2) {
        inner.apply(number, text, "sum").await.unwrap();
    }
    let store = Store { inner: Arc::new(inner) };
    let only = |key: &str, value: &str| ListQuery {
        filters: [(key.to_owned(), value.to_owned())].into(),
        ..ListQuery::default()
    };
    let chains =
        async |key: &str, value: &str| store.chain_page(&only(key, value), None, 5).await.unwrap().rows.len();
    let found = [chains("health", "degraded").await, chains("version", "3.1").await];
    assert_eq!(found, [1, 1]);
    for (key, value) in [("state", "active"), ("kind", "engine")] {
        let hosts = store.host_page(&only(key, value), 5).await.unwrap().rows;
        assert_eq!(hosts.len(), 1, "{key}");
    }
    for state in ["disabled", "active"] {
        let people = store.user_page(&only("state", state)).await.unwrap().rows;
        assert_eq!(people.len(), usize::from(state == "disabled"), "{state}");
    }
    let demo = ChainName::parse("demo").unwrap();
    store.chain_health_save(&demo, &health(Health::Ok)).await.unwrap();
    assert_eq!([chains("health", "degraded").await, chains("health", "ok").await], [0, 1]);
}
