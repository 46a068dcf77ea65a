//! People. The record id is the name in lower case, so that a name exists once.

use domain::id::UserId;
use domain::name::UserName;
use domain::permission::Role;
use domain::user::{Email, Quota, UserState, UserView};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::database::{Query, decode, encode};
use crate::mail::{self, NewMail};
use crate::{Store, StoreError};

pub(crate) mod link;
mod page;

use link::LinkRecord;
use page::Column;

/// A person with their password hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    pub id: UserId,
    pub name: UserName,
    pub role: Role,
    pub state: UserState,
    /// PHC string of Argon2id; empty: there is no password, and none fits.
    pub password_hash: String,
    /// Until when a generated password is good; none: the person has chosen theirs.
    pub password_until_ms: Option<i64>,
    /// The password was made for them: they choose their own before anything else.
    pub password_must_change: bool,
    pub email: Option<Email>,
    /// None: as the role has it.
    pub quota: Option<Quota>,
    /// A sign-in needs a code, too. It changes with the record of the second factor only.
    pub has_second_factor: bool,
    pub created_ms: i64,
    pub last_sign_in_ms: Option<i64>,
}

/// Why a change of a person is refused, whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRefusal {
    /// There is nobody of that id.
    Absent,
    /// Role or state are not what they were when the change was decided.
    Changed,
    /// No other admin could sign in.
    LastAdmin,
    /// Chains are theirs.
    OwnsChains,
}

impl UserRecord {
    /// Somebody who signs in with a password that they know; everything else is as the role has it.
    pub fn new(id: UserId, name: UserName, role: Role, password_hash: String, created_ms: i64) -> Self {
        Self {
            id,
            name,
            role,
            state: UserState::Active,
            password_hash,
            password_until_ms: None,
            password_must_change: false,
            email: None,
            quota: None,
            has_second_factor: false,
            created_ms,
            last_sign_in_ms: None,
        }
    }

    /// The person as an admin sees them. How many chains are theirs is asked for apart.
    pub fn view(&self) -> UserView {
        UserView {
            id: self.id.clone(),
            name: self.name.clone(),
            role: self.role,
            state: self.state,
            email: self.email.clone(),
            quota: self.quota,
            second_factor: self.has_second_factor,
            chains: 0,
            created_ms: self.created_ms,
            last_sign_in_ms: self.last_sign_in_ms,
        }
    }

    /// Whether they are an admin who can sign in.
    pub fn is_active_admin(&self) -> bool {
        match self.role {
            Role::Admin => self.state == UserState::Active,
            Role::Operator | Role::User => false,
        }
    }

    /// What is bound in every write of a person.
    fn bindings(&self) -> Result<Value, StoreError> {
        Ok(json!({
            "key": self.name.as_str(),
            "id": self.id.as_str(),
            "name": self.name.as_str(),
            "role": self.role.as_str(),
            "state": self.state.as_str(),
            "hash": self.password_hash,
            "until_ms": self.password_until_ms,
            "must_change": self.password_must_change,
            "email": self.email.as_ref().map(Email::as_str),
            "quota": self.quota.as_ref().map(encode).transpose()?,
            "created_ms": self.created_ms,
            "last_sign_in_ms": self.last_sign_in_ms,
            "role_key": Column::Role.key(self),
            "created_key": Column::Created.key(self),
            "seen_key": Column::Seen.key(self),
        }))
    }
}

#[derive(Deserialize)]
struct Row {
    id_text: String,
    name: UserName,
    role: Role,
    state: UserState,
    password_hash: String,
    password_until_ms: Option<i64>,
    password_must_change: Option<bool>,
    email: Option<Email>,
    quota: Option<String>,
    second_factor: Option<bool>,
    created_ms: i64,
    last_sign_in_ms: Option<i64>,
}

impl TryFrom<Row> for UserRecord {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: UserId::new(row.id_text),
            name: row.name,
            role: row.role,
            state: row.state,
            password_hash: row.password_hash,
            password_until_ms: row.password_until_ms,
            password_must_change: row.password_must_change.unwrap_or(false),
            email: row.email,
            quota: row.quota.as_deref().map(decode).transpose()?,
            has_second_factor: row.second_factor.unwrap_or(false),
            created_ms: row.created_ms,
            last_sign_in_ms: row.last_sign_in_ms,
        })
    }
}

