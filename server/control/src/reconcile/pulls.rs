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

/// Pause between the end of a pull and the next one of the same image: registries count who asks.
const PAUSE_MS: i64 = 60_000;

/// The pulls that are under way, one for each image of a host; dropping them ends them.
#[derive(Default)]
pub(crate) struct LostImages(Mutex<HashMap<Key, Pull>>);

#[derive(Default)]
struct Pull {
    task: Option<AbortOnDropHandle<Result<(), Error>>>,
    /// When the one before was seen to have ended, unix milliseconds, and why it failed.
    ended_ms: Option<i64>,
    failed: Option<Error>,
}

impl LostImages {
    /// Pulls an image, unless that is under way or has just ended; tells why the last pull that has ended failed.
    fn pull(&self, key: Key, services: &Arc<Services>, agent: &Arc<dyn Agent>) -> Option<Error> {
        let now_ms = services.clock.now_ms();
        let mut pulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pull = pulls.entry(key.clone()).or_default();
        if let Some(ended) = pull.task.take_if(|task| task.is_finished()) {
            pull.ended_ms = Some(now_ms);
            pull.failed = match ended.now_or_never() {
                Some(Ok(Err(error))) => Some(error),
                Some(Err(error)) => Some(internal("pull an image again", error)),
                Some(Ok(Ok(()))) | None => None,
            };
        }
        let since_ms = pull.ended_ms.map(|ended_ms| now_ms.saturating_sub(ended_ms));
        // A clock that was set back says nothing of how long ago that was.
        let rests = since_ms.is_some_and(|since_ms| (0..PAUSE_MS).contains(&since_ms));
        if pull.task.is_none() && !rests {
            let (services, agent, (host, digest)) = (Arc::clone(services), Arc::clone(agent), key);
            let task = tokio::spawn(async move {
                tracing::info!(%host, %digest, "an image that a running chain needs is pulled again");
                pull_again(&services, agent.as_ref(), &host, &digest).await.map(drop)
            });
            pull.task = Some(AbortOnDropHandle::new(task));
        }
        pull.failed.clone()
    }

    /// Ends what is pulled for a host that needs nothing any more.
    pub(super) fn keep(&self, needs: impl Fn(&HostId) -> bool) {
        let mut pulls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pulls.retain(|(host, _), _| needs(host));
    }

    fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

impl ControlPlane {
    /// Whether the image that a node was made with has still to come to its host; then it is on its way.
    ///
    /// # Errors
    /// Why the last pull failed, until the next one has ended.
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
