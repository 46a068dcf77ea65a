//! People. The record id is the name in lower case, so that a name exists once.

use domain::id::UserId;
use domain::name::UserName;
use domain::permission::Role;
use domain::user::UserView;
use serde::Deserialize;
use serde_json::json;

use crate::database::Query;
use crate::{Store, StoreError};

/// A person with their password hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    pub id: UserId,
    pub name: UserName,
    pub role: Role,
    /// PHC string of Argon2id.
    pub password_hash: String,
    pub enabled: bool,
    pub created_ms: i64,
    pub last_sign_in_ms: Option<i64>,
    /// The password was made for them: they choose their own before anything else.
    pub password_must_change: bool,
    /// A sign-in needs a code, too. It changes with the record of the second factor only.
    pub has_second_factor: bool,
}

impl UserRecord {
    /// The person as others may see them.
    pub fn view(&self) -> UserView {
        UserView {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            enabled: self.enabled,
            created_ms: self.created_ms,
            last_sign_in_ms: self.last_sign_in_ms,
        }
    }
}

#[derive(Deserialize)]
struct Row {
    id_text: String,
    name: UserName,
    role: Role,
    password_hash: String,
    enabled: bool,
    created_ms: i64,
    last_sign_in_ms: Option<i64>,
    password_must_change: Option<bool>,
    second_factor: Option<bool>,
}

impl From<Row> for UserRecord {
    fn from(row: Row) -> Self {
        Self {
            id: UserId::new(row.id_text),
            name: row.name,
            role: row.role,
            password_hash: row.password_hash,
            enabled: row.enabled,
            created_ms: row.created_ms,
            last_sign_in_ms: row.last_sign_in_ms,
            password_must_change: row.password_must_change.unwrap_or_default(),
            has_second_factor: row.second_factor.unwrap_or_default(),
        }
    }
}

const CREATE: &str = "CREATE type::record('user', $key) SET id_text = $id, name = $name, role = $role,
    password_hash = $hash, enabled = $enabled, created_ms = $created_ms, password_must_change = $must_change";
/// Other browsers that are signed in, or about to be, end with the former password.
const PASSWORD: &str =
    "UPDATE user SET password_hash = $hash, password_must_change = $must_change WHERE id_text = $id;
    DELETE session WHERE user = $id AND id_hash != $keep";
const CREATE_FIRST: &str = "IF count(SELECT id FROM user LIMIT 1) > 0 { THROW 'heddle:not-first' };
    CREATE type::record('counter', 'first-user') SET amount = 1;
    CREATE type::record('user', $key) SET id_text = $id, name = $name, role = $role,
        password_hash = $hash, enabled = $enabled, created_ms = $created_ms";

impl Store {
    async fn user_insert(&self, text: &'static str, user: &UserRecord) -> Result<(), StoreError> {
        let bindings = json!({
            "key": user.name.as_str(),
            "id": user.id.as_str(),
            "name": user.name.as_str(),
            "role": user.role.as_str(),
            "hash": user.password_hash,
            "enabled": user.enabled,
            "created_ms": user.created_ms,
            "must_change": user.password_must_change,
        });
        match self.write(Query::new(text, bindings)).await {
            Err(error) if error.is_existing() => Err(StoreError::Taken { what: "name" }),
            Err(error) if error.thrown("not-first") => {
                Err(StoreError::Conflict { reason: "there are users already".to_owned() })
            }
            other => other,
        }
    }

    /// Adds a person; `Taken` if the name exists.
    pub async fn user_create(&self, user: &UserRecord) -> Result<(), StoreError> {
        self.user_insert(CREATE, user).await
    }

    /// Adds the first person; of several at once exactly one succeeds, the others get `Conflict` or `Taken`.
    pub async fn user_create_first(&self, user: &UserRecord) -> Result<(), StoreError> {
        self.user_insert(CREATE_FIRST, user).await
    }

    /// The person of a name in lower case.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        let query = Query::new("SELECT * OMIT id FROM type::record('user', $key)", json!({ "key": name }));
        Ok(self.read_one::<Row>(query).await?.map(UserRecord::from))
    }

    /// The person of an id.
    pub async fn user_read(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        self.inner.memory.person(id, self.user_of(id)).await
    }

    async fn user_of(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        let query =
            Query::new("SELECT * OMIT id FROM user WHERE id_text = $id", json!({ "id": id.as_str() }));
        Ok(self.read_one::<Row>(query).await?.map(UserRecord::from))
    }

    /// Everybody, by name.
    pub async fn user_list(&self) -> Result<Vec<UserRecord>, StoreError> {
        let rows: Vec<Row> =
            self.read(Query::new("SELECT * OMIT id FROM user ORDER BY name", json!({}))).await?;
        Ok(rows.into_iter().map(UserRecord::from).collect())
    }

    /// How many people there are.
    pub async fn user_count(&self) -> Result<u64, StoreError> {
        #[derive(Deserialize)]
        struct Count {
            count: u64,
        }
        let query = Query::new("SELECT count() FROM user GROUP ALL", json!({}));
        Ok(self.read_one::<Count>(query).await?.map_or(0, |row| row.count))
    }

    /// Sets somebody's password and ends their sessions, all but the one whose hash of the id is `keep`.
    pub async fn user_password_set(
        &self,
        id: &UserId,
        password_hash: &str,
        must_change: bool,
        keep: Option<&str>,
    ) -> Result<(), StoreError> {
        let bindings = json!({
            "id": id.as_str(),
            "hash": password_hash,
            "must_change": must_change,
            "keep": keep.unwrap_or_default(),
        });
        self.write(Query::new(PASSWORD, bindings)).await
    }

    /// Notes a sign-in.
    pub async fn user_signed_in(&self, id: &UserId, at_ms: i64) -> Result<(), StoreError> {
        let bindings = json!({ "id": id.as_str(), "at_ms": at_ms });
        self.write(Query::new("UPDATE user SET last_sign_in_ms = $at_ms WHERE id_text = $id", bindings)).await
    }
}
