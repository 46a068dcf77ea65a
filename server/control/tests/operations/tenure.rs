//! Chains that somebody gives back, in the same test kit: made anew, or freed as they are.

use control::caller::CallerUser;
use control::operations::chain_free::ChainFree;
use control::operations::chain_release::{ChainRelease, ChainReleaseDeploy};
use domain::chain::ChainState;
use domain::id::UserId;
use domain::name::{TemplateName, UserName};
use domain::permission::Role;
use workflow::testkit::Expect;

use super::bed::{Bed, same};
use super::{Scene, Stage, deployed};

fn small() -> TemplateName {
    TemplateName::parse("small").unwrap()
}

fn uma() -> CallerUser {
    CallerUser { id: UserId::new("uma"), name: UserName::parse("uma").unwrap(), role: Role::User }
}

/// A chain of the pool with the sample on it, which somebody has and has keys for.
async fn owned(bed: &Bed) {
    deployed(bed).await;
    let (store, name) = (&bed.services.store, bed.chain_spec().name);
    store.pool_return(&name, &small()).await.unwrap();
    store.pool_give(&name, &uma().id, 1, Some(i64::MAX)).await.unwrap();
    let plan = bed.plan().await.unwrap();
    for (_, organization) in plan.members() {
        bed.services.user_key(&plan, &organization.msp_id, &uma()).await.unwrap();
    }
}

/// Keys of people that are left.
async fn people(bed: &Bed) -> usize {
    let secrets = bed.services.store.secret_list_prefix("chain/demo/").await.unwrap();
    secrets.iter().filter(|secret| secret.key.contains("/user/")).count()
}

/// What a release comes to: a free chain, or none, or one that failed and is nobody's; or it never began.
async fn check_release(bed: &Bed, expect: Expect, sequence: i64) -> Result<(), String> {
    let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap();
    if expect == Expect::Complete {
        bed.check_chain(ChainState::Running).await?;
        same("sequence", bed.check_chaincode().await?, sequence)?;
        same("keys of people", people(bed).await, 0)?;
        let found = record.map(|record| (record.owner, record.pool));
        return same("owner and pool", found, Some((None, Some(small()))));
    }
    let Some(record) = record else { return same("left over", bed.leftovers().await, Vec::new()) };
    if record.owner.is_some() {
        bed.check_chain(ChainState::Running).await?;
        return same("sequence", bed.check_chaincode().await?, 1);
    }
    same("state and pool", (record.state, record.pool), (ChainState::Failed, Some(small())))?;
    same("claims", bed.services.store.host_claims(&bed.host).await.unwrap().len(), 1)
}

struct Release;

impl Scene for Release {
    type Operation = ChainRelease;

    fn params(&self, bed: &Bed) -> ChainRelease {
        ChainRelease { spec: bed.chain_spec(), template: small() }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        check_release(bed, expect, 0).await
    }
}

struct ReleaseDeploy;

impl Scene for ReleaseDeploy {
    type Operation = ChainReleaseDeploy;

    fn params(&self, bed: &Bed) -> ChainReleaseDeploy {
        ChainReleaseDeploy { spec: bed.chain_spec(), template: small(), deploy: bed.deploy_spec() }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        check_release(bed, expect, 1).await
    }
}

struct Free;

impl Scene for Free {
    type Operation = ChainFree;

    fn params(&self, bed: &Bed) -> ChainFree {
        ChainFree { chain: bed.chain_spec().name }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        bed.check_chain(ChainState::Running).await?;
        same("sequence", bed.check_chaincode().await?, 1)?;
        let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap();
        same("pool", record.pool, Some(small()))?;
        if expect == Expect::Complete {
            same("keys of people", people(bed).await, 0)?;
            return same("owner", (record.owner, record.tenure.inherited_ms.is_some()), (None, true));
        }
        let tenure = (record.tenure.claimed_ms, record.tenure.expires_ms, record.tenure.inherited_ms);
        same("tenure", tenure, (Some(1), Some(i64::MAX), None))?;
        same("owner", record.owner, Some(uma().id))
    }
}

#[tokio::test]
async fn chain_release() {
    Stage::play(Release, owned).await;
}

#[tokio::test]
async fn chain_release_with_chaincode() {
    Stage::play(ReleaseDeploy, owned).await;
}

#[tokio::test]
async fn chain_free() {
    Stage::play(Free, owned).await;
}
