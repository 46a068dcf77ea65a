//! The key that seals every secret, and putting another one in its place: whoever got hold of the former one opens
//! nothing with it that is written from then on, though the database's files keep what was sealed before until it
//! clears up. For a portal that is stopped, beside the façade as its start is.

use store::{KeyRecord, SealedSecret, Store, StoreError};
use zeroize::Zeroizing;

use crate::audit::by_command_line;
use crate::secrets::{SecretError, Vault};
use crate::transaction::sealed_place;

/// Where the key of the audit is kept once it can no longer be made from the portal's.
const AUDIT: &str = "audit/key";
/// What the audit calls the replacement.
const ROTATE: &str = "key-rotate";
/// What the portal's key is put together with.
const FOR_AUDIT: &[u8] = b"audit";
const FOR_DIGEST: &[u8] = b"digest";

/// Why a key cannot be used or replaced.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place, and what is wrong with what is sealed for it.
    #[error("what is sealed for {0} stands against it: {1}")]
    Sealed(String, SecretError),
}

/// What was sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    pub secrets: usize,
    /// Calls in the history of transactions.
    pub calls: usize,
}

/// Whether a vault is over the key that is noted.
pub fn is_noted(vault: &Vault, known: &KeyRecord) -> bool {
    noted(vault) == *known
}

fn noted(vault: &Vault) -> KeyRecord {
    KeyRecord { version: vault.version(), digest: hex::encode(vault.derive(FOR_DIGEST).as_slice()) }
}

/// The key of the audit. It is made from the portal's first key, so that one file is backed up; what is recorded keeps
/// its links, so that with the first replacement it becomes a secret like others.
pub async fn audit_key(store: &Store, vault: &Vault) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match store.secret_read(AUDIT).await? {
        Some(kept) => open(vault, AUDIT, &kept.sealed),
        None => Ok(vault.derive(FOR_AUDIT)),
    }
}

/// Seals with the new key whatever is sealed with the old one, notes the new one, and leaves a record of it in the audit:
/// all of it or nothing. If the answer of the store is lost, [`is_noted`] tells which of both it is.
pub async fn replace(store: &Store, old: &Vault, new: &Vault, now_ms: i64) -> Result<Replaced, KeyError> {
    let audit = audit_key(store, old).await?;
    let mut secrets = store.secret_list_prefix("").await?;
    for secret in &mut secrets {
        secret.sealed = seal(new, &secret.key, &open(old, &secret.key, &secret.sealed)?)?;
        secret.key_version = new.version();
    }
    if !secrets.iter().any(|secret| secret.key == AUDIT) {
        let sealed = seal(new, AUDIT, &audit)?;
        let (key, key_version) = (AUDIT.to_owned(), new.version());
        secrets.push(SealedSecret { key, sealed, key_version, created_ms: now_ms });
    }
    let mut calls = store.transaction_sealed().await?;
    for call in &mut calls {
        let place = sealed_place(&call.user, &call.idempotency_key);
        let sealed = hex::decode(call.asked.as_deref().unwrap_or_default())
            .map_err(|_| KeyError::Sealed(place.clone(), SecretError::Content))?;
        call.asked = Some(hex::encode(seal(new, &place, &open(old, &place, &sealed)?)?));
    }
    let record = by_command_line(store, &audit, now_ms, ROTATE, "portal").await?;
    store.key_replace(&noted(new), &secrets, &calls, &record).await?;
    Ok(Replaced { secrets: secrets.len(), calls: calls.len() })
}

fn open(vault: &Vault, place: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    vault.open(place, sealed).map_err(|error| KeyError::Sealed(place.to_owned(), error))
}

fn seal(vault: &Vault, place: &str, content: &[u8]) -> Result<Vec<u8>, KeyError> {
    vault.seal(place, content).map_err(|error| KeyError::Sealed(place.to_owned(), error))
}

#[cfg(test)]
mod tests {
    use domain::id::UserId;
    use domain::name::{ChainName, ChaincodeName, ChannelName};
    use domain::transaction::{SubmitView, TransactionState};
    use store::TransactionRecord;

    use super::*;
    use crate::audit::Archive;
    use crate::secrets::KEY_LEN;

    const PLACE: &str = "host/1f/tls";

    fn call(asked: Option<String>, key: &str) -> TransactionRecord {
        let view = SubmitView {
            id: format!("{key:0<64}"),
            chain: ChainName::parse("demo").unwrap(),
            channel: ChannelName::parse("mychannel").unwrap(),
            chaincode: ChaincodeName::parse("example02").unwrap(),
            function: "move".to_owned(),
            arguments: vec!["a".to_owned()],
            organization: None,
            submitted_by: "ann".to_owned(),
            state: TransactionState::Valid,
            validation: None,
            block: Some(7),
            result: None,
            result_hex: None,
            error: None,
            created_ms: 5,
            endorse_ms: None,
            order_ms: None,
            commit_ms: None,
        };
        TransactionRecord { view, user: UserId::new("u"), idempotency_key: key.to_owned(), asked }
    }

