//! The file of the key that seals every secret: made at the first start, replaced on demand.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use control::key::{KeyError, Replaced, is_noted};
use control::secrets::{KEY_LEN, Vault};
use store::Store;
use workflow::{Clock, SystemClock};
use zeroize::Zeroizing;

use crate::compose::{self, StartError};
use crate::config::Config;
use crate::terminal::tell;

/// The key that the data are sealed with.
type Key = Zeroizing<[u8; KEY_LEN]>;

/// Reads the key, or makes it where nothing has been sealed yet.
pub fn read(path: &Path, data: &Path) -> Result<Key, StartError> {
    match held_by(path)? {
        Some(key) => Ok(key),
        None if data.join("portal").exists() => {
            Err(StartError::KeyGone { data: data.to_owned(), key: path.to_owned() })
        }
        None => make_key(path),
    }
}

/// The key in a file, if there is one.
fn held_by(path: &Path) -> Result<Option<Key>, StartError> {
    let fail = |error| StartError::Key(path.to_owned(), error);
    let text = match std::fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    let mode = std::fs::metadata(path).map_err(fail)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(StartError::KeyOpen(path.to_owned()));
    }
    let mut key = Zeroizing::new([0_u8; KEY_LEN]);
    hex::decode_to_slice(text.trim(), &mut key[..]).map_err(|_| StartError::KeyMalformed(path.to_owned()))?;
    Ok(Some(key))
}

/// The vault over the key that the data are sealed with. What a crash left of a replacement is carried to its end, or
/// forgotten, as the data say: they change in one transaction.
pub async fn vault(path: &Path, key: &Key, store: &Store) -> Result<Vault, StartError> {
    let (file, next) = places(path)?;
    let noted = store.key_read().await.map_err(KeyError::from)?;
    let Some(noted) = noted else {
        forget(&next)?;
        return Ok(Vault::new(**key, 1));
    };
    let vault = Vault::new(**key, noted.version);
    if is_noted(&vault, &noted) {
        forget(&next)?;
        return Ok(vault);
    }
    let left = held_by(&next)?.map(|key| Vault::new(*key, noted.version));
    let Some(vault) = left.filter(|vault| is_noted(vault, &noted)) else {
        return Err(StartError::KeyOther(path.to_owned()));
    };
    put(&next, &file)?;
    Ok(vault)
}

/// Puts a new key in the place of the one of a portal that is stopped, and seals everything with it.
pub async fn rotate(config: &Config) -> Result<Replaced, StartError> {
    let store = compose::open_existing(config).await?;
    let replaced = replace(&config.key_path(), &config.data, &store, SystemClock.now_ms()).await?;
    store.close().await.map_err(|error| StartError::Data(config.data.clone(), error))?;
    Ok(replaced)
}

async fn replace(path: &Path, data: &Path, store: &Store, now_ms: i64) -> Result<Replaced, StartError> {
    let old = vault(path, &read(path, data)?, store).await?;
    // Read again: what a crash left may have been put in its place just now.
    exchange(&read(path, data)?, &places(path)?, &old, store, now_ms).await
}

/// Seals everything with a key that is made for it, and puts that in the place of the former one.
async fn exchange(
    former: &Key,
    (file, next): &(PathBuf, PathBuf),
    old: &Vault,
    store: &Store,
    now_ms: i64,
) -> Result<Replaced, StartError> {
    rehearse(former, next, file)?;
    // On disk before anything is sealed with it.
    let new = Vault::new(*draft(next)?, old.version().saturating_add(1));
    let replaced = control::key::replace(store, old, &new, now_ms).await?;
    put(next, file)?;
    Ok(replaced)
}

