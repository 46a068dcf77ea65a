//! Pools: a host with autofill holds as many free chains as there is room for, and a free chain that stays unwell is made
//! anew. What somebody owns is only shown. One thing at a time is done to a host; after failures there is a pause, which
//! the record of its fillups tells.

use std::collections::HashMap;

use domain::Error;
use domain::chain::{ChainState, Health};
use domain::host::HostState;
use domain::id::HostId;
use domain::name::TemplateName;
use store::{ChainRecord, HostRecord};

use crate::ControlPlane;
use crate::operations::pool_fill::PoolFill;
use crate::pool::PORTAL;

/// How long a free chain may be unwell.
const UNWELL_MAX_MS: i64 = 5 * 60_000;
/// How old the look may be that found it so. After a pause of the portal or of the host what was known is no ground for
/// a removal.
const LOOK_MAX_MS: i64 = 2 * 60_000;

impl ControlPlane {
    /// One round over all pools.
    pub(super) async fn reconcile_pools(&self) {
        if let Err(error) = self.reconcile_all_pools().await {
            tracing::warn!(%error, "pools cannot be looked at");
        }
    }

    async fn reconcile_all_pools(&self) -> Result<(), Error> {
        let store = &self.services.store;
        let mut pooled = HashMap::<HostId, Vec<ChainRecord>>::new();
        for chain in store.chains_pooled().await.map_err(crate::error::store)? {
            pooled.entry(chain.host.clone()).or_default().push(chain);
        }
        for host in store.host_list().await.map_err(crate::error::store)? {
            let chains = pooled.remove(&host.id).unwrap_or_default();
            if let Err(error) = self.reconcile_pool(&host, &chains).await {
                tracing::warn!(%error, host = %host.spec.name, "a pool cannot be looked at");
            }
        }
        Ok(())
    }

    /// Begins what a pool needs most: a chain in the place of one that is unwell, else one more.
    async fn reconcile_pool(&self, host: &HostRecord, chains: &[ChainRecord]) -> Result<(), Error> {
        let now = self.services.clock.now_ms();
        let unwell = chains.iter().find(|chain| is_unwell(chain, now));
        // One that is unwell is removed in any case, and made again from what it was made from.
        let wanted = match unwell {
            Some(chain) => chain.pool.clone(),
            None => self.wanted(host).await?,
        };
        let Some(template) = wanted else { return Ok(()) };
        // On a host that does not answer chains are unwell, and none can be made.
        if host.status.state != HostState::Active || !host.spec.schedulable {
            return Ok(());
        }
        let history = self.pool_history(&host.id).await?;
        if history.is_held || history.pause.is_some_and(|pause| pause.until_ms > now) {
            return Ok(());
        }
        self.make_one(host, &template, unwell).await
    }

    /// From what one more chain is made on a host that is to be kept full and has room.
    async fn wanted(&self, host: &HostRecord) -> Result<Option<TemplateName>, Error> {
        let Some(template) = &host.spec.autofill else { return Ok(None) };
        let held = self.services.store.host_claims(&host.id).await.map_err(crate::error::store)?;
        Ok((held.len() < usize::from(host.spec.capacity)).then(|| template.clone()))
    }

    async fn make_one(
        &self,
        host: &HostRecord,
        template: &TemplateName,
        replaces: Option<&ChainRecord>,
    ) -> Result<(), Error> {
        // One that was deleted makes no more chains: then a chain of the host's present one comes in the place.
        let mut found = None;
        for name in [Some(template), host.spec.autofill.as_ref()].into_iter().flatten() {
            if found.is_none() {
                found = self.services.store.template_read(name).await.map_err(crate::error::store)?;
            }
        }
        let Some(template) = found else { return Ok(()) };
        let params = PoolFill {
            host: host.id.clone(),
            template,
            count: Some(1),
            replaces: replaces.map(|chain| chain.name.clone()),
            owner: PORTAL.to_owned(),
            starter: None,
        };
        self.begin_by_itself(&host.id, params).await
    }
}

/// Whether a free chain shall be made anew: its nodes are unwell for too long, or its removal has failed. One that cannot
/// be reached says nothing of its nodes: then it is the host that does not answer.
fn is_unwell(chain: &ChainRecord, now_ms: i64) -> bool {
    if chain.pool.is_none() || chain.owner.is_some() {
        return false;
    }
    let health = &chain.health;
    let is_fresh = health.checked_ms.is_some_and(|at_ms| now_ms - at_ms <= LOOK_MAX_MS);
    let is_bad = health.health == Health::Degraded && is_fresh;
    match chain.state {
        ChainState::Failed => true,
        ChainState::Running => {
            is_bad && health.since_ms.is_some_and(|since_ms| now_ms - since_ms > UNWELL_MAX_MS)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use domain::chain::HealthView;
    use domain::id::UserId;
    use domain::name::ChainName;

    use super::*;
    use crate::operations::demo_create::default_spec;

    fn chain(state: ChainState, health: Health, since_ms: i64) -> ChainRecord {
        let (name, host) = (ChainName::parse("small-1").unwrap(), HostId::new("h"));
        let checked_ms = Some(UNWELL_MAX_MS);
        let health = HealthView { health, since_ms: Some(since_ms), checked_ms, ..HealthView::default() };
        ChainRecord {
            name: name.clone(),
            spec: default_spec(name, host.clone()).unwrap(),
            plan: serde_json::Value::Null.into(),
            state,
            health,
            owner: None,
            tenure: store::Tenure::default(),
            host,
            created_ms: 0,
            operation: None,
            pool: Some(TemplateName::parse("small").unwrap()),
        }
    }

    #[test]
    fn only_a_free_chain_that_stays_unwell_is_made_anew() {
        let now = UNWELL_MAX_MS + 1;
        let check = |chain: &ChainRecord, expect| assert_eq!(is_unwell(chain, now), expect, "{chain:?}");
        use ChainState::{Failed, Running, Stopped};
        check(&chain(Running, Health::Degraded, 0), true);
        check(&chain(Running, Health::Unreachable, 0), false);
        check(&chain(Running, Health::Degraded, 1), false);
        check(&chain(Running, Health::Ok, 0), false);
        check(&chain(Running, Health::Unknown, 0), false);
        check(&chain(Stopped, Health::Degraded, 0), false);
        check(&chain(Failed, Health::Unknown, now), true);
        let owned = ChainRecord { owner: Some(UserId::new("ann")), ..chain(Running, Health::Degraded, 0) };
        check(&owned, false);
        check(&ChainRecord { pool: None, ..chain(Running, Health::Degraded, 0) }, false);
        let later = now + LOOK_MAX_MS;
        assert!(!is_unwell(&chain(Running, Health::Degraded, 0), later), "nobody has looked since");
    }
}