    async fn sealed_with(vault: &Vault) -> Store {
        let store = Store::open("mem://").await.unwrap();
        let sealed = vault.seal(PLACE, b"content").unwrap();
        let secret =
            SealedSecret { key: PLACE.to_owned(), sealed, key_version: vault.version(), created_ms: 3 };
        store.secret_put(&secret).await.unwrap();
        let asked = vault.seal(&sealed_place(&UserId::new("u"), "k1"), b"asked").unwrap();
        for call in [call(Some(hex::encode(asked)), "k1"), call(None, "k2")] {
            assert_eq!(store.transaction_create(&call).await.unwrap(), None);
        }
        store
    }

    /// What a vault makes of the secret and of the sealed call.
    async fn opened(store: &Store, vault: &Vault) -> [Option<Vec<u8>>; 2] {
        let secret = store.secret_read(PLACE).await.unwrap().unwrap();
        let call = store.transaction_by_key(&UserId::new("u"), "k1").await.unwrap().unwrap();
        let asked = hex::decode(call.asked.unwrap()).unwrap();
        let place = sealed_place(&UserId::new("u"), "k1");
        [vault.open(PLACE, &secret.sealed), vault.open(&place, &asked)]
            .map(|it| it.ok().map(|it| it.to_vec()))
    }

    #[tokio::test]
    async fn whatever_is_sealed_is_sealed_anew_and_the_audit_keeps_its_key() {
        let vaults = [1, 2, 3].map(|n: u32| Vault::new([u8::try_from(n).unwrap(); KEY_LEN], n));
        let store = sealed_with(&vaults[0]).await;
        let audit = audit_key(&store, &vaults[0]).await.unwrap();
        let content = [Some(b"content".to_vec()), Some(b"asked".to_vec())];
        assert_eq!(opened(&store, &vaults[0]).await, content);
        assert_eq!(store.key_read().await.unwrap(), None);
        for (old, new) in [(0, 1), (1, 2)] {
            let replaced = replace(&store, &vaults[old], &vaults[new], 9).await.unwrap();
            assert_eq!(replaced, Replaced { secrets: 2, calls: 1 });
            let known = store.key_read().await.unwrap().unwrap();
            assert!(is_noted(&vaults[new], &known) && !is_noted(&vaults[old], &known));
            assert_eq!(opened(&store, &vaults[new]).await, content);
            assert_eq!(opened(&store, &vaults[old]).await, [None, None]);
            assert_eq!(*audit_key(&store, &vaults[new]).await.unwrap(), *audit);
            let secret = store.secret_read(PLACE).await.unwrap().unwrap();
            assert_eq!((secret.key_version, secret.created_ms), (vaults[new].version(), 3));
        }
        let recorded = store.audit_after(0, 10).await.unwrap();
        let recorded: Vec<_> =
            recorded.iter().map(|it| (it.view.who.as_str(), it.view.what.as_str())).collect();
        assert_eq!(recorded, [("command line", ROTATE); 2]);
        let verdict = crate::audit::verify(&store, &audit, &Archive::at("none")).await.unwrap();
        assert!(matches!(verdict, crate::audit::Verdict::Whole { count: 2, .. }), "{verdict}");
        let earlier = store.transaction_by_key(&UserId::new("u"), "k2").await.unwrap();
        assert_eq!(earlier, Some(call(None, "k2")));
    }

    #[tokio::test]
    async fn one_secret_that_does_not_open_leaves_everything_as_it_was() {
        let (vault, other) = (Vault::new([1; KEY_LEN], 1), Vault::new([2; KEY_LEN], 2));
        let store = sealed_with(&vault).await;
        let strange = SealedSecret {
            key: "strange".to_owned(),
            sealed: other.seal("strange", b"x").unwrap(),
            key_version: 1,
            created_ms: 0,
        };
        store.secret_put(&strange).await.unwrap();
        let refused = replace(&store, &vault, &other, 9).await.unwrap_err();
        assert!(matches!(&refused, KeyError::Sealed(place, SecretError::Open) if place == "strange"));
        assert_eq!(store.key_read().await.unwrap(), None);
        assert_eq!(store.audit_last().await.unwrap(), None);
        assert_eq!(opened(&store, &vault).await, [Some(b"content".to_vec()), Some(b"asked".to_vec())]);
    }
}
