//! The product: use cases and policy. Every way in, from a page or over REST, calls one method of [`ControlPlane`],
//! whose first line authorises. Nothing else may reach the store, a host or a node. This crate knows neither HTTP nor
//! how a page looks.

use std::sync::Arc;
use std::time::Duration;

use domain::id::OperationId;
use domain::{Code, Error};
use store::ChainRecord;
use tokio::sync::broadcast;
use workflow::{EventRecord, Operation, Start, StartError, Workflow};
use zeroize::Zeroizing;

mod access;
mod activity;
pub mod audit;
pub mod caller;
pub mod chain;
pub mod chaincode;
mod change;
pub mod channel;
mod error;
mod explain;
mod history;
pub mod host;
pub mod key;
pub mod keyring;
pub mod mail;
pub mod material;
pub mod network;
pub mod node;
mod notice;
pub mod operation;
pub mod operations;
pub mod password;
pub mod policy;
pub mod pool;
mod preflight;
pub mod profile;
pub mod reconcile;
mod search;
pub mod second_factor;
pub mod secrets;
pub mod services;
pub mod session;
pub mod setup;
mod stats;
pub mod template;
pub mod topology;
pub mod transaction;
pub mod user;

use audit::AuditLog;
use caller::Caller;
use network::ChainLink;
use password::Passwords;
use services::{Changed, Services};
use setup::SetupGuard;

/// Longest wait for the audit when the portal ends.
const CLOSE_WAIT: Duration = Duration::from_secs(10);

/// The façade.
pub struct ControlPlane {
    services: Arc<Services>,
    workflow: Arc<Workflow<Services>>,
    audit: AuditLog,
    passwords: Passwords,
    setup: SetupGuard,
    /// Roles that need a second factor, as they were last read.
    second_factor_roles: second_factor::Required,
    /// Held while a host is added or led elsewhere: no two of them become the same engine at the same moment.
    leading: tokio::sync::Mutex<()>,
    /// Image archives that are taken in side by side.
    uploads: tokio::sync::Semaphore,
    /// What nodes used when pages last asked.
    usages: node::Usages,
    /// Images that hosts have lost, on their way back.
    lost_images: reconcile::LostImages,
    /// What people wrote last, for their next call to see.
    last_writes: transaction::LastWrites,
    /// What peers were seen to have.
    heights: transaction::Heights,
    /// How many calls that write everybody has made.
    calls: pool::calls::Calls,
    /// Held while it is decided who waits, who is served and what is made: nobody gets more by asking often at once.
    applying: tokio::sync::Mutex<()>,
    /// Held while work on a pool is counted and begun: no two are the last for which there is room.
    filling: tokio::sync::Mutex<()>,
    /// When this portal began, unix milliseconds.
    began_ms: i64,
    /// When what has expired was last removed, unix milliseconds.
    purged_ms: std::sync::atomic::AtomicI64,
}

