//! Waiting for a chain: leaving the queue, and serving whoever waited longest.

use domain::name::ChainName;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use store::QueueRecord;

use super::QUEUE_MAX;
use crate::ControlPlane;
use crate::caller::{Caller, CallerUser};
use crate::error::store as store_error;
use crate::policy::{self, Resource};

impl ControlPlane {
    /// Takes a wish of the caller out of the queue.
    pub async fn apply_cancel(&self, caller: &Caller, wish: &str) -> Result<(), Error> {
        let object = "pool/queue";
        let result = async {
            policy::authorize(caller, Action::Apply, Resource::any(Noun::Chain))?;
            let user = caller.require_user()?;
            self.audit.begin(caller, "apply-cancel", object).await;
            let was_there =
                self.services.store.pool_queue_leave(&user.id, wish).await.map_err(store_error)?;
            if was_there { Ok(()) } else { Err(Error::not_found()) }
        }
        .await;
        self.audit.record(caller, "apply-cancel", object, &result).await;
        result
    }

    /// Gives chains that have become free to those who wait, the oldest wish first. Who may not have one more keeps
    /// their place, and one who cannot be served holds up nobody.
    pub(crate) async fn serve_queue(&self) -> Result<(), Error> {
        let store = &self.services.store;
        if store.pool_queue(1).await.map_err(store_error)?.is_empty() {
            return Ok(());
        }
        // Many who ask at once would each serve the same people, and get in one another's way.
        let _turn = self.applying.lock().await;
        let waiting = store.pool_queue(QUEUE_MAX).await.map_err(store_error)?;
        let mut free = self.free_chains().await?;
        for entry in waiting {
            // A claim is a transaction that writes: none is begun for what nothing fits.
            if !free.iter().any(|one| entry.spec.fits(&one.spec, Some(&one.template))) {
                continue;
            }
            match self.serve(&entry).await {
                Ok(Some(chain)) => free.retain(|one| one.name != chain),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!(%error, user = %entry.user, "somebody who waits cannot be served")
                }
            }
        }
        Ok(())
    }

    /// Tries to give a chain to somebody who waits; which one they have then.
    async fn serve(&self, entry: &QueueRecord) -> Result<Option<ChainName>, Error> {
        let store = &self.services.store;
        let Some((user, _)) = self.session_user(&entry.user).await? else {
            // Nobody is there any more to be given something.
            store.pool_queue_leave(&entry.user, &entry.wish).await.map_err(store_error)?;
            return Ok(None);
        };
        let quota = self.quota_of(&user.id, user.role).await?;
        let caller = in_the_name_of(user.clone(), &entry.spec.key);
        match self.claim(&caller, &user, &entry.spec, quota).await {
            Ok(Some((chain, _))) => {
                tracing::info!(%chain, "somebody who waited has a chain");
                Ok(Some(chain))
            }
            Ok(None) => Ok(None),
            // Whoever has gone meanwhile leaves with the next look.
            Err(error) if matches!(error.code, Code::QuotaChains | Code::SessionMissing) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What the portal does for somebody who asked for it before; the request is known by the key that they sent.
fn in_the_name_of(user: CallerUser, key: &str) -> Caller {
    Caller { user: Some(user), ..Caller::anonymous(key, "") }
}
