//! What is done to pools, in the same test kit. Fillups and cleans start operations of their own, which run in a portal
//! beside the kit: it breaks the parent, and the children go on.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use control::ControlPlane;
use control::operations::chain_create::ChainCreate;
use control::operations::host_reset::HostReset;
use control::operations::pool_clean::PoolClean;
use control::operations::pool_create::{PoolCreate, PoolDeploy};
use control::operations::pool_fill::PoolFill;
use domain::chain::ChainState;
use domain::name::TemplateName;
use domain::permission::Role;
use domain::template::Template;
use futures::future::BoxFuture;
use store::Store;
use workflow::Settings;
use workflow::testkit::{self, Expect, Options, Trial, World};
use zeroize::Zeroizing;

use super::bed::{Bed, person, same};
use super::{Scene, Stage, nothing, operator};

fn name() -> TemplateName {
    TemplateName::parse("small").unwrap()
}

/// What the bed's chain is like.
fn template(bed: &Bed) -> Template {
    let spec = bed.chain_spec();
    Template {
        name: name(),
        title: "Small".to_owned(),
        description: String::new(),
        version: spec.version,
        consensus: spec.consensus,
        orderers: spec.orderers,
        organizations: spec.organizations,
        channel: spec.channel,
        batch_timeout_ms: spec.batch_timeout_ms,
        resources: spec.resources,
        chaincode: None,
    }
}

/// Whether the bed's chain is in the pool.
async fn in_pool(bed: &Bed) -> Result<(), String> {
    let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap();
    same("pool", record.and_then(|record| record.pool), Some(name()))
}

struct Create;

impl Scene for Create {
    type Operation = PoolCreate;

    fn params(&self, bed: &Bed) -> PoolCreate {
        PoolCreate { spec: bed.chain_spec(), template: name() }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        match expect {
            Expect::Complete => {
                bed.check_chain(ChainState::Running).await?;
                in_pool(bed).await
            }
            Expect::Clean => same("left over", bed.leftovers().await, Vec::new()),
        }
    }
}

struct Deploy;

impl Scene for Deploy {
    type Operation = PoolDeploy;

    fn params(&self, bed: &Bed) -> PoolDeploy {
        let (spec, deploy) = (bed.chain_spec(), bed.deploy_spec());
        PoolDeploy { spec, template: name(), deploy, starter: Some(operator()) }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        match expect {
            Expect::Complete => {
                bed.check_chain(ChainState::Running).await?;
                same("sequence", bed.check_chaincode().await?, 1)?;
                in_pool(bed).await
            }
            Expect::Clean => same("left over", bed.leftovers().await, Vec::new()),
        }
    }
}

#[tokio::test]
async fn pool_create() {
    Stage::play(Create, nothing).await;
}

#[tokio::test]
async fn pool_deploy() {
    Stage::play(Deploy, nothing).await;
}

/// A world that is wholly its own, with a portal that runs what the operation starts.
struct Beside<S> {
    scene: S,
    prepare: for<'a> fn(&'a Bed) -> BoxFuture<'a, ()>,
    world: Mutex<Option<(Arc<Bed>, ControlPlane)>>,
}

impl<S: Scene> Beside<S> {
    async fn play(scene: S, prepare: for<'a> fn(&'a Bed) -> BoxFuture<'a, ()>) {
        let stage = Self { scene, prepare, world: Mutex::new(None) };
        // Each world makes a chain, so there are fewer of them.
        let options = Options { seeds: 1, samples: 4, write_seeds: 1, write_stride: 3, ..Options::default() };
        if let Err(problems) = testkit::run(&stage, options).await.into_result() {
            panic!("{problems}");
        }
    }

    fn bed(&self) -> Arc<Bed> {
        self.world.lock().unwrap().as_ref().map(|(bed, _)| bed.clone()).unwrap()
    }
}

#[async_trait]
impl<S: Scene> Trial for Beside<S> {
    type Operation = S::Operation;

