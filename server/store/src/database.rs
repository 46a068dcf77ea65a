//! Opening the database, migrating it, and running transactions.

use std::borrow::Cow;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use surrealdb::Surreal;
use surrealdb::engine::any::Any;
use tokio::sync::Mutex;

use crate::error::StoreError;
use crate::folder::FolderLock;
use crate::group::Group;
use crate::memory::Memory;
use crate::transaction::Change;

/// Beginning of the addresses of databases that nobody else can open.
const IN_MEMORY: &str = "mem:";
/// Migrations in order; their numbers count from 1.
const MIGRATIONS: [&str; 12] = [
    include_str!("../schema/001_base.surql"),
    include_str!("../schema/002_operation_end.surql"),
    include_str!("../schema/003_people.surql"),
    include_str!("../schema/004_account.surql"),
    include_str!("../schema/005_template.surql"),
    include_str!("../schema/006_tenure.surql"),
    include_str!("../schema/007_audit.surql"),
    include_str!("../schema/008_overview.surql"),
    include_str!("../schema/009_lists.surql"),
    include_str!("../schema/010_indexes.surql"),
    include_str!("../schema/011_history.surql"),
    include_str!("../schema/012_mail.surql"),
];
/// Notes an applied migration.
const MARK: &str = "CREATE type::record('migration', $number) SET number = $number, checksum = $checksum";
/// Tries of a transaction that others keep overtaking.
const TRIES: u32 = 8;
/// First pause between two tries.
const PAUSE_FIRST_MS: u64 = 10;
/// Tries to open a folder that is ours, and the pause between two.
const OPEN_TRIES: u32 = 60;
/// Looks, with that pause between them, until the log of a database that was not closed is put away: a minute.
const CLOSE_TRIES: u32 = 1_200;
const OPEN_PAUSE: Duration = Duration::from_millis(50);
/// Letters of an installation's id.
const INSTALLATION_LETTERS: usize = 8;

/// Handle on the database; clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) database: Surreal<Any>,
    /// Appending events takes turns, so that their numbers become visible in order and no counter is fought for.
    pub(crate) events: Mutex<()>,
    /// Rows of the history of transactions.
    pub(crate) history: Group<Change>,
    /// What every request asks for.
    pub(crate) memory: Memory,
    installation: String,
    // Last, so that it is given back after the database.
    _lock: Option<FolderLock>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({})", self.inner.installation)
    }
}

/// A transaction: statements and what is bound in them.
pub(crate) struct Query {
    text: Cow<'static, str>,
    bindings: Value,
    is_apart: bool,
}

impl Query {
    /// Statements with their bindings, an object.
    pub(crate) fn new(text: impl Into<Cow<'static, str>>, bindings: Value) -> Self {
        Self { text: text.into(), bindings, is_apart: false }
    }

    /// The same for one that writes nothing of what is kept in memory, so that all of it stays.
    pub(crate) fn apart(self) -> Self {
        Self { is_apart: true, ..self }
    }

    fn statements(&self) -> &str {
        self.text.trim().trim_end_matches(';')
    }

    /// Whether it is one question. The engine answers it from one snapshot by itself. Between `BEGIN` and `COMMIT` it
    /// would be a transaction that may write, and at the end of those the engine waits for the disk, written or not.
    fn is_question(&self) -> bool {
        let statements = self.statements();
        statements.starts_with("SELECT ") && !statements.contains(';')
    }
}

impl Store {
    /// Opens `mem://` or `surrealkv://FOLDER` and brings its schema up to date. Nothing is ever wiped.
    ///
    /// # Errors
    /// [`StoreError::Locked`] at once while another process, or another handle of this one, has the folder open.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let lock = FolderLock::take(url)?;
        if let Some(lock) = &lock
            && lock.has_log()?
        {
            put_away(url, lock).await?;
        }
        let database = connect(url, lock.is_some()).await?;
        database.use_ns("heddle").use_db("portal").await?;
        let mut inner = Inner {
            database,
            events: Mutex::new(()),
            history: Group::default(),
            memory: Memory::new(lock.is_none() && !url.starts_with(IN_MEMORY)),
            installation: String::new(),
            _lock: lock,
        };
        inner.migrate().await?;
        inner.prepare_audit().await?;
        inner.installation = inner.ensure_installation().await?;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Closes the database, if this is the last handle on it, so that the next one who opens it finds everything put away.
    pub async fn close(self) -> Result<(), StoreError> {
        let Some(Inner { database, _lock: lock, .. }) = Arc::into_inner(self.inner) else { return Ok(()) };
        drop(database);
        match &lock {
            Some(lock) => closed(lock).await,
            None => Ok(()),
        }
    }

