//! Images that hosts have lost and running chains need, on their way back. A pull takes minutes or an hour: it runs beside
//! the rounds, which look after everything else meanwhile, and the round after it finds the image.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use agents::Agent;
use domain::Error;
use domain::id::HostId;
use futures::FutureExt;
use tokio_util::task::AbortOnDropHandle;

use crate::ControlPlane;
use crate::error::internal;
use crate::network::ChainLink;
use crate::operations::host_prepare::pull_again;
use crate::services::Services;

/// A host, and what a registry calls the image.
type Key = (HostId, String);

/// The pulls that are under way, one for each image of a host; dropping them ends them.
#[derive(Default)]
pub(crate) struct LostImages(Mutex<HashMap<Key, Pull>>);

struct Pull {
    task: AbortOnDropHandle<Result<(), Error>>,
    /// Why the one before failed.
    failed: Option<Error>,
}

impl LostImages {
    /// Pulls an image, unless that is under way; tells why the last pull that has ended failed.
    fn pull(&self, key: Key, services: &Arc<Services>, agent: &Arc<dyn Agent>) -> Option<Error> {
        let mut pulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pull) = pulls.get(&key).filter(|pull| !pull.task.is_finished()) {
            return pull.failed.clone();
        }
        let failed = match pulls.remove(&key).and_then(|pull| pull.task.now_or_never()) {
            Some(Ok(Err(error))) => Some(error),
            Some(Err(error)) => Some(internal("pull an image again", error)),
            Some(Ok(Ok(()))) | None => None,
        };
        let (services, agent, (host, digest)) = (Arc::clone(services), Arc::clone(agent), key.clone());
        let task = tokio::spawn(async move {
            tracing::info!(%host, %digest, "an image that a running chain needs is pulled again");
            pull_again(&services, agent.as_ref(), &host, &digest).await.map(drop)
        });
        pulls.insert(key, Pull { task: AbortOnDropHandle::new(task), failed: failed.clone() });
        failed
    }

    fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl ControlPlane {
    /// Whether the image that a node was made with has still to come to its host; then it is on its way.
    ///
    /// # Errors
    /// Why the last pull failed, while the next one is under way.
    pub(super) async fn awaits_image(
        &self,
        link: &ChainLink,
        id: &str,
        digest: Option<&str>,
    ) -> Result<bool, Error> {
        // What was built on the host comes from nowhere.
        let Some(digest) = digest else { return Ok(false) };
        let key = (link.plan.host.clone(), digest.to_owned());
        for name in [id, digest] {
            if link.agent.image(name).await.map_err(crate::error::agent)?.is_some() {
                self.lost_images.forget(&key);
                return Ok(false);
            }
        }
        match self.lost_images.pull(key, &self.services, &link.agent) {
            Some(error) => Err(error),
            None => Ok(true),
        }
    }
}
