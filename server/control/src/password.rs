//! Password hashing: Argon2id off the async threads, with a bound, so that many sign-ins at once can eat neither
//! the memory nor the threads of the portal.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::permission::Role;
use domain::user::check_password;
use domain::{Code, Error};
use tokio::sync::Semaphore;
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

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
    /// Verified against when the user is unknown, so that the answer takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    /// Makes the decoy; takes as long as one hash.
    pub fn new() -> Result<Self, Error> {
        let decoy = hash_now("a password that nobody has")?;
        Ok(Self { permits: Arc::new(Semaphore::new(PARALLEL)), decoy: decoy.into() })
    }

    /// Hashes a new password after checking it.
    pub async fn hash(&self, password: String, role: Role) -> Result<String, Error> {
        check_password(&password, role)?;
        if is_common(&password) {
            return Err(Error::invalid(Code::PasswordTooCommon).on("password"));
        }
        let password = Zeroizing::new(password);
        self.off_thread(move || hash_now(&password)).await?
    }

    /// Whether the password belongs to the hash; without a hash it takes as long and says no.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Error> {
        let password = Zeroizing::new(password);
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.to_string());
        let fits = self.off_thread(move || verify_now(&password, &hash)).await?;
        Ok(fits && known)
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _permit = self.permits.acquire().await.map_err(|_| Error::internal())?;
        tokio::task::spawn_blocking(work).await.map_err(|_| Error::internal())
    }
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
        assert!(passwords.verify("correct horse battery".to_owned(), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify("correct horse batterz".to_owned(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("a password that nobody has".to_owned(), None).await.unwrap());
    }
}
