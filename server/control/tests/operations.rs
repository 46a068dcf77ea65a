//! Every operation in the workflow's test kit: run twice, failed, undone, undone twice, crashed at every step and
//! resumed, on a host and a network in memory. After each case nothing is left over and nothing is stuck.
//! `HEDDLE_TEST_FULL` plays every crash with a hundred seeds.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it tried"
)]

#[path = "plane/bed.rs"]
#[expect(dead_code, reason = "the tests of calls need more of it")]
mod bed;
#[path = "operations/further.rs"]
mod further;
#[path = "operations/pool.rs"]
mod pool;
#[path = "operations/tenure.rs"]
mod tenure;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bed::{Bed, SECOND_IMAGE, Template, person, same};
use control::operations::chain_create::ChainCreate;
use control::operations::chain_delete::ChainDelete;
use control::operations::chain_restart::ChainRestart;
use control::operations::chain_start::ChainStart;
use control::operations::chain_stop::ChainStop;
use control::operations::chaincode_deploy::{ChaincodeDeploy, Starter};
use control::operations::demo_create::DemoCreate;
use control::services::Services;
use domain::chain::ChainState;
use domain::id::UserId;
use domain::name::UserName;
use domain::permission::Role;
use store::Store;
use workflow::Operation;
use workflow::testkit::{self, Expect, Options, Trial, World};

/// What is done in a world, and how the world looks afterwards.
trait Scene: Send + Sync {
    type Operation: Operation<Env = Services>;

    fn params(&self, bed: &Bed) -> Self::Operation;

    fn check(&self, bed: &Bed, expect: Expect) -> impl Future<Output = Result<(), String>> + Send;
}

/// A scene in worlds that all begin alike: empty, or as a template for even and one for odd seeds has it.
struct Stage<S> {
    scene: S,
    store: Store,
    templates: Option<[Template; 2]>,
    bed: Mutex<Option<Arc<Bed>>>,
}

impl<S: Scene> Stage<S> {
    async fn play(scene: S, prepare: impl AsyncFn(&Bed)) {
        let store = Store::open("mem://").await.unwrap();
        person(&store, "otto", Role::Operator).await;
        for name in ["uma", "eve"] {
            person(&store, name, Role::User).await;
        }
        let mut made = Vec::new();
        for seed in [0, 1] {
            let bed = Bed::new(&store, seed).await;
            prepare(&bed).await;
            if bed.plan().await.is_ok() {
                made.push(bed.template().await);
            }
        }
        let stage = Self { scene, store, templates: made.try_into().ok(), bed: Mutex::new(None) };
        let full = std::env::var_os("HEDDLE_TEST_FULL").is_some();
        // Even and odd seeds differ in shape: the first plays every crash, the others one each.
        let quick = Options { seeds: 1, samples: 9, write_seeds: 1, ..Options::default() };
        let options = match S::Operation::plan().step_names().len() {
            _ if full => Options { seeds: 100, write_seeds: 10, ..Options::default() },
            // The demo is made of steps whose writes are tried by themselves, too.
            11.. => Options { write_stride: 7, ..quick },
            _ => quick,
        };
        let report = testkit::run(&stage, options).await;
        println!("{} cases, {} of them with a crash", report.cases, report.crashes);
        if let Err(problems) = report.into_result() {
            panic!("{problems}");
        }
    }

    fn bed(&self) -> Arc<Bed> {
        self.bed.lock().unwrap().clone().unwrap()
    }
}

#[async_trait]
impl<S: Scene> Trial for Stage<S> {
    type Operation = S::Operation;

    async fn world(&self, seed: u64) -> World<S::Operation> {
        let bed = match &self.templates {
            None => Bed::new(&self.store, seed).await,
            Some([even, odd]) => {
                Bed::from(&self.store, seed, if seed.is_multiple_of(2) { even } else { odd }).await
            }
        };
        let world = World { params: self.scene.params(&bed), env: bed.services.clone() };
        *self.bed.lock().unwrap() = Some(Arc::new(bed));
        world
    }

    async fn check(&self, _world: &World<S::Operation>, expect: Expect) -> Result<(), String> {
        self.scene.check(&self.bed(), expect).await
    }
}

async fn nothing(_bed: &Bed) {}

/// Whose choice approves an image.
fn operator() -> Starter {
    Starter { id: Some(UserId::new("otto")), name: UserName::parse("otto").unwrap() }
}

async fn created(bed: &Bed) {
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed.check_chain(ChainState::Running).await.unwrap();
}

async fn stopped(bed: &Bed) {
    deployed(bed).await;
    bed.run(ChainStop { chain: bed.chain_spec().name }).await;
}

async fn deployed(bed: &Bed) {
    created(bed).await;
    bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
    assert_eq!(bed.check_chaincode().await, Ok(1));
}

struct Create;

impl Scene for Create {
    type Operation = ChainCreate;

    fn params(&self, bed: &Bed) -> ChainCreate {
        ChainCreate { spec: bed.chain_spec() }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        match expect {
            Expect::Complete => bed.check_chain(ChainState::Running).await,
            Expect::Clean => same("left over", bed.leftovers().await, Vec::new()),
        }
    }
}

struct Start {
    restart: bool,
}

impl Scene for Start {
    type Operation = ChainStart;

    fn params(&self, bed: &Bed) -> ChainStart {
        ChainStart { chain: bed.chain_spec().name, restart: self.restart }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        if self.restart && expect == Expect::Complete {
            // Also where a crash cut the restart in the middle every node was started since.
            for planned in bed.plan().await?.nodes {
                let place = bed.node(planned.name.as_str());
                same(&format!("{place} was restarted"), bed.agent.boots(&place) > 1, true)?;
            }
        }
        let runs = self.restart || expect == Expect::Complete;
        bed.check_chain(if runs { ChainState::Running } else { ChainState::Stopped }).await
    }
}

