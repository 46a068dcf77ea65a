//! Hosts: testing, adding, removing, and what is on them.

use agents::{ProbeFailure, ProbeStage as AgentStage};
use domain::host::{
    Endpoint, HostFacts, HostSpec, HostState, HostStatus, HostView, ImageState, ImageView, ProbeStage,
    ProbeView, TlsCredentials,
};
use domain::id::HostId;
use domain::name::HostName;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use store::{HostRecord, StoreError};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::secrets::random;
use crate::services::credentials_key;
use crate::topology;

/// Every stage, in order.
const STAGES: [ProbeStage; 6] = [
    ProbeStage::Address,
    ProbeStage::Tcp,
    ProbeStage::Tls,
    ProbeStage::Authentication,
    ProbeStage::ApiVersion,
    ProbeStage::Engine,
];

impl ControlPlane {
    /// Every host with what it holds.
    pub async fn host_list(&self, caller: &Caller) -> Result<Vec<HostView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Host))?;
        let mut views = Vec::new();
        for record in self.services.store.host_list().await.map_err(crate::error::store)? {
            views.push(self.host_view(record).await?);
        }
        Ok(views)
    }

    /// One host.
    pub async fn host_read(&self, caller: &Caller, id: &HostId) -> Result<HostView, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        self.host_view(record).await
    }

    /// The local engine with defaults filled in, if it was allowed at start and is not a host yet.
    pub async fn host_local_offer(&self, caller: &Caller) -> Result<Option<HostSpec>, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        let Some(path) = &self.services.local_engine else { return Ok(None) };
        let offer = HostSpec::local(HostName::parse("local")?, path);
        let hosts = self.services.store.host_list().await.map_err(crate::error::store)?;
        let taken = hosts.iter().any(|host| host.spec.endpoint.canonical() == offer.endpoint.canonical());
        Ok((!taken).then_some(offer))
    }

    /// Tests a connection and names the stage that fails. Nothing is saved.
    pub async fn host_probe(
        &self,
        caller: &Caller,
        spec: HostSpec,
        credentials: Option<TlsCredentials>,
    ) -> Result<ProbeView, Error> {
        policy::authorize(caller, Action::Probe, Resource::any(Noun::Host))?;
        // Whoever may only look at hosts cannot make the portal dial addresses of their choice.
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        self.probe(&spec, credentials.as_ref()).await
    }

    /// Adds a host after a connection test; nothing is saved before it passes.
    pub async fn host_add(
        &self,
        caller: &Caller,
        spec: HostSpec,
        credentials: Option<TlsCredentials>,
    ) -> Result<HostView, Error> {
        let object = format!("host/{}", spec.name);
        let result = self.host_add_checked(caller, spec, credentials).await;
        self.audit.record(caller, "host-add", &object, &result).await;
        result
    }

    async fn host_add_checked(
        &self,
        caller: &Caller,
        spec: HostSpec,
        credentials: Option<TlsCredentials>,
    ) -> Result<HostView, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        let probe = self.probe(&spec, credentials.as_ref()).await?;
        if let Some((_, error)) = probe.failed {
            return Err(error);
        }
        let now = self.services.clock.now_ms();
        let id = HostId::new(hex::encode(random::<8>().map_err(|_| Error::internal())?));
        let status = HostStatus {
            state: HostState::Active,
            reason: None,
            last_seen_ms: Some(now),
            facts: probe.facts,
        };
        let record = HostRecord { id: id.clone(), spec, status, created_ms: now };
        // The credentials go first: a host without them would be of no use, a secret without a host is removed again.
        let key = credentials_key(&id);
        if let Some(credentials) = &credentials {
            let sealed = self.services.seal(&key, credentials)?;
            self.services.store.secret_put(&sealed).await.map_err(crate::error::store)?;
        }
        if let Err(error) = self.services.store.host_create(&record).await {
            self.services.store.secret_delete(&key).await.map_err(crate::error::store)?;
            return Err(match error {
                StoreError::Taken { what } if what == "endpoint" => {
                    Error::conflict(Code::HostEndpointTaken).on("endpoint")
                }
                StoreError::Taken { .. } => Error::conflict(Code::HostNameTaken).on("name"),
                other => crate::error::store(other),
            });
        }
        self.services.changed("host", &id);
        self.host_view(record).await
    }

    /// Removes a host that holds no chain; nothing on it is touched.
    pub async fn host_remove(&self, caller: &Caller, id: &HostId) -> Result<(), Error> {
        let result = self.host_remove_checked(caller, id).await;
        self.audit.record(caller, "host-remove", &format!("host/{id}"), &result).await;
        result
    }

    async fn host_remove_checked(&self, caller: &Caller, id: &HostId) -> Result<(), Error> {
        policy::authorize(caller, Action::Delete, Resource::any(Noun::Host))?;
        let store = &self.services.store;
        match store.host_remove(id).await {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) => {
                let claims = store.host_claims(id).await.map_err(crate::error::store)?;
                return Err(Error::conflict(Code::HostHasChains).with("count", claims.len()));
            }
            Err(error) => return Err(crate::error::store(error)),
        }
        store.secret_delete(&credentials_key(id)).await.map_err(crate::error::store)?;
        self.services.forget_agent(id);
        self.services.changed("host", id);
        Ok(())
    }

    /// The images that chains on this host need, and which are there.
    pub async fn host_images(&self, caller: &Caller, id: &HostId) -> Result<Vec<ImageView>, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        let agent = self.services.agent(id).await?;
        let mut views = Vec::new();
        for reference in wanted_images(&record.spec) {
            let state = match agent.image(&reference).await.map_err(crate::error::agent)? {
                Some(facts) => ImageState::Present { id: facts.id, local_only: facts.local_only },
                None => ImageState::Missing,
            };
            views.push(ImageView { reference, state });
        }
        Ok(views)
    }

    pub(crate) async fn host_record(&self, id: &HostId) -> Result<HostRecord, Error> {
        self.services.store.host_read(id).await.map_err(crate::error::store)?.ok_or_else(Error::not_found)
    }

    async fn host_view(&self, record: HostRecord) -> Result<HostView, Error> {
        let claims = self.services.store.host_claims(&record.id).await.map_err(crate::error::store)?;
        Ok(HostView {
            id: record.id,
            spec: record.spec,
            status: record.status,
            chains: u16::try_from(claims.len()).unwrap_or(u16::MAX),
            created_ms: record.created_ms,
        })
    }

    async fn probe(&self, spec: &HostSpec, credentials: Option<&TlsCredentials>) -> Result<ProbeView, Error> {
        spec.check()?;
        match &spec.endpoint {
            // Any other path would make the portal open files of an admin's choice.
            Endpoint::Local { path } if self.services.local_engine.as_ref() != Some(path) => {
                return Err(Error::invalid(Code::HostLocalRefused).on("endpoint"));
            }
            Endpoint::Tcp { .. } if credentials.is_none() => {
                return Err(Error::invalid(Code::HostPlainTcp).on("credentials"));
            }
            Endpoint::Local { .. } | Endpoint::Tcp { .. } => {}
        }
        let agent = match (self.services.connector)(spec, credentials) {
            Ok(agent) => agent,
            Err(error) => {
                tracing::info!(%error, "credentials of a host cannot be used");
                let refusal = Error::invalid(Code::HostTls).with("why", error).on("credentials");
                return Ok(failed_at(ProbeStage::Tls, refusal));
            }
        };
        match agent.probe().await {
            Ok(facts) => {
                Ok(ProbeView { passed: STAGES.to_vec(), failed: None, facts: Some(facts_view(&facts)) })
            }
            Err(failure) => {
                let stage = stage_of(&failure);
                Ok(failed_at(stage, probe_error(stage, &failure)))
            }
        }
    }
}