/// Puts the former key in its own place, as the next one will be: where that cannot be done, as with a file that is
/// mounted alone, it shows while nothing is sealed with a key that would then have no place to stay.
fn rehearse(former: &Key, next: &Path, file: &Path) -> Result<(), StartError> {
    let written = write_private(next, hex::encode(&former[..]).as_bytes());
    let moved = written.and_then(|()| sync_folder(next)).and_then(|()| std::fs::rename(next, file));
    moved.and_then(|()| sync_folder(file)).map_err(|error| {
        // Of no use to anybody, and forgotten at the next start at the latest.
        let _forgotten = forget(next).is_ok();
        StartError::KeyFixed(file.to_owned(), error)
    })
}

/// Where the key's file is, whatever links lead to it, and where the next one waits.
fn places(path: &Path) -> Result<(PathBuf, PathBuf), StartError> {
    let file = std::fs::canonicalize(path).map_err(|error| StartError::Key(path.to_owned(), error))?;
    let next = file.with_added_extension("next");
    Ok((file, next))
}

/// Makes a key in a file of its own.
fn draft(path: &Path) -> Result<Key, StartError> {
    let fail = |error| StartError::Key(path.to_owned(), error);
    let key = random_key().map_err(fail)?;
    let written = write_private(path, hex::encode(&key[..]).as_bytes());
    written.and_then(|()| sync_folder(path)).map_err(fail)?;
    Ok(key)
}

/// Has the next key take the place of the former one.
fn put(next: &Path, file: &Path) -> Result<(), StartError> {
    let moved = std::fs::rename(next, file).and_then(|()| sync_folder(file));
    moved.map_err(|error| StartError::KeyLeft { key: file.to_owned(), next: next.to_owned(), error })
}

/// Removes a key that nothing is sealed with.
fn forget(next: &Path) -> Result<(), StartError> {
    let fail = |error| StartError::Key(next.to_owned(), error);
    // A folder that cannot be written refuses to remove even what is not there.
    if !next.try_exists().map_err(fail)? {
        return Ok(());
    }
    std::fs::remove_file(next).map_err(fail)
}

fn random_key() -> std::io::Result<Key> {
    let mut key = Zeroizing::new([0_u8; KEY_LEN]);
    getrandom::fill(&mut key[..]).map_err(std::io::Error::other)?;
    Ok(key)
}

fn make_key(path: &Path) -> Result<Key, StartError> {
    let fail = |error| StartError::Key(path.to_owned(), error);
    let key = random_key().map_err(fail)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(fail)?;
    }
    // Written whole under another name and only then linked to its own: a crash leaves no half of a key, and a key that
    // is there is not replaced.
    let draft = &path.with_added_extension(std::process::id().to_string());
    let written = write_private(draft, hex::encode(&key[..]).as_bytes());
    let linked = written.and_then(|()| std::fs::hard_link(draft, path));
    let removed = std::fs::remove_file(draft);
    // What is sealed with the key outlives a power cut; so must the key's name.
    let kept = linked.and(removed).and_then(|()| sync_folder(path));
    kept.map_err(fail)?;
    let path = path.display();
    tell(&format!("a key for secrets was made: back {path} up, apart from the data folder"));
    Ok(key)
}