    /// Random id of this installation: eight lower-case letters and digits, made at the first start.
    pub fn installation(&self) -> &str {
        &self.inner.installation
    }

    /// Runs a transaction that returns nothing.
    pub(crate) async fn write(&self, query: Query) -> Result<(), StoreError> {
        self.run(query).await.map(drop)
    }

    /// Runs a transaction and reads the rows of its last statement that returns some.
    pub(crate) async fn read<T: DeserializeOwned>(&self, query: Query) -> Result<Vec<T>, StoreError> {
        rows_of(self.run(query).await?)
    }

    /// The first row.
    pub(crate) async fn read_one<T: DeserializeOwned>(&self, query: Query) -> Result<Option<T>, StoreError> {
        Ok(self.read(query).await?.into_iter().next())
    }

    /// Runs a transaction. One that may change what is kept in memory runs to its end even if nobody waits for it any
    /// more: only its end tells that what is kept is old.
    async fn run(&self, query: Query) -> Result<Vec<Value>, StoreError> {
        if query.is_apart || query.is_question() {
            return self.inner.transact(&query).await;
        }
        let inner = Arc::clone(&self.inner);
        let written = tokio::spawn(async move {
            let _writing = inner.memory.writing();
            inner.transact(&query).await
        });
        match written.await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(results) => results,
            Err(Ok(panic)) => resume_unwind(panic),
            Err(Err(_cancelled)) => Err(StoreError::Stopped),
        }
    }
}

/// Opens a database that was not closed, and closes it, so that its log is put into its tables and the next one begins
/// in a file of its own. The engine would go on in the file that a dying process may have left with half a record at its
/// end: it opens that file before it repairs it, which puts another one in its place, and what is written afterwards is
/// gone with the next crash.
async fn put_away(url: &str, lock: &FolderLock) -> Result<(), StoreError> {
    drop(connect(url, true).await?);
    closed(lock).await
}

/// Waits until a database is closed after its last handle is gone; how long that takes depends on how much there is to
/// be put away.
async fn closed(lock: &FolderLock) -> Result<(), StoreError> {
    for _ in 0..CLOSE_TRIES {
        if !lock.has_log()? {
            return Ok(());
        }
        tokio::time::sleep(OPEN_PAUSE).await;
    }
    Err(StoreError::NotPutAway)
}

/// Connects. Whoever holds our lock may still meet a database of this process that is not closed yet: the engine closes
/// it a moment after its last handle is gone.
async fn connect(url: &str, locked: bool) -> Result<Surreal<Any>, StoreError> {
    let mut tries = if locked { OPEN_TRIES } else { 1 };
    loop {
        tries -= 1;
        match surrealdb::engine::any::connect(url).await {
            Ok(database) => return Ok(database),
            Err(_) if tries > 0 => tokio::time::sleep(OPEN_PAUSE).await,
            Err(error) => return Err(error.into()),
        }
    }
}

impl Inner {
    pub(crate) async fn migrate(&self) -> Result<(), StoreError> {
        self.transact(&Query::new(
            "DEFINE TABLE IF NOT EXISTS migration SCHEMAFULL;
             DEFINE FIELD IF NOT EXISTS number ON migration TYPE int;
             DEFINE FIELD IF NOT EXISTS checksum ON migration TYPE string;",
            json!({}),
        ))
        .await?;
        let applied: Vec<Migration> = self
            .rows(&Query::new("SELECT number, checksum FROM migration ORDER BY number", json!({})))
            .await?;
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if let Some(last) = applied.last().filter(|last| last.number > known) {
            return Err(StoreError::SchemaNewer { found: last.number, known });
        }
        for (number, text) in (1_i64..).zip(MIGRATIONS) {
            let checksum = hex::encode(Sha256::digest(text));
            match applied.iter().find(|migration| migration.number == number) {
                Some(done) if done.checksum == checksum => {}
                Some(_) => return Err(StoreError::SchemaChanged { number }),
                None => self.apply(number, text, &checksum).await?,
            }
        }
        Ok(())
    }

    /// A migration and its mark in one transaction: a crash leaves both or none.
    async fn apply(&self, number: i64, text: &'static str, checksum: &str) -> Result<(), StoreError> {
        let marked = format!("{}; {MARK}", text.trim().trim_end_matches(';'));
        let bindings = json!({ "number": number, "checksum": checksum });
        self.transact(&Query::new(marked, bindings)).await.map(drop)
    }