/// Why the façade could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("an operation's plan is not well formed")]
    Plan(#[from] workflow::PlanError),
    #[error("the random numbers of the operating system are not available")]
    Random(#[from] secrets::SecretError),
    #[error("passwords cannot be hashed")]
    Passwords(#[from] Error),
}

impl ControlPlane {
    /// Puts the façade together and starts its appender; nothing is recovered yet.
    pub fn new(
        services: Arc<Services>,
        settings: workflow::Settings,
        audit_key: Zeroizing<Vec<u8>>,
    ) -> Result<Self, BuildError> {
        let log = Arc::new(services.store.clone());
        let workflow = Workflow::new(log, services.clone(), services.clock.clone(), settings)
            .register::<operations::chain_create::ChainCreate>()?
            .register::<operations::chain_start::ChainStart>()?
            .register::<operations::chain_stop::ChainStop>()?
            .register::<operations::chain_restart::ChainRestart>()?
            .register::<operations::chain_delete::ChainDelete>()?
            .register::<operations::chaincode_deploy::ChaincodeDeploy>()?
            .register::<operations::chaincode_steps::ChaincodeInstall>()?
            .register::<operations::chaincode_steps::ChaincodeApprove>()?
            .register::<operations::chaincode_steps::ChaincodeCommit>()?
            .register::<operations::channel_create::ChannelCreate>()?
            .register::<operations::channel_join::ChannelJoin>()?
            .register::<operations::channel_anchors::ChannelAnchors>()?
            .register::<operations::demo_create::DemoCreate>()?
            .register::<operations::host_prepare::HostPrepare>()?
            .register::<operations::node_resize::NodeResize>()?
            .register::<operations::chain_release::ChainRelease>()?
            .register::<operations::chain_release::ChainReleaseDeploy>()?
            .register::<operations::chain_free::ChainFree>()?
            .register::<operations::chain_give::ChainGive>()?
            .register::<operations::pool_create::PoolCreate>()?
            .register::<operations::pool_create::PoolDeploy>()?
            .register::<operations::pool_fill::PoolFill>()?
            .register::<operations::pool_clean::PoolClean>()?
            .register::<operations::host_reset::HostReset>()?
            .register_former(operations::chain_free::ChainFree::former_plan())?
            .register_former(operations::chaincode_deploy::ChaincodeDeploy::former_plan())?
            .register_former(operations::chaincode_steps::ChaincodeInstall::former_plan())?
            .register_former(operations::demo_create::DemoCreate::former_plan())?;
        let workflow = Arc::new(workflow);
        services.attach(&workflow);
        Ok(Self {
            audit: AuditLog::start(services.store.clone(), audit_key, services.clock.clone()),
            passwords: Passwords::new()?,
            setup: SetupGuard::new()?,
            second_factor_roles: second_factor::Required::default(),
            leading: tokio::sync::Mutex::default(),
            uploads: tokio::sync::Semaphore::new(host::upload::SIDE_BY_SIDE),
            usages: node::Usages::default(),
            lost_images: reconcile::LostImages::default(),
            last_writes: transaction::LastWrites::default(),
            heights: transaction::Heights::default(),
            calls: pool::calls::Calls::default(),
            applying: tokio::sync::Mutex::new(()),
            filling: tokio::sync::Mutex::new(()),
            began_ms: services.clock.now_ms(),
            purged_ms: std::sync::atomic::AtomicI64::new(i64::MIN),
            workflow,
            services,
        })
    }

    /// The one-time setup token, for the server's own terminal; never for an answer.
    pub fn setup_token(&self) -> &str {
        self.setup.token()
    }

    /// What changes from now on, for pages that show it. Carries names only; whoever gets them asks again. Names are
    /// told to nobody without [`ControlPlane::change_allowed`].
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.services.changes()
    }

    /// Lines of operations' records from now on; filter them with [`ControlPlane::events_since`]'s rights.
    pub fn events(&self) -> broadcast::Receiver<EventRecord> {
        self.workflow.subscribe()
    }

    /// Takes over what a crash left, and starts the reconcilers. They end with the returned handle.
    pub fn run(self: &Arc<Self>) -> reconcile::Driver {
        reconcile::Driver::start(self.clone())
    }

    /// Ends running steps in order, for at most `within_ms`.
    pub async fn drain(&self, within_ms: u64) {
        let drained = self.workflow.drain(within_ms).await;
        tracing::info!(?drained, "operations are handed over");
    }

    /// Stores everything that waits: nobody asks for anything any more. A store that does not answer holds the end back for
    /// some seconds only; what is then not in the audit is in the log.
    pub async fn close(&self) {
        let until = tokio::time::Instant::now() + CLOSE_WAIT;
        if tokio::time::timeout_at(until, self.reconcile_ends()).await.is_err() {
            tracing::error!("ends of operations are not recorded; the next start records them");
        }
        if self.audit.close(until).await {
            tracing::info!(commits = self.audit_commits(), "the audit is stored");
        }
    }

    pub(crate) async fn link(&self, record: &ChainRecord) -> Result<ChainLink, Error> {
        operations::link_to(&self.services, record).await
    }

    pub(crate) async fn start_operation<P: Operation<Env = Services>>(
        &self,
        caller: &Caller,
        subject: Option<String>,
        key: Option<String>,
        params: P,
    ) -> Result<OperationId, Error> {
        let mut start = Start::new(caller.require_user()?.id.as_str(), params);
        if let Some(subject) = subject {
            start = start.on(subject);
        }
        if let Some(key) = key {
            start = start.with_key(key);
        }
        self.launch(start).await
    }

    pub(crate) async fn launch<P: Operation<Env = Services>>(
        &self,
        start: Start<P>,
    ) -> Result<OperationId, Error> {
        match self.workflow.start(start).await {
            Ok(started) => {
                self.services.changed("operation", &started.id);
                Ok(OperationId::new(started.id))
            }
            Err(StartError::Busy { by }) => Err(Error::conflict(Code::ChainBusy).with("operation", by)),
            Err(other) => Err(error::internal("start an operation", other)),
        }
    }
}