/// Has the folder of a file on disk, as it is now.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use store::SealedSecret;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_must_be_private() {
        let folder = tempfile::tempdir().unwrap();
        let (path, data) = (folder.path().join("d.key"), folder.path().join("d"));
        let made = read(&path, &data).unwrap();
        assert_eq!(*made, *read(&path, &data).unwrap());
        let files: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(files, ["d.key"]);
        assert!(make_key(&path).is_err(), "a key that is there is not replaced");
        assert_eq!(*made, *read(&path, &data).unwrap());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&path, &data), Err(StartError::KeyOpen(_))));
    }

    #[test]
    fn a_lost_key_is_not_replaced_beside_data() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("d");
        std::fs::create_dir_all(data.join("portal")).unwrap();
        assert!(matches!(read(&folder.path().join("d.key"), &data), Err(StartError::KeyGone { .. })));
        std::fs::write(folder.path().join("bad"), "xyz").unwrap();
        std::fs::set_permissions(folder.path().join("bad"), std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read(&folder.path().join("bad"), &data), Err(StartError::KeyMalformed(_))));
    }

    const PLACE: &str = "host/1f/tls";

    /// A key's file and a store with one secret that is sealed with it.
    async fn with_secret() -> (tempfile::TempDir, PathBuf, Store) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.key");
        let store = Store::open("mem://").await.unwrap();
        let vault = vault(&path, &read(&path, folder.path()).unwrap(), &store).await.unwrap();
        let sealed = vault.seal(PLACE, b"content").unwrap();
        let secret = SealedSecret { key: PLACE.to_owned(), sealed, key_version: 1, created_ms: 0 };
        store.secret_put(&secret).await.unwrap();
        (folder, path, store)
    }

    /// The vault that a start finds: it opens the secret, and one key is left.
    async fn at_start(path: &Path, store: &Store) -> Vault {
        let vault = vault(path, &held_by(path).unwrap().unwrap(), store).await.unwrap();
        let secret = store.secret_read(PLACE).await.unwrap().unwrap();
        assert_eq!(vault.open(PLACE, &secret.sealed).unwrap().as_slice(), b"content");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        vault
    }

    #[tokio::test]
    async fn a_key_that_cannot_be_replaced_where_it_is_stays_that_of_the_data() {
        let (folder, path, store) = with_secret().await;
        let former = held_by(&path).unwrap().unwrap();
        let old = at_start(&path, &store).await;
        // Like a file that is mounted alone, a folder is nothing that a file could be moved onto.
        let fixed = folder.path().join("fixed");
        std::fs::create_dir(&fixed).unwrap();
        let places = (fixed.clone(), fixed.with_added_extension("next"));
        let refused = exchange(&former, &places, &old, &store, 0).await.unwrap_err();
        assert!(matches!(refused, StartError::KeyFixed(..)), "{refused}");
        std::fs::remove_dir(&fixed).unwrap();
        assert_eq!(store.key_read().await.unwrap(), None);
        assert_eq!(at_start(&path, &store).await.version(), 1);
        assert_eq!(*held_by(&path).unwrap().unwrap(), *former);
    }

    #[tokio::test]
    async fn a_crash_before_the_data_change_leaves_the_former_key() {
        let (_folder, path, store) = with_secret().await;
        let former = held_by(&path).unwrap().unwrap();
        draft(&places(&path).unwrap().1).unwrap();
        assert_eq!(at_start(&path, &store).await.version(), 1);
        assert_eq!(*held_by(&path).unwrap().unwrap(), *former);
        // The same after a replacement.
        replace(&path, path.parent().unwrap(), &store, 0).await.unwrap();
        draft(&places(&path).unwrap().1).unwrap();
        assert_eq!(at_start(&path, &store).await.version(), 2);
        assert_ne!(*held_by(&path).unwrap().unwrap(), *former);
    }

    #[tokio::test]
    async fn a_crash_after_the_data_changed_is_carried_to_the_new_key() {
        let (_folder, path, store) = with_secret().await;
        let former = std::fs::read(&path).unwrap();
        let old = at_start(&path, &store).await;
        let audit = control::key::audit_key(&store, &old).await.unwrap();
        let key = draft(&places(&path).unwrap().1).unwrap();
        control::key::replace(&store, &old, &Vault::new(*key, 2), 0).await.unwrap();
        for _ in 0..2 {
            let vault = at_start(&path, &store).await;
            assert_eq!(vault.version(), 2);
            assert_eq!(*control::key::audit_key(&store, &vault).await.unwrap(), *audit);
        }
        assert_eq!(*held_by(&path).unwrap().unwrap(), *key);
        write_private(&path, &former).unwrap();
        let other = vault(&path, &held_by(&path).unwrap().unwrap(), &store).await;
        assert!(matches!(other, Err(StartError::KeyOther(_))));
    }
}