const CREATE: &str =
    "CREATE type::record('user', $key) SET id_text = $id, name = $name, role = $role, state = $state,
    password_hash = $hash, password_until_ms = $until_ms ?? NONE, password_must_change = $must_change,
    email = $email ?? NONE, quota = $quota ?? NONE, created_ms = $created_ms, last_sign_in_ms = $last_sign_in_ms ?? NONE,
    role_key = $role_key, created_key = $created_key, seen_key = $seen_key";
const FIRST: &str = "IF count(SELECT id FROM user LIMIT 1) > 0 { THROW 'heddle:not-first' };
    CREATE type::record('counter', 'first-user') SET amount = 1";
/// Takes `$id`, and role and state as they were. Two admins who take the rights of one another at the same moment read
/// different rows and write different ones: both write the guard as well, so that one of them has to look again.
const UNCHANGED: &str = "LET $now = (SELECT role, state FROM user WHERE id_text = $id);
    IF array::len($now) = 0 { THROW 'heddle:absent' };
    IF $now[0].role != $was_role OR $now[0].state != $was_state { THROW 'heddle:changed' };
    IF $loses_admin { UPSERT type::record('counter', 'admins') SET amount = (amount ?? 0) + 1 };
    IF $loses_admin AND count(SELECT id FROM user WHERE role = 'admin' AND state = 'active' AND id_text != $id LIMIT 1) = 0
        { THROW 'heddle:last-admin' }";
const SAVE: &str =
    "UPDATE user SET role = $role, state = $state, email = $email ?? NONE, quota = $quota ?? NONE,
        role_key = $role_key WHERE id_text = $id;
    IF $ends_sessions { DELETE session WHERE user = $id };
    IF $ends_sessions { DELETE user_link WHERE user = $id }";
/// With a link comes another password; until it is chosen none fits.
const RESET: &str =
    "UPDATE user SET password_hash = '', password_until_ms = NONE, password_must_change = false
    WHERE id_text = $id";
/// Other browsers that are signed in, or about to be, end with the former password, and so does a link to replace it.
const PASSWORD: &str =
    "UPDATE user SET password_hash = $hash, password_must_change = $must_change, password_until_ms = NONE
        WHERE id_text = $id;
    DELETE user_link WHERE user = $id;
    DELETE session WHERE user = $id AND id_hash != $keep";
/// The guard of claims is written and goes: what gives them a chain or a place in the queue at this moment writes it as well,
/// so that one of both has to look again. To delete one that is not there would write nothing.
const DELETE: &str = "UPSERT type::record('pool_guard', $id) SET claims = (claims ?? 0) + 1;
    IF count(SELECT name FROM chain WHERE owner = $id LIMIT 1) > 0 { THROW 'heddle:owns-chains' };
    DELETE type::record('pool_guard', $id);
    DELETE session WHERE user = $id; DELETE user_link WHERE user = $id; DELETE chain_grant WHERE user = $id;
    DELETE pool_queue WHERE user = $id;
    DELETE type::record('profile', $id); DELETE type::record('look', $id);
    DELETE type::record('second_factor', $id);
    FOR $key IN $secrets { DELETE type::record('secret', $key) };
    DELETE user WHERE id_text = $id";

/// Adds fields to what is bound.
fn with(mut bindings: Value, more: Value) -> Value {
    if let (Value::Object(all), Value::Object(more)) = (&mut bindings, more) {
        all.extend(more);
    }
    bindings
}

/// The same transaction with a mail that is written in it, if there is one.
fn mailed(
    mut texts: Vec<&'static str>,
    bindings: Value,
    mail: Option<&NewMail>,
) -> (Vec<&'static str>, Value) {
    match mail {
        Some(mail) => {
            texts.push(mail::PUT);
            (texts, with(bindings, mail.bindings()))
        }
        None => (texts, bindings),
    }
}

/// The refusal that a transaction threw; any other failure stays one.
fn refusal(written: Result<(), StoreError>) -> Result<Result<(), UserRefusal>, StoreError> {
    let refusals = [
        ("absent", UserRefusal::Absent),
        ("changed", UserRefusal::Changed),
        ("last-admin", UserRefusal::LastAdmin),
        ("owns-chains", UserRefusal::OwnsChains),
    ];
    let Err(error) = written else { return Ok(Ok(())) };
    match refusals.into_iter().find(|(word, _)| error.thrown(word)) {
        Some((_, refusal)) => Ok(Err(refusal)),
        None => Err(error),
    }
}