/// Node by node, beside calls.
struct Restart;

impl Scene for Restart {
    type Operation = ChainRestart;

    fn params(&self, bed: &Bed) -> ChainRestart {
        ChainRestart { chain: bed.chain_spec().name }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        if expect == Expect::Complete {
            // Also where a crash cut it in the middle every node was started since.
            for planned in bed.plan().await?.nodes {
                let place = bed.node(planned.name.as_str());
                same(&format!("{place} was restarted"), bed.agent.boots(&place) > 1, true)?;
            }
        }
        bed.check_chain(ChainState::Running).await?;
        same("sequence", bed.check_chaincode().await?, 1)
    }
}

struct Stop;

impl Scene for Stop {
    type Operation = ChainStop;

    fn params(&self, bed: &Bed) -> ChainStop {
        ChainStop { chain: bed.chain_spec().name }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let runs = expect == Expect::Clean;
        bed.check_chain(if runs { ChainState::Running } else { ChainState::Stopped }).await
    }
}

struct Delete {
    keep_data: bool,
}

impl Scene for Delete {
    type Operation = ChainDelete;

    fn params(&self, bed: &Bed) -> ChainDelete {
        ChainDelete { spec: bed.chain_spec(), keep_data: self.keep_data, only_free: false }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        let left = bed.leftovers().await;
        if expect == Expect::Complete || left.is_empty() {
            same("kept folders", bed.agent.kept().len(), usize::from(self.keep_data))?;
            return same("left over", left, Vec::new());
        }
        // What was removed does not come back: the chain waits as failed for another deletion, and holds its ports.
        let record = bed.services.store.chain_read(&bed.chain_spec().name).await.unwrap();
        let before = record.as_ref().is_some_and(|record| record.state == ChainState::Running);
        if !before {
            same("state", record.map(|record| record.state), Some(ChainState::Failed))?;
        }
        same("claims", bed.services.store.host_claims(&bed.host).await.unwrap().len(), 1)
    }
}

struct Deploy;

impl Scene for Deploy {
    type Operation = ChaincodeDeploy;

    fn params(&self, bed: &Bed) -> ChaincodeDeploy {
        ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        bed.check_chain(ChainState::Running).await?;
        let sequence = bed.check_chaincode().await?;
        // What was committed before the undo stays; started again, the next sequence follows.
        same("a sequence", expect == Expect::Clean || sequence > 0, true)
    }
}

struct Upgrade;

impl Scene for Upgrade {
    type Operation = ChaincodeDeploy;

    fn params(&self, bed: &Bed) -> ChaincodeDeploy {
        let mut spec = bed.deploy_spec();
        (spec.version, spec.image) = ("2".to_owned(), SECOND_IMAGE.to_owned());
        // An image outside of the rules runs because an operator chose it.
        ChaincodeDeploy { spec, starter: Some(operator()) }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        bed.check_chain(ChainState::Running).await?;
        let sequence = bed.check_chaincode().await?;
        same("a sequence", sequence >= if expect == Expect::Clean { 1 } else { 2 }, true)
    }
}

struct Demo;

impl Scene for Demo {
    type Operation = DemoCreate;

    fn params(&self, bed: &Bed) -> DemoCreate {
        DemoCreate { spec: bed.chain_spec(), deploy: bed.deploy_spec() }
    }

    async fn check(&self, bed: &Bed, expect: Expect) -> Result<(), String> {
        match expect {
            Expect::Complete => {
                bed.check_chain(ChainState::Running).await?;
                same("sequence", bed.check_chaincode().await?, 1)
            }
            Expect::Clean => same("left over", bed.leftovers().await, Vec::new()),
        }
    }
}

#[tokio::test]
async fn chain_create() {
    Stage::play(Create, nothing).await;
}

#[tokio::test]
async fn chain_start() {
    Stage::play(Start { restart: false }, stopped).await;
}

#[tokio::test]
async fn chain_restart() {
    Stage::play(Restart, deployed).await;
}

/// As former versions began it.
#[tokio::test]
async fn chain_restart_of_a_former_version() {
    Stage::play(Start { restart: true }, deployed).await;
}

#[tokio::test]
async fn chain_stop() {
    Stage::play(Stop, deployed).await;
}

#[tokio::test]
async fn chain_delete() {
    Stage::play(Delete { keep_data: false }, deployed).await;
}

#[tokio::test]
async fn chain_delete_with_its_data_kept() {
    Stage::play(Delete { keep_data: true }, deployed).await;
}

#[tokio::test]
async fn chaincode_deploy() {
    Stage::play(Deploy, created).await;
}

#[tokio::test]
async fn chaincode_upgrade() {
    Stage::play(Upgrade, deployed).await;
}

#[tokio::test]
async fn demo_create() {
    Stage::play(Demo, nothing).await;
}

/// The façade's own list is what counts: an operation that it knows and no scene plays is not tried at all.
#[test]
fn every_registered_operation_is_played() {
    let facade = include_str!("../src/lib.rs");
    let scenes = [
        include_str!("operations.rs"),
        include_str!("operations/further.rs"),
        include_str!("operations/pool.rs"),
        include_str!("operations/tenure.rs"),
    ]
    .concat();
    let registered: Vec<&str> = facade
        .lines()
        .filter_map(|line| line.split_once(".register::<")?.1.split_once(">()"))
        .filter_map(|(path, _)| path.rsplit("::").next())
        .collect();
    assert!(registered.len() > 10, "{registered:?}");
    for operation in registered {
        assert!(scenes.contains(&format!("type Operation = {operation};")), "{operation} is in no scene");
    }
}
