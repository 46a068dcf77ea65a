//! Chains that somebody gives back, in the same test kit: made anew, or freed as they are.

use control::caller::CallerUser;
use control::operations::chain_free::ChainFree;
use control::operations::chain_give::ChainGive;
use control::operations::chain_release::{ChainRelease, ChainReleaseDeploy};
use domain::chain::ChainState;
use domain::id::UserId;
use domain::name::{TemplateName, UserName};
use domain::node::NodeKind;
use domain::permission::Role;
use workflow::testkit::Expect;

use super::bed::{Bed, same};
use super::{Scene, Stage, deployed};

fn small() -> TemplateName {
    TemplateName::parse("small").unwrap()
}

fn somebody(name: &str) -> CallerUser {
    CallerUser { id: UserId::new(name), name: UserName::parse(name).unwrap(), role: Role::User }
}

fn uma() -> CallerUser {
    somebody("uma")
}

/// A chain of the pool with the sample on it, which somebody has and has keys for.
async fn owned(bed: &Bed) {
    deployed(bed).await;
    let (store, name) = (&bed.services.store, bed.chain_spec().name);
    store.pool_return(&name, &small()).await.unwrap();
    store.pool_give(&name, &uma().id, 1, Some(i64::MAX)).await.unwrap().unwrap();
    have_keys(bed, &uma()).await;
}

async fn have_keys(bed: &Bed, user: &CallerUser) {
    let plan = bed.plan().await.unwrap();
    for (_, organization) in plan.members() {
        bed.services.user_key(&plan, &organization.msp_id, user).await.unwrap();
    }
}

/// The same with keys of somebody else, whom the owner granted something.
async fn shared(bed: &Bed) {
    owned(bed).await;
    have_keys(bed, &somebody("ian")).await;
}

/// Keys of people that are left.
async fn people(bed: &Bed) -> usize {
    keys_of(bed, "").await
}

async fn keys_of(bed: &Bed, name: &str) -> usize {
    let secrets = bed.services.store.secret_list_prefix("chain/demo/").await.unwrap();
    secrets.iter().filter(|secret| secret.key.contains(&format!("/user/{name}"))).count()
}

/// Every peer has begun anew since the chain was made, as one does that has other files.
async fn renewed(bed: &Bed) -> Result<(), String> {
    for peer in bed.plan().await?.of_kind(NodeKind::Peer) {
        let place = bed.node(peer.name.as_str());
        same(&format!("{place} was made anew"), bed.agent.boots(&place) > 1, true)?;
    }
    Ok(())
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
            renewed(bed).await?;
            return same("owner", (record.owner, record.tenure.inherited_ms.is_some()), (None, true));
        }
        let tenure = (record.tenure.claimed_ms, record.tenure.expires_ms, record.tenure.inherited_ms);
        same("tenure", tenure, (Some(1), Some(i64::MAX), None))?;
        same("owner", record.owner, Some(uma().id))
    }
}

struct Give;

impl Scene for Give {
    type Operation = ChainGive;

    fn params(&self, bed: &Bed) -> ChainGive {
        let (former, user) = (uma().id, UserId::new("eve"));
        ChainGive { chain: bed.chain_spec().name, former, user, lifetime_hours: Some(1) }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        bed.check_chain(ChainState::Running).await?;
        same("sequence", bed.check_chaincode().await?, 1)?;
        let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap().unwrap();
        let members = bed.plan().await?.members().count();
        same("keys of somebody else", keys_of(bed, "ian").await, members)?;
        if expect == Expect::Complete {
            same("keys of the former owner", keys_of(bed, "uma").await, 0)?;
            renewed(bed).await?;
            let told = (record.owner, record.tenure.inherited_ms.is_some());
            return same("owner", told, (Some(UserId::new("eve")), true));
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

#[tokio::test]
async fn chain_give() {
    Stage::play(Give, shared).await;
}