    async fn ensure_installation(&self) -> Result<String, StoreError> {
        let read = Query::new("SELECT content FROM type::record('setting', 'installation')", json!({}));
        if let Some(found) = self.rows::<Setting>(&read).await?.into_iter().next() {
            return Ok(found.content);
        }
        let create = Query::new(
            "CREATE type::record('setting', 'installation') SET content = string::lowercase(rand::string($letters))",
            json!({ "letters": INSTALLATION_LETTERS }),
        );
        match self.transact(&create).await {
            Ok(_) => {}
            Err(error) if error.is_existing() => {}
            Err(error) => return Err(error),
        }
        let found = self.rows::<Setting>(&read).await?.into_iter().next();
        found.map(|setting| setting.content).ok_or(StoreError::NotFound)
    }

    pub(crate) async fn rows<T: DeserializeOwned>(&self, query: &Query) -> Result<Vec<T>, StoreError> {
        rows_of(self.transact(query).await?)
    }

    /// Runs the statements as one transaction, again if another one was faster, and returns every result.
    pub(crate) async fn transact(&self, query: &Query) -> Result<Vec<Value>, StoreError> {
        let mut pause_ms = PAUSE_FIRST_MS;
        let mut tried = 1;
        loop {
            match self.once(query).await {
                Err(error) if error.is_conflict() && tried < TRIES => {
                    tokio::time::sleep(Duration::from_millis(pause_ms + jitter_ms(pause_ms))).await;
                    pause_ms *= 2;
                    tried += 1;
                }
                other => return other,
            }
        }
    }

    async fn once(&self, query: &Query) -> Result<Vec<Value>, StoreError> {
        let statements = query.statements();
        let text = match query.is_question() {
            true => Cow::Borrowed(statements),
            false => Cow::Owned(format!("BEGIN; {statements}; COMMIT;")),
        };
        let mut results = self.database.query(text).bind(query.bindings.clone()).await?;
        let count = results.num_statements();
        let errors = results.take_errors();
        if !errors.is_empty() {
            return Err(telling(errors));
        }
        let mut values = Vec::with_capacity(count);
        for index in 0..count {
            let value: surrealdb::types::Value = results.take(index)?;
            values.push(value.into_json_value());
        }
        Ok(values)
    }
}

/// The rows among the results of a transaction. The last list is the answer; what follows it, such as the end of the
/// transaction, has none.
fn rows_of<T: DeserializeOwned>(results: Vec<Value>) -> Result<Vec<T>, StoreError> {
    let values = results.into_iter().rev().find_map(|value| match value {
        Value::Array(values) => Some(values),
        _ => None,
    });
    let unreadable = |error: serde_json::Error| StoreError::Unreadable(error.to_string());
    values
        .unwrap_or_default()
        .into_iter()
        .map(|value| serde_json::from_value(value).map_err(unreadable))
        .collect()
}

/// Of the errors of a failed transaction, the one that made it fail: all other statements only say that it did.
fn telling(errors: std::collections::HashMap<usize, surrealdb::Error>) -> StoreError {
    let mut ordered: Vec<(usize, surrealdb::Error)> = errors.into_iter().collect();
    ordered.sort_by_key(|(index, _)| *index);
    let follows = |error: &surrealdb::Error| {
        let text = error.to_string();
        text.contains("not executed") || text.contains("cancelled")
    };
    let at = ordered.iter().position(|(_, error)| !follows(error)).unwrap_or(0);
    StoreError::Database(Box::new(ordered.swap_remove(at).1))
}

/// A little randomness, so that two writers do not meet again.
fn jitter_ms(up_to: u64) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| u64::from(since.subsec_nanos()) % up_to.max(1))
}

/// A record as JSON, kept in one column where its shape is the caller's.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Unreadable(error.to_string()))
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable(error.to_string()))
}

#[derive(serde::Deserialize)]
struct Migration {
    number: i64,
    checksum: String,
}

#[derive(serde::Deserialize)]
struct Setting {
    content: String,
}

#[cfg(test)]
mod former;
#[cfg(test)]
mod tests {
    use domain::id::UserId;
    use domain::name::ChainName;
    use domain::permission::Grant;

    use super::*;

