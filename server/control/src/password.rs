//! Password hashing: Argon2id off the async threads, with a bound, so that many sign-ins at once can eat neither
//! the memory nor the threads of the portal.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::permission::Role;
use domain::user::check_password;
use domain::{Code, Error};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::secrets::random;

/// KiB of memory per hash: the parameters of ASVS 5.0 App. C, tuned to 150–250 ms on one core.
const MEMORY_KIB: u32 = 47_104;
const PASSES: u32 = 3;
/// Hashes at once.
const PARALLEL: usize = 2;

/// Passwords that everybody tries first, and this product's own words. Compared in lower case, as parts of the whole:
/// a password that consists of one of these with digits around it is refused.
const COMMON: [&str; 24] = [
    "password",
    "passwort",
    "123456789",
    "qwertyuiop",
    "qwerty",
    "letmein",
    "administrator",
    "admin",
    "welcome",
    "iloveyou",
    "heddle",
    "hyperledger",
    "fabric",
    "blockchain",
    "operator",
    "changeme",
    "secret",
    "baas",
    "cita",
    "portal",
    "docker",
    "kubernetes",
    "monkey",
    "dragon",
];

/// Leave to hash once. It lasts as long as the hash itself: whoever does not wait for it any more has not ended it.
pub struct Turn {
    permit: Arc<OwnedSemaphorePermit>,
}

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// Verified against when the user is unknown, so that the answer takes as long.
    decoy: Arc<str>,
    /// Passwords that were compared with a hash, for the test that counts them.
    #[cfg(test)]
    pub(crate) compared: Arc<std::sync::atomic::AtomicUsize>,
}

impl Passwords {
    /// Makes the decoy; takes as long as one hash.
    pub fn new() -> Result<Self, Error> {
        let decoy = hash_now("a password that nobody has")?;
        Ok(Self {
            permits: Arc::new(Semaphore::new(PARALLEL)),
            decoy: decoy.into(),
            #[cfg(test)]
            compared: Arc::default(),
        })
    }

    /// Hashes a new password after checking it.
    pub async fn hash(&self, password: String, role: Role) -> Result<String, Error> {
        check_password(&password, role)?;
        if is_common(&password) {
            return Err(Error::invalid(Code::PasswordTooCommon).on("password"));
        }
        let password = Zeroizing::new(password);
        let turn = self.turn().await?;
        off_thread(&turn, move || hash_now(&password)).await?
    }

    /// Waits for one's turn. What decides whether a guess is looked at is asked, and its failure counted, within it:
    /// guesses that wait for their turn side by side do not slip through together.
    pub async fn turn(&self) -> Result<Turn, Error> {
        let permit = self.permits.clone().acquire_owned().await;
        permit.map(|permit| Turn { permit: Arc::new(permit) }).map_err(|_| Error::internal())
    }

    /// Whether the password belongs to the hash; without a hash it takes as long and says no.
    pub async fn verify(&self, turn: &Turn, password: String, hash: Option<String>) -> Result<bool, Error> {
        let password = Zeroizing::new(password);
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        #[cfg(test)]
        self.compared.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let fits = off_thread(turn, move || verify_now(&password, &hash)).await?;
        Ok(fits && known)
    }
}

async fn off_thread<T: Send + 'static>(
    turn: &Turn,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let permit = turn.permit.clone();
    let hashing = tokio::task::spawn_blocking(move || {
        let done = work();
        drop(permit);
        done
    });
    hashing.await.map_err(|_| Error::internal())
}

fn hasher() -> Result<Argon2<'static>, Error> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| Error::internal())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash_now(password: &str) -> Result<String, Error> {
    let salt = random::<16>().map_err(|_| Error::internal())?;
    let salt = SaltString::encode_b64(&salt).map_err(|_| Error::internal())?;
    let hash = hasher()?.hash_password(password.as_bytes(), &salt).map_err(|_| Error::internal())?;
    Ok(hash.to_string())
}

fn verify_now(password: &str, hash: &str) -> bool {
    let (Ok(parsed), Ok(hasher)) = (PasswordHash::new(hash), hasher()) else { return false };
    hasher.verify_password(password.as_bytes(), &parsed).is_ok()
}

fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    let core = lower.trim_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    let mut letters: Vec<char> = lower.chars().collect();
    letters.sort_unstable();
    letters.dedup();
    core.is_empty() || letters.len() < 4 || COMMON.contains(&core) || is_repeated_common(core)
}

/// `passwordpassword`, `adminadminadmin`.
fn is_repeated_common(core: &str) -> bool {
    COMMON.iter().any(|word| {
        core.len() > word.len() && core.len().is_multiple_of(word.len()) && core.replace(word, "").is_empty()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_refused() {
        for bad in [
            "password1234",
            "123456789012",
            "administrator99",
            "aaaaaaaaaaaaaaaa",
            "adminadminadmin",
            "Hyperledger2026!",
        ] {
            assert!(is_common(bad), "{bad}");
        }
        for good in ["correct horse battery", "tie the heddle knot", "密码学是有趣的东西，你说呢"]
        {
            assert!(!is_common(good), "{good}");
        }
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let passwords = Passwords::new().unwrap();
        let hash = passwords.hash("correct horse battery".to_owned(), Role::Admin).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        let turn = passwords.turn().await.unwrap();
        let verify = |password: &str, hash| passwords.verify(&turn, password.to_owned(), hash);
        assert!(verify("correct horse battery", Some(hash.clone())).await.unwrap());
        assert!(!verify("correct horse batterz", Some(hash)).await.unwrap());
        assert!(!verify("a password that nobody has", None).await.unwrap());
    }

    /// Algorithm, version, parameters, and the lengths of salt and hash: what decides how long a comparison takes.
    fn cost(hash: &str) -> (Vec<&str>, Vec<usize>) {
        let parts: Vec<&str> = hash.split('$').collect();
        let (named, drawn) = parts.split_at(4);
        (named.to_vec(), drawn.iter().map(|part| part.len()).collect())
    }

    #[test]
    fn v6_3_8_the_hash_of_nobody_costs_what_those_of_people_cost() {
        let passwords = Passwords::new().unwrap();
        let hash = hash_now("correct horse battery").unwrap();
        assert_eq!(cost(&passwords.decoy), cost(&hash));
    }

    #[test]
    fn v11_4_2_a_hash_costs_what_it_has_to() {
        let hash = hash_now("correct horse battery").unwrap();
        let (named, drawn) = cost(&hash);
        let number = |name: &str| -> u32 {
            let found = named[3].split(',').find_map(|part| part.strip_prefix(name));
            found.unwrap().parse().unwrap()
        };
        assert_eq!(&named[1..3], ["argon2id", "v=19"]);
        assert!(number("m=") >= 19_456 && number("t=") >= 2 && number("p=") == 1, "{named:?}");
        // In base64: 16 bytes of salt, 32 of the hash.
        assert_eq!(drawn, [22, 43]);
    }

    #[tokio::test]
    async fn who_goes_away_does_not_make_room_for_further_hashes() {
        let passwords = Passwords::new().unwrap();
        for _ in 0..PARALLEL {
            let mut hash = Box::pin(passwords.hash("correct horse battery".to_owned(), Role::Admin));
            assert!(futures::poll!(&mut hash).is_pending());
            drop(hash);
        }
        assert_eq!(passwords.permits.available_permits(), 0, "both are still being made");
        let limit = std::time::Duration::from_secs(60);
        let turn = tokio::time::timeout(limit, passwords.turn()).await.unwrap().unwrap();
        let mut fits = Box::pin(passwords.verify(&turn, "a wrong one".to_owned(), None));
        assert!(futures::poll!(&mut fits).is_pending());
        drop(fits);
        drop(turn);
        let all = u32::try_from(PARALLEL).unwrap();
        assert!(passwords.permits.try_acquire_many(all).is_err(), "this one, too");
        let back = tokio::time::timeout(limit, passwords.permits.acquire_many(all));
        assert!(back.await.unwrap().is_ok(), "whatever ends makes room");
    }
}
