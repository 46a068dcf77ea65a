//! First run: the one-time token that makes the first admin, once.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::name::UserName;
use domain::permission::{Action, Noun, Role};
use domain::user::UserView;
use domain::{Code, Error, ErrorKind};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use store::{StoreError, UserRecord};
use zeroize::Zeroizing;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::secrets::{SecretError, random};
use crate::user::new_record;

/// The one-time token; lives in memory only and is printed by the server at start.
pub struct SetupGuard {
    token: Zeroizing<String>,
    /// Set once an admin exists, so that the question costs nothing afterwards.
    closed: AtomicBool,
}

impl SetupGuard {
    /// A fresh token of 160 bits.
    pub fn new() -> Result<Self, SecretError> {
        Ok(Self { token: Zeroizing::new(hex::encode(random::<20>()?)), closed: AtomicBool::new(false) })
    }

    /// The token, for the server's own terminal.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Compares without telling by its duration how much was right.
    fn fits(&self, token: &str) -> bool {
        let tag = |text: &str| {
            <Hmac<Sha256> as Mac>::new_from_slice(self.token.as_bytes()).map(|mut mac| {
                mac.update(text.trim().as_bytes());
                mac
            })
        };
        let (Ok(given), Ok(own)) = (tag(token), tag(&self.token)) else { return false };
        given.verify(&own.finalize().into_bytes()).is_ok()
    }
}

impl ControlPlane {
    /// Whether the first admin is still to be made.
    pub async fn setup_open(&self) -> Result<bool, Error> {
        if self.setup.closed.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let count = self.services.store.user_count().await.map_err(crate::error::store)?;
        if count > 0 {
            self.setup.closed.store(true, Ordering::Relaxed);
        }
        Ok(count == 0)
    }

    /// Makes the first admin; after that the route does not exist any more.
    pub async fn setup_admin(
        &self,
        caller: &Caller,
        token: &str,
        name: UserName,
        password: String,
    ) -> Result<UserView, Error> {
        let result = self.setup_admin_checked(caller, token, name, password).await;
        self.audit.record(&caller.named(&result), "setup", "portal", &result).await;
        result.map(|admin| admin.view())
    }

    async fn setup_admin_checked(
        &self,
        caller: &Caller,
        token: &str,
        name: UserName,
        password: String,
    ) -> Result<UserRecord, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Setup))?;
        if !self.setup_open().await? {
            return Err(Error::new(ErrorKind::NotFound, Code::SetupClosed));
        }
        if !self.setup.fits(token) {
            return Err(Error::new(ErrorKind::Forbidden, Code::SetupTokenWrong).on("token"));
        }
        let hash = self.passwords.hash(password, Role::Admin).await?;
        let record = new_record(name, Role::Admin, hash, self.services.clock.now_ms())?;
        self.audit.begin(&caller.named(&Ok(record.clone())), "setup", "portal").await;
        match self.services.store.user_create_first(&record).await {
            Ok(()) => {}
            Err(StoreError::Conflict { .. } | StoreError::Taken { .. }) => {
                return Err(Error::new(ErrorKind::NotFound, Code::SetupClosed));
            }
            Err(error) => return Err(crate::error::store(error)),
        }
        self.setup.closed.store(true, Ordering::Relaxed);
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_fits() {
        let guard = SetupGuard::new().unwrap();
        let token = guard.token().to_owned();
        assert_eq!(token.len(), 40);
        assert!(guard.fits(&token));
        assert!(guard.fits(&format!(" {token}\n")), "white space of a copied line does not matter");
        assert!(!guard.fits(""));
        assert!(!guard.fits(&token[1..]));
    }
}