impl Store {
    async fn user_insert(&self, text: String, bindings: Value) -> Result<(), StoreError> {
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
        self.user_insert(CREATE.to_owned(), user.bindings()?).await
    }

    /// Adds a person together with the link by which they get in, and with the mail that brings it to them, if one does;
    /// `Taken` if the name exists.
    pub async fn user_create_linked(
        &self,
        user: &UserRecord,
        link: &LinkRecord,
        mail: Option<&NewMail>,
    ) -> Result<(), StoreError> {
        let (texts, bindings) = mailed(vec![CREATE, link::CREATE], user.bindings()?, mail);
        self.user_insert(texts.join(";"), with(bindings, link.bindings())).await
    }

    /// Adds the first person; of several at once exactly one succeeds, the others get `Conflict` or `Taken`.
    pub async fn user_create_first(&self, user: &UserRecord) -> Result<(), StoreError> {
        self.user_insert([FIRST, CREATE].join(";"), user.bindings()?).await
    }

    /// Saves what was decided of a person as they were: role, state, e-mail address and quota. With the sessions their
    /// links end. A link that comes along takes the password away: passwords are otherwise left alone, because somebody may
    /// be changing theirs at this moment. With the link goes the mail that brings it to them, if one does.
    pub async fn user_save(
        &self,
        before: &UserRecord,
        after: &UserRecord,
        ends_sessions: bool,
        link: Option<&LinkRecord>,
        mail: Option<&NewMail>,
    ) -> Result<Result<(), UserRefusal>, StoreError> {
        let decided = json!({
            "was_role": before.role.as_str(),
            "was_state": before.state.as_str(),
            "loses_admin": before.is_active_admin() && !after.is_active_admin(),
            "ends_sessions": ends_sessions,
        });
        let bindings = with(after.bindings()?, decided);
        let (texts, bindings) = match link {
            Some(link) => (vec![UNCHANGED, SAVE, RESET, link::CREATE], with(bindings, link.bindings())),
            None => (vec![UNCHANGED, SAVE], bindings),
        };
        let (texts, bindings) = mailed(texts, bindings, mail);
        refusal(self.write(Query::new(texts.join(";"), bindings)).await)
    }

    /// Removes a person as they were, with whatever is theirs alone: sessions, links, mail, grants, wishes for a chain,
    /// profile, second factor, and the secrets under the keys.
    pub async fn user_delete(
        &self,
        before: &UserRecord,
        secrets: &[String],
    ) -> Result<Result<(), UserRefusal>, StoreError> {
        let bindings = json!({
            "id": before.id.as_str(),
            "was_role": before.role.as_str(),
            "was_state": before.state.as_str(),
            "loses_admin": before.is_active_admin(),
            "secrets": secrets,
        });
        let text = [UNCHANGED, mail::DELETE_OF_USER, DELETE].join(";");
        refusal(self.write(Query::new(text, bindings)).await)
    }

    /// The person of a name in lower case. Nobody has an empty one, and to the engine it would be no key at all.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<UserRecord>, StoreError> {
        if name.is_empty() {
            return Ok(None);
        }
        let query = Query::new("SELECT * OMIT id FROM type::record('user', $key)", json!({ "key": name }));
        self.read_one::<Row>(query).await?.map(UserRecord::try_from).transpose()
    }

    /// The person of an id.
    pub async fn user_read(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        self.inner.memory.person(id, self.user_of(id)).await
    }

    async fn user_of(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        let query =
            Query::new("SELECT * OMIT id FROM user WHERE id_text = $id", json!({ "id": id.as_str() }));
        self.read_one::<Row>(query).await?.map(UserRecord::try_from).transpose()
    }

    /// Whether this is an admin who can sign in, and no other one could.
    pub async fn user_is_last_admin(&self, user: &UserRecord) -> Result<bool, StoreError> {
        let text =
            "SELECT name FROM user WHERE role = 'admin' AND state = 'active' AND id_text != $id LIMIT 1";
        let others: Vec<Value> = self.read(Query::new(text, json!({ "id": user.id.as_str() }))).await?;
        Ok(user.is_active_admin() && others.is_empty())
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
        let text = "UPDATE user SET last_sign_in_ms = $at_ms, seen_key = string::concat($seen, ' ', name)
            WHERE id_text = $id";
        let bindings = json!({ "id": id.as_str(), "at_ms": at_ms, "seen": page::moment(at_ms) });
        self.write(Query::new(text, bindings)).await
    }
}