    async fn world(&self, seed: u64) -> World<S::Operation> {
        let store = Store::open("mem://").await.unwrap();
        person(&store, "otto", Role::Operator).await;
        let bed = Arc::new(Bed::new(&store, seed).await);
        (self.prepare)(&bed).await;
        let key = Zeroizing::new(vec![1; 32]);
        let plane = ControlPlane::new(bed.services.clone(), Settings::new("beside"), key).unwrap();
        let world = World { params: self.scene.params(&bed), env: bed.services.clone() };
        *self.world.lock().unwrap() = Some((bed, plane));
        world
    }

    async fn check(&self, _world: &World<S::Operation>, expect: Expect) -> Result<(), String> {
        self.scene.check(&self.bed(), expect).await
    }
}

struct Fill;

impl Scene for Fill {
    type Operation = PoolFill;

    fn params(&self, bed: &Bed) -> PoolFill {
        PoolFill {
            host: bed.host.clone(),
            template: template(bed),
            count: Some(1),
            replaces: None,
            owner: "otto".to_owned(),
            starter: None,
        }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let chains = bed.services.store.chains_on(&bed.host).await.unwrap();
        if expect == Expect::Clean {
            return same("left over", bed.leftovers().await, Vec::new());
        }
        let found: Vec<_> = chains.iter().map(|chain| (chain.name.as_str(), chain.pool.clone())).collect();
        same("chains", found, vec![("small-1", Some(name()))])
    }
}

/// A free chain makes way for another one.
struct Replace;

impl Scene for Replace {
    type Operation = PoolFill;

    fn params(&self, bed: &Bed) -> PoolFill {
        PoolFill { replaces: Some(bed.chain_spec().name), ..Fill.params(bed) }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let chains = bed.services.store.chains_on(&bed.host).await.unwrap();
        let found: Vec<&str> = chains.iter().map(|chain| chain.name.as_str()).collect();
        match expect {
            Expect::Complete => same("chains", found, vec!["small-1"]),
            // What was removed does not come back.
            Expect::Clean => same("small-1 is there", found.contains(&"small-1"), false),
        }
    }
}

struct Clean;

impl Scene for Clean {
    type Operation = PoolClean;

    fn params(&self, bed: &Bed) -> PoolClean {
        PoolClean { host: bed.host.clone(), owner: "otto".to_owned() }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let left = bed.leftovers().await;
        if expect == Expect::Complete || left.is_empty() {
            return same("left over", left, Vec::new());
        }
        // What was removed does not come back; what was not is free as before.
        bed.check_chain(ChainState::Running).await?;
        in_pool(bed).await
    }
}

struct Reset;

impl Scene for Reset {
    type Operation = HostReset;

    fn params(&self, bed: &Bed) -> HostReset {
        HostReset { host: bed.host.clone() }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let left = bed.agent.objects(&bed.services.installation);
        // What was removed does not come back.
        if expect == Expect::Complete { same("left over", left, Vec::new()) } else { Ok(()) }
    }
}

fn bare(_bed: &Bed) -> BoxFuture<'_, ()> {
    Box::pin(async {})
}

fn pooled(bed: &Bed) -> BoxFuture<'_, ()> {
    Box::pin(bed.run(PoolCreate { spec: bed.chain_spec(), template: name() }))
}

/// A chain of which the portal knows nothing any more.
fn forgotten(bed: &Bed) -> BoxFuture<'_, ()> {
    Box::pin(async move {
        bed.run(ChainCreate { spec: bed.chain_spec() }).await;
        let (store, chain) = (&bed.services.store, bed.chain_spec().name);
        store.release_block(&bed.host, &chain).await.unwrap();
        store.chain_delete(&chain).await.unwrap();
    })
}

#[tokio::test]
async fn pool_fill() {
    Beside::play(Fill, bare).await;
}

#[tokio::test]
async fn pool_fill_in_the_place_of_another_chain() {
    Beside::play(Replace, pooled).await;
}

#[tokio::test]
async fn pool_clean() {
    Beside::play(Clean, pooled).await;
}

#[tokio::test]
async fn host_reset() {
    Beside::play(Reset, forgotten).await;
}
