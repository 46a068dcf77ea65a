//! Hosts: adding, changing, removing, and what is on them. Credentials go in and never come out.

use std::sync::Arc;

use domain::audit::{FieldChange, Public};
use domain::host::image::check_registry;
use domain::host::{
    Endpoint, HostCredentials, HostFacts, HostSpec, HostState, HostStatus, HostView, RegistryCredentials,
};
use domain::id::HostId;
use domain::name::HostName;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use store::{ClaimRecord, HostRecord, StoreError};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::secrets::random;
use crate::services::{credentials_key, registry_key, registry_prefix};
use credentials::EngineCredentials;

pub mod built;
mod capacity;
mod changed;
mod cluster;
pub mod credentials;
mod home;
pub(crate) mod images;
mod page;
pub(crate) mod pool;
pub(crate) mod probe;
mod spaces;
pub(crate) mod status;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod upload;

/// Most registries with credentials on one host.
const REGISTRIES_MAX: usize = 50;

impl ControlPlane {
    /// One host.
    pub async fn host_read(&self, caller: &Caller, id: &HostId) -> Result<HostView, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        self.host_view(record).await
    }

    /// What the portal runs beside and is not a host yet, with defaults filled in: the local engine, if it was allowed
    /// at start, then the cluster that the portal runs in.
    pub async fn host_local_offer(&self, caller: &Caller) -> Result<Vec<HostSpec>, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        let mut offers = Vec::new();
        if let Some(path) = &self.services.local_engine {
            offers.push(HostSpec::local(HostName::parse("local")?, path));
        }
        if self.services.in_cluster {
            offers.push(HostSpec::cluster(HostName::parse("cluster")?, Endpoint::InCluster));
        }
        let hosts = self.services.store.host_list().await.map_err(crate::error::store)?;
        let is_taken = |offer: &HostSpec| {
            hosts.iter().any(|host| host.spec.endpoint.canonical() == offer.endpoint.canonical())
        };
        offers.retain(|offer| !is_taken(offer));
        Ok(offers)
    }

    /// Adds a host after a connection test; nothing is saved before it passes.
    pub async fn host_add(
        &self,
        caller: &Caller,
        spec: HostSpec,
        credentials: Option<HostCredentials>,
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
        credentials: Option<HostCredentials>,
    ) -> Result<HostView, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Host))?;
        let credentials = entered(credentials, &spec.endpoint)?;
        let probe = self.probe(&spec, credentials.clone()).await?;
        if let Some((_, error)) = probe.failed {
            return Err(error);
        }
        let id = HostId::new(hex::encode(random::<8>().map_err(|_| Error::internal())?));
        let (status, created_ms) = (self.seen_now(probe.facts), self.services.clock.now_ms());
        // What it is kept full of is chosen later, among the templates that there are.
        let spec = HostSpec { autofill: None, ..spec };
        let record = HostRecord { id: id.clone(), spec, status, created_ms };
        let sealed = credentials.map(|new| self.services.seal(&credentials_key(&id), &new)).transpose()?;
        let _one_at_a_time = self.leading.lock().await;
        if let Some(facts) = &record.status.facts {
            self.check_engine(&id, &record.spec.endpoint, &facts.engine_id).await?;
        }
        self.audit.begin(caller, "host-add", &format!("host/{}", record.spec.name)).await;
        let created = self.services.store.host_create(&record, sealed.as_ref()).await;
        created.map_err(|error| taken(&record.spec.endpoint, error))?;
        self.services.changed("host", &id);
        self.host_view(record).await
    }

    /// Changes a host. Another endpoint or other credentials must pass the connection test first, and lead to the same
    /// engine while chains are on it. Without new credentials the stored ones stay.
    pub async fn host_edit(
        &self,
        caller: &Caller,
        id: &HostId,
        spec: HostSpec,
        credentials: Option<HostCredentials>,
    ) -> Result<HostView, Error> {
        let (object, mut changes) = (format!("host/{id}"), Vec::new());
        let result = self.host_edit_checked(caller, id, spec, credentials, &mut changes).await;
        self.audit.record_change(caller, "host-edit", &object, changes, &result).await;
        result
    }

    /// A host as it may be changed, for whoever may.
    pub async fn host_settings(&self, caller: &Caller, id: &HostId) -> Result<HostView, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        self.host_view(record).await
    }

    async fn host_edit_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        spec: HostSpec,
        credentials: Option<HostCredentials>,
        changes: &mut Vec<FieldChange>,
    ) -> Result<HostView, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Host))?;
        let before = self.host_record(id).await?;
        spec.check()?;
        let credentials = entered(credentials, &spec.endpoint)?;
        if credentials.is_some() {
            self.stepped_up(caller)?;
        }
        // From what it is kept full is no part of this form, and may have changed since it was opened.
        let spec = HostSpec { autofill: before.spec.autofill.clone(), ..spec };
        *changes = changed::told(&before.spec, &spec, credentials.is_some());
        // What is wanted of a cluster decides which rights and which storage have to be there.
        let moved = spec.endpoint != before.spec.endpoint
            || spec.cluster != before.spec.cluster
            || credentials.is_some();
        let facts = if moved { self.facts_behind(id, &spec, credentials.clone()).await? } else { None };
        let _one_at_a_time = self.leading.lock().await;
        if let Some(facts) = &facts {
            self.check_engine(id, &spec.endpoint, &facts.engine_id).await?;
        }
        let known = before.status.facts.as_ref().map(|facts| &facts.engine_id);
        let known = known.filter(|known| !known.is_empty());
        let check = |held: &[ClaimRecord]| {
            let found = facts.as_ref().map(|facts| &facts.engine_id);
            let other = found.zip(known).is_some_and(|(found, known)| found != known);
            if other && !held.is_empty() {
                return Err(Error::conflict(Code::HostOtherEngine).on(endpoint_field(&spec.endpoint)));
            }
            let held: Vec<_> = held.iter().map(|claim| (claim.block, claim.chain.clone())).collect();
            spec.check_kept(&before.spec, held.len())?;
            spec.check_held(&held)
        };
        let sealed = credentials.map(|new| self.services.seal(&credentials_key(id), &new)).transpose()?;
        self.audit.begin_change(caller, "host-edit", &format!("host/{id}"), changes.clone()).await;
        let updated = self.services.store.host_update(id, &spec, sealed.as_ref(), check).await;
        updated.map_err(|error| taken(&spec.endpoint, error))??;
        self.services.forget_agent(id);
        if facts.is_some() {
            // Which engine it is counts at once, not only after the next look at it.
            let (seen, saved) = (self.seen_now(facts), self.host_record(id).await?.spec);
            let now = self.services.clock.now_ms();
            let stored = self.services.store.host_status_save(id, &saved, &seen, now).await;
            stored.map_err(crate::error::store)?;
        }
        self.services.changed("host", id);
        self.host_view(self.host_record(id).await?).await
    }

    /// Refuses an engine that is another host already: two hosts would each count its capacity and give out its ports.
    /// An equal endpoint is refused by the store.
    async fn check_engine(&self, own: &HostId, endpoint: &Endpoint, engine: &str) -> Result<(), Error> {
        if engine.is_empty() {
            return Ok(());
        }
        let hosts = self.services.store.host_list().await.map_err(crate::error::store)?;
        let same = hosts.into_iter().find(|host| {
            let known = host.status.facts.as_ref().is_some_and(|facts| facts.engine_id == engine);
            known && host.id != *own && host.spec.endpoint.canonical() != endpoint.canonical()
        });
        match same {
            Some(host) => Err(Error::conflict(Code::HostEngineTaken)
                .with("name", &host.spec.name)
                .on(endpoint_field(endpoint))),
            None => Ok(()),
        }
    }

    /// Tests where a changed host would lead, with the new credentials or else the stored ones.
    async fn facts_behind(
        &self,
        id: &HostId,
        spec: &HostSpec,
        credentials: Option<EngineCredentials>,
    ) -> Result<Option<HostFacts>, Error> {
        let credentials = match credentials {
            Some(new) => Some(new),
            // Those of another kind of host are of no use here.
            None => self.services.engine_credentials(id).await?.filter(|stored| stored.fit(&spec.endpoint)),
        };
        let probe = self.probe(spec, credentials).await?;
        match probe.failed {
            Some((_, error)) => Err(error),
            None => Ok(probe.facts),
        }
    }

    /// The status of a host that has just passed the connection test.
    fn seen_now(&self, facts: Option<HostFacts>) -> HostStatus {
        let last_seen_ms = Some(self.services.clock.now_ms());
        HostStatus { state: HostState::Active, reason: None, last_seen_ms, facts }
    }

    /// Stores credentials for a registry, in place of those that were there; used at the next pull.
    pub async fn host_registry_set(
        &self,
        caller: &Caller,
        id: &HostId,
        credentials: RegistryCredentials,
    ) -> Result<HostView, Error> {
        let object = registry_key(id, &credentials.registry);
        let result = self.host_registry_set_checked(caller, id, credentials).await;
        let changes = vec![FieldChange::replaced("credentials")];
        self.audit.record_change(caller, "host-registry-set", &object, changes, &result).await;
        result
    }

    async fn host_registry_set_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        credentials: RegistryCredentials,
    ) -> Result<HostView, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        credentials.check()?;
        self.stepped_up(caller)?;
        let known = self.registries(id).await?;
        if known.len() >= REGISTRIES_MAX && !known.contains(&credentials.registry) {
            return Err(Error::invalid(Code::TooManyEntries).with("max", REGISTRIES_MAX).on("registry"));
        }
        let sealed = self.services.seal(&registry_key(id, &credentials.registry), &credentials)?;
        let changes = vec![FieldChange::replaced("credentials")];
        self.audit.begin_change(caller, "host-registry-set", &sealed.key, changes).await;
        self.services.store.host_secret_put(id, &sealed).await.map_err(crate::error::store)?;
        self.registries_changed(&record);
        self.services.changed("host", id);
        self.host_view(record).await
    }

    /// Forgets the credentials for a registry.
    pub async fn host_registry_remove(
        &self,
        caller: &Caller,
        id: &HostId,
        registry: &str,
    ) -> Result<HostView, Error> {
        let result = self.host_registry_remove_checked(caller, id, registry).await;
        let (key, changes) = (registry_key(id, registry), registry_gone(registry));
        self.audit.record_change(caller, "host-registry-remove", &key, changes, &result).await;
        result
    }

    async fn host_registry_remove_checked(
        &self,
        caller: &Caller,
        id: &HostId,
        registry: &str,
    ) -> Result<HostView, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        check_registry(registry)?;
        let key = registry_key(id, registry);
        self.audit.begin_change(caller, "host-registry-remove", &key, registry_gone(registry)).await;
        self.services.store.secret_delete(&key).await.map_err(crate::error::store)?;
        self.registries_changed(&record);
        self.services.changed("host", id);
        self.host_view(record).await
    }

    /// The agent of a cluster carries credentials for registries with it; it is made anew with those that are there now,
    /// which then come to the chains that are there already. Nobody waits for that.
    fn registries_changed(&self, record: &HostRecord) {
        if record.spec.endpoint.is_cluster() {
            self.services.forget_agent(&record.id);
            let (services, id) = (Arc::clone(&self.services), record.id.clone());
            let generation = services.generation(&id);
            tokio::spawn(async move { spaces::renew(&services, &id, generation).await });
        }
    }

    /// Registries for which a host has credentials, by name; the credentials stay sealed.
    async fn registries(&self, id: &HostId) -> Result<Vec<String>, Error> {
        let prefix = registry_prefix(id);
        let secrets = self.services.store.secret_list_prefix(&prefix).await.map_err(crate::error::store)?;
        Ok(secrets.into_iter().filter_map(|s| s.key.strip_prefix(&prefix).map(str::to_owned)).collect())
    }

    /// Removes a host that holds no chain. What the portal kept there for itself is removed afterwards, as far as the host
    /// lets it; nothing else on it is touched.
    pub async fn host_remove(&self, caller: &Caller, id: &HostId) -> Result<(), Error> {
        let result = self.host_remove_checked(caller, id).await;
        self.audit.record(caller, "host-remove", &format!("host/{id}"), &result).await;
        result
    }

    async fn host_remove_checked(&self, caller: &Caller, id: &HostId) -> Result<(), Error> {
        policy::authorize(caller, Action::Delete, Resource::any(Noun::Host))?;
        let record = self.host_record(id).await?;
        self.stepped_up(caller)?;
        // With its record go its credentials: later nobody could clear up there.
        let agent = self.services.agent(id).await.ok();
        self.audit.begin(caller, "host-remove", &format!("host/{id}")).await;
        let store = &self.services.store;
        match store.host_remove(id).await {
            Ok(()) => {}
            Err(StoreError::Conflict { .. }) => {
                let claims = store.host_claims(id).await.map_err(crate::error::store)?;
                return Err(Error::conflict(Code::HostHasChains).with("count", claims.len()));
            }
            Err(error) => return Err(crate::error::store(error)),
        }
        self.services.forget_agent(id);
        self.services.changed("host", id);
        if let Some(agent) = agent {
            let services = Arc::clone(&self.services);
            tokio::spawn(async move { home::clear(&services, &record, agent.as_ref()).await });
        }
        Ok(())
    }

    pub(crate) async fn host_record(&self, id: &HostId) -> Result<HostRecord, Error> {
        self.services.store.host_read(id).await.map_err(crate::error::store)?.ok_or_else(Error::not_found)
    }

    async fn host_view(&self, record: HostRecord) -> Result<HostView, Error> {
        let claims = self.services.store.host_claims(&record.id).await.map_err(crate::error::store)?;
        let registries = self.registries(&record.id).await?;
        Ok(HostView {
            id: record.id,
            spec: record.spec,
            status: record.status,
            chains: u16::try_from(claims.len()).unwrap_or(u16::MAX),
            registries,
            created_ms: record.created_ms,
        })
    }
}

/// What is different once the credentials for a registry are gone.
fn registry_gone(registry: &str) -> Vec<FieldChange> {
    FieldChange::between("registry", &Public(registry), &Public("")).into_iter().collect()
}

/// A refused write in the words of the form.
fn taken(endpoint: &Endpoint, error: StoreError) -> Error {
    match error {
        StoreError::Taken { what: "endpoint" } => {
            Error::conflict(Code::HostEndpointTaken).on(endpoint_field(endpoint))
        }
        StoreError::Taken { .. } => Error::conflict(Code::HostNameTaken).on("name"),
        other => crate::error::store(other),
    }
}

/// The form field that an endpoint is typed into.
pub(crate) fn endpoint_field(endpoint: &Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Local { .. } => "path",
        Endpoint::Tcp { .. } => "address",
        Endpoint::Cluster { .. } | Endpoint::InCluster => "server",
    }
}

/// What an admin gave for a host, taken apart.
fn entered(given: Option<HostCredentials>, endpoint: &Endpoint) -> Result<Option<EngineCredentials>, Error> {
    given.map(|given| EngineCredentials::from_given(given, endpoint)).transpose()
}
