//! The pool: asking for a chain, waiting for one, giving it back, and how much somebody may have. What the pool is made of
//! is kept with hosts and templates.

use domain::Error;
use domain::id::UserId;
use domain::name::ChainName;
use domain::permission::{Action, Noun, Role};
use domain::pool::{FreeChain, OFFERED_MAX, PoolView, QueueEntry, QuotaView, TemplateOffer};
use domain::template::Template;
use domain::user::Quota;
use store::FreeRecord;

use crate::ControlPlane;
use crate::caller::{Caller, CallerUser};
use crate::error::store as store_error;
use crate::policy::{self, Resource};

mod apply;
pub(crate) mod calls;
mod give;
mod queue;
mod release;

/// Who owns operations that the portal starts by itself.
pub(crate) const PORTAL: &str = "portal";
/// Most wishes that wait.
const QUEUE_MAX: u32 = 1_000;

impl ControlPlane {
    /// The page on which somebody applies: what is free, what they have and may have, and where they stand in the queue.
    pub async fn pool_read(&self, caller: &Caller) -> Result<PoolView, Error> {
        policy::authorize(caller, Action::Apply, Resource::any(Noun::Chain))?;
        let user = caller.require_user()?;
        let store = &self.services.store;
        let own = store.pool_owned(&user.id).await.map_err(store_error)?;
        let quota = self.quota_view(user, own.len()).await?;
        let free = self.free_chains().await?;
        let waiting = store.pool_queue(QUEUE_MAX).await.map_err(store_error)?;
        let templates = store.template_list().await.map_err(store_error)?;
        let count = |template: &Template| free.iter().filter(|one| one.template == template.name).count();
        let offers = templates.iter().map(|template| offer(template, count(template)));
        let queue = (1..).zip(&waiting).filter(|(_, entry)| entry.user == user.id);
        Ok(PoolView {
            quota,
            templates: offers.collect(),
            queue: queue
                .map(|(position, entry)| QueueEntry {
                    wish: entry.wish.clone(),
                    position,
                    since_ms: entry.created_ms,
                })
                .collect(),
            free: free.iter().take(OFFERED_MAX).map(free_view).collect(),
            own,
        })
    }

    /// How much the caller may have, and how much of it they use.
    pub async fn quota_read(&self, caller: &Caller) -> Result<QuotaView, Error> {
        policy::authorize(caller, Action::Apply, Resource::any(Noun::Chain))?;
        let user = caller.require_user()?;
        let own = self.services.store.pool_owned(&user.id).await.map_err(store_error)?;
        self.quota_view(user, own.len()).await
    }

    async fn quota_view(&self, user: &CallerUser, used: usize) -> Result<QuotaView, Error> {
        let quota = self.quota_of(&user.id, user.role).await?;
        let now = self.services.clock.now_ms();
        let calls = quota.invocations_per_minute;
        Ok(QuotaView {
            chains: quota.chains,
            chains_used: u16::try_from(used).unwrap_or(u16::MAX),
            lifetime_hours: quota.lifetime_hours,
            calls,
            calls_left: calls.map(|each_minute| self.calls.left(&user.id, each_minute, now)),
        })
    }

    /// What somebody may have: their own quota, else that of their role.
    pub(crate) async fn quota_of(&self, user: &UserId, role: Role) -> Result<Quota, Error> {
        let record = self.services.store.user_read(user).await.map_err(store_error)?;
        Ok(match record {
            Some(record) => record.quota.unwrap_or_else(|| Quota::of_role(record.role)),
            None => Quota::of_role(role),
        })
    }

    /// Free chains on which nothing is being done.
    async fn free_chains(&self) -> Result<Vec<FreeRecord>, Error> {
        let store = &self.services.store;
        let free = store.pool_free().await.map_err(store_error)?;
        if free.is_empty() {
            return Ok(free);
        }
        let holders = store.holders().await.map_err(crate::operation::log_error)?;
        let held: Vec<ChainName> = holders
            .iter()
            .filter_map(|holder| crate::operation::chain_of(holder.subject.as_deref()?))
            .collect();
        Ok(free.into_iter().filter(|chain| !held.contains(&chain.name)).collect())
    }
}

fn offer(template: &Template, free: usize) -> TemplateOffer {
    TemplateOffer {
        name: template.name.clone(),
        title: template.title.clone(),
        description: template.description.clone(),
        version: template.version,
        consensus: template.consensus,
        peers: template.organizations.iter().map(|organization| organization.peers).sum(),
        orderers: template.orderers,
        free: u32::try_from(free).unwrap_or(u32::MAX),
    }
}

fn free_view(free: &FreeRecord) -> FreeChain {
    FreeChain {
        name: free.name.clone(),
        template: free.template.clone(),
        version: free.spec.version,
        consensus: free.spec.consensus,
        peers: u16::try_from(free.spec.peers()).unwrap_or(u16::MAX),
    }
}