fn failed_at(stage: ProbeStage, error: Error) -> ProbeView {
    let passed = STAGES.into_iter().take_while(|passed| *passed != stage).collect();
    ProbeView { passed, failed: Some((stage, error)), facts: None }
}

/// The engine's facts in the portal's words.
pub(crate) fn facts_view(facts: &agents::EngineFacts) -> HostFacts {
    HostFacts {
        engine: facts.name.clone(),
        version: facts.version.clone(),
        api_version: facts.api_version.clone(),
        operating_system: facts.operating_system.clone(),
        architecture: facts.architecture.clone(),
        cpus: facts.cpus.unwrap_or(0),
        memory_mib: facts.memory_bytes.unwrap_or(0) / (1_024 * 1_024),
    }
}

fn stage_of(failure: &ProbeFailure) -> ProbeStage {
    match failure.stage {
        AgentStage::Address => ProbeStage::Address,
        AgentStage::Tcp => ProbeStage::Tcp,
        AgentStage::Tls => ProbeStage::Tls,
        AgentStage::Authentication => ProbeStage::Authentication,
        AgentStage::ApiVersion => ProbeStage::ApiVersion,
        AgentStage::Engine => ProbeStage::Engine,
    }
}

/// A failed stage as an error; only admins get here, so the reason is told.
pub(crate) fn probe_error(stage: ProbeStage, failure: &ProbeFailure) -> Error {
    let code = match stage {
        ProbeStage::Address => Code::HostAddress,
        ProbeStage::Tcp => Code::HostTcp,
        ProbeStage::Tls => Code::HostTls,
        ProbeStage::Authentication => Code::HostAuthentication,
        ProbeStage::ApiVersion => Code::HostApiVersion,
        ProbeStage::Engine => Code::HostEngine,
    };
    Error::unavailable(code).with("why", &failure.message)
}

/// Images of every version and kind, first choice first.
fn wanted_images(spec: &HostSpec) -> Vec<String> {
    let mut wanted = Vec::new();
    for names in [&spec.images.peer, &spec.images.orderer] {
        wanted.extend(topology::images(names, domain::chain::FabricVersion::V2_5));
    }
    wanted.extend(spec.images.sample.clone());
    wanted
}
