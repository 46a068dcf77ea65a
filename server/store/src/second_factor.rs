//! Second factors. The record id is the person's; their secret stands sealed among the others. What is used up is looked
//! at and noted in one transaction, so that of several at the same moment one succeeds.

use domain::id::UserId;
use serde::Deserialize;
use serde_json::json;

use crate::database::Query;
use crate::{SealedSecret, Store, StoreError, secret};

/// What is known of somebody's second factor beside its secret.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SecondFactorRecord {
    pub since_ms: i64,
    /// Number of the last step of which a code was used: no earlier one counts.
    pub last_step: i64,
    /// Hashes of recovery codes that are left, hexadecimal.
    pub recovery: Vec<String>,
}

const CREATE: &str = "IF record::exists(type::record('second_factor', $user)) { THROW 'heddle:there' };
    CREATE type::record('second_factor', $user) SET since_ms = $since_ms, last_step = $last_step,
        recovery = $recovery;
    UPSERT type::record('secret', $row.key) CONTENT $row;
    DELETE type::record('secret', $draft);
    UPDATE user SET second_factor = true WHERE id_text = $user";
const REMOVE: &str = "DELETE type::record('second_factor', $user);
    DELETE type::record('secret', $key);
    DELETE type::record('secret', $draft);
    UPDATE user SET second_factor = false WHERE id_text = $user";
const USE_STEP: &str = "LET $last = (SELECT VALUE last_step FROM type::record('second_factor', $user))[0];
    IF $last = NONE OR $last >= $step { THROW 'heddle:used' };
    UPDATE type::record('second_factor', $user) SET last_step = $step";
const USE_RECOVERY: &str =
    "LET $left = (SELECT VALUE recovery FROM type::record('second_factor', $user))[0] ?? [];
    IF $hash NOT IN $left { THROW 'heddle:used' };
    UPDATE type::record('second_factor', $user) SET recovery = array::complement($left, [$hash])";

impl Store {
    /// Somebody's second factor.
    pub async fn second_factor_read(&self, user: &UserId) -> Result<Option<SecondFactorRecord>, StoreError> {
        let text = "SELECT * OMIT id FROM type::record('second_factor', $user)";
        self.read_one(Query::new(text, json!({ "user": user.as_str() }))).await
    }

    /// Adds somebody's second factor with its secret, and removes the secret's draft; `Taken` if there is one.
    pub async fn second_factor_create(
        &self,
        user: &UserId,
        record: &SecondFactorRecord,
        sealed: &SealedSecret,
        draft: &str,
    ) -> Result<(), StoreError> {
        let bindings = json!({
            "user": user.as_str(),
            "since_ms": record.since_ms,
            "last_step": record.last_step,
            "recovery": record.recovery,
            "row": secret::row(sealed),
            "draft": draft,
        });
        match self.write(Query::new(CREATE, bindings)).await {
            Err(error) if error.thrown("there") || error.is_existing() => {
                Err(StoreError::Taken { what: "second factor" })
            }
            other => other,
        }
    }

    /// Removes somebody's second factor with its secret and the draft of one.
    pub async fn second_factor_remove(
        &self,
        user: &UserId,
        key: &str,
        draft: &str,
    ) -> Result<(), StoreError> {
        let bindings = json!({ "user": user.as_str(), "key": key, "draft": draft });
        self.write(Query::new(REMOVE, bindings)).await
    }

    /// Uses a step up, with all before it; false if it was used already, or there is no second factor.
    pub async fn second_factor_use_step(&self, user: &UserId, step: i64) -> Result<bool, StoreError> {
        let bindings = json!({ "user": user.as_str(), "step": step });
        used(self.write(Query::new(USE_STEP, bindings)).await)
    }

    /// Uses a recovery code up, by its hash; false if there is none like it.
    pub async fn second_factor_use_recovery(&self, user: &UserId, hash: &str) -> Result<bool, StoreError> {
        let bindings = json!({ "user": user.as_str(), "hash": hash });
        used(self.write(Query::new(USE_RECOVERY, bindings)).await)
    }
}

fn used(written: Result<(), StoreError>) -> Result<bool, StoreError> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.thrown("used") => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(key: &str) -> SealedSecret {
        SealedSecret { key: key.to_owned(), sealed: vec![1], key_version: 1, created_ms: 1 }
    }

    async fn enrolled() -> (Store, UserId) {
        let (store, user) = (Store::open("mem://").await.unwrap(), UserId::new("u1"));
        let recovery = vec!["aa".to_owned(), "bb".to_owned()];
        let record = SecondFactorRecord { since_ms: 1, last_step: 5, recovery };
        store.secret_put(&sealed("draft")).await.unwrap();
        store.second_factor_create(&user, &record, &sealed("key"), "draft").await.unwrap();
        let again = store.second_factor_create(&user, &record, &sealed("key"), "draft").await;
        assert!(matches!(again, Err(StoreError::Taken { .. })), "{again:?}");
        assert_eq!(store.second_factor_read(&user).await.unwrap(), Some(record));
        (store, user)
    }

    #[tokio::test]
    async fn a_step_counts_once_and_no_earlier_one_after_it() {
        let (store, user) = enrolled().await;
        for (step, counts) in [(5, false), (6, true), (6, false), (4, false), (8, true), (7, false)] {
            assert_eq!(store.second_factor_use_step(&user, step).await.unwrap(), counts, "{step}");
        }
        assert!(!store.second_factor_use_step(&UserId::new("u2"), 9).await.unwrap());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_recovery_code_counts_once_among_many_who_use_it() {
        let (store, user) = enrolled().await;
        let racers: Vec<_> = (0..20)
            .map(|_| {
                let (store, user) = (store.clone(), user.clone());
                tokio::spawn(async move { store.second_factor_use_recovery(&user, "aa").await })
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            // One that was overtaken too often has not used it.
            won += usize::from(racer.await.unwrap().unwrap_or_default());
        }
        assert_eq!(won, 1);
        assert_eq!(store.second_factor_read(&user).await.unwrap().unwrap().recovery, ["bb"]);
        assert!(!store.second_factor_use_recovery(&user, "cc").await.unwrap());
    }

    #[tokio::test]
    async fn removal_leaves_no_secret() {
        let (store, user) = enrolled().await;
        assert!(
            store.secret_read("draft").await.unwrap().is_none()
                && store.secret_read("key").await.unwrap().is_some()
        );
        store.secret_put(&sealed("draft")).await.unwrap();
        store.second_factor_remove(&user, "key", "draft").await.unwrap();
        assert!(store.second_factor_read(&user).await.unwrap().is_none());
        assert!(store.secret_list_prefix("").await.unwrap().is_empty());
    }
}