    #[tokio::test]
    async fn a_migration_is_applied_with_its_mark_or_not_at_all() {
        let store = Store::open("mem://").await.unwrap();
        let apply = |number, text| store.inner.apply(number, text, "sum");
        apply(100, "DEFINE TABLE first SCHEMAFULL;").await.unwrap();
        assert!(apply(100, "DEFINE TABLE second SCHEMAFULL;").await.is_err(), "the number is used up");
        let info = store.inner.transact(&Query::new("INFO FOR DB", json!({}))).await.unwrap();
        let tables = info.iter().find_map(|value| value.get("tables")).unwrap();
        assert!(tables.get("first").is_some());
        assert!(tables.get("second").is_none(), "a migration is half applied");
    }

    #[tokio::test]
    async fn people_of_an_earlier_version_get_a_state_and_their_place_in_lists() {
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
        for earlier in &MIGRATIONS[..2] {
            inner.transact(&Query::new(*earlier, json!({}))).await.unwrap();
        }
        let create = "CREATE type::record('user', $name) SET id_text = $name, name = $name, role = 'admin',
            password_hash = 'hash', enabled = $enabled, created_ms = 1700000000000, last_sign_in_ms = $seen ?? NONE";
        for (name, enabled, seen) in [("ann", true, Some(1_800_000_000_000_i64)), ("ben", false, None)] {
            let bindings = json!({ "name": name, "enabled": enabled, "seen": seen });
            inner.transact(&Query::new(create, bindings)).await.unwrap();
        }
        inner.transact(&Query::new(MIGRATIONS[2], json!({}))).await.unwrap();
        let store = Store { inner: Arc::new(inner) };
        let page = store.user_page(&domain::list::ListQuery::default()).await.unwrap();
        let states: Vec<_> = page.rows.iter().map(|user| (user.name.as_str(), user.state.as_str())).collect();
        assert_eq!(states, [("ann", "active"), ("ben", "disabled")]);
        for (sort, first) in [("last_sign_in", "ann"), ("created", "ben")] {
            let query = domain::list::ListQuery {
                sort: sort.to_owned(),
                descending: true,
                ..domain::list::ListQuery::default()
            };
            let page = store.user_page(&query).await.unwrap();
            assert_eq!(page.rows.first().map(|user| user.name.as_str()), Some(first), "{sort}");
        }
    }

    #[test]
    fn one_question_alone_needs_no_transaction() {
        let check = |text: &'static str, alone| {
            assert_eq!(Query::new(text, json!({})).is_question(), alone, "{text}");
        };
        check("SELECT * FROM chain", true);
        check("  SELECT * FROM chain\n WHERE name = $name; ", true);
        check("SELECT * FROM chain; DELETE chain", false);
        check("LET $now = (SELECT * FROM chain); UPDATE chain SET state = $state", false);
        check("UPDATE chain SET state = $state", false);
    }

    #[tokio::test]
    async fn what_is_kept_in_memory_ends_with_a_write_that_may_change_it() {
        let store = Store::open("mem://").await.unwrap();
        let (chain, user) = (ChainName::parse("demo").unwrap(), UserId::new("ann"));
        store.grant_put(&chain, &user, Grant::Use).await.unwrap();
        let held = async || store.grant_read(&chain, &user).await.unwrap();
        assert_eq!(held().await, Some(Grant::Use));
        // Behind the memory's back: what is answered now is what is kept.
        store.inner.transact(&Query::new("DELETE chain_grant", json!({}))).await.unwrap();
        assert_eq!(held().await, Some(Grant::Use));
        store.audit_append(Vec::new()).await.unwrap();
        assert_eq!(held().await, Some(Grant::Use), "the audit changes nothing of it");
        store.setting_put("any", &json!(1)).await.unwrap();
        assert_eq!(held().await, None);
    }

    #[tokio::test]
    async fn data_that_another_version_migrated_are_refused() {
        let store = Store::open("mem://").await.unwrap();
        store.inner.migrate().await.unwrap();
        let known = i64::try_from(MIGRATIONS.len()).unwrap();
        let alter = "UPDATE type::record('migration', $number) SET checksum = 'another'";
        store.inner.transact(&Query::new(alter, json!({ "number": known }))).await.unwrap();
        let changed = store.inner.migrate().await;
        assert!(
            matches!(changed, Err(StoreError::SchemaChanged { number }) if number == known),
            "{changed:?}"
        );
        let later = json!({ "number": known + 1, "checksum": "later" });
        store.inner.transact(&Query::new(MARK, later)).await.unwrap();
        let newer = store.inner.migrate().await;
        assert!(
            matches!(newer, Err(StoreError::SchemaNewer { found, .. }) if found == known + 1),
            "{newer:?}"
        );
    }
}
