//! One click from an engine to a running chain with the sample deployed: on which host it is made, and what speaks
//! against it where none takes it.

use domain::host::HostState;
use domain::id::OperationId;
use domain::permission::{Action, Noun};
use domain::{Code, Error};
use store::HostRecord;
use workflow::{ListFilter, Log, Operation};

use super::bounded_key;
use super::offer::is_local;
use crate::ControlPlane;
use crate::caller::{Caller, CallerUser};
use crate::operation::{log_error, subject};
use crate::operations::demo_create::DemoCreate;
use crate::policy::{self, Resource};

/// Newest operations of a person among which an earlier click is looked for.
const CLICKS: u32 = 50;

impl ControlPlane {
    /// One click from an engine to a running chain with the sample deployed.
    pub async fn chain_demo(&self, caller: &Caller, idempotency_key: String) -> Result<OperationId, Error> {
        let result = self.chain_demo_checked(caller, idempotency_key).await;
        // Which chain is made is known only now; the same click again leads to the one of the first.
        let made = match &result {
            Ok(operation) => self.subject_of(operation).await,
            Err(_) => None,
        };
        self.audit.record(caller, "chain-demo", made.as_deref().unwrap_or("chain"), &result).await;
        result
    }

    async fn chain_demo_checked(
        &self,
        caller: &Caller,
        idempotency_key: String,
    ) -> Result<OperationId, Error> {
        policy::authorize(caller, Action::Create, Resource::any(Noun::Chain))?;
        let user = caller.require_user()?;
        let key = bounded_key(idempotency_key)?;
        let params = match self.demo_params(caller).await {
            Ok(params) => params,
            // What the same click began before may be why nothing can begin now.
            Err(refusal) => return self.same_click(user, &key).await?.ok_or(refusal),
        };
        let subject = subject(&params.spec.name);
        self.start_operation(caller, Some(subject), Some(key), params).await
    }

    /// What is created on the first host that passes the pre-flight; else what speaks against the first of all.
    async fn demo_params(&self, caller: &Caller) -> Result<DemoCreate, Error> {
        let mut refusal = None;
        for host in self.demo_hosts(caller).await? {
            let params = DemoCreate::on(&self.services, host.id.clone()).await?;
            match self.preflight(&params.spec, &host).await {
                Ok(()) => return Ok(params),
                Err(problem) => refusal = refusal.or(Some(problem)),
            }
        }
        Err(refusal.unwrap_or_else(|| Error::invalid(Code::HostMissing)))
    }

    /// Hosts that answer, the local engine first. Where there is no host at all, the local engine becomes one.
    async fn demo_hosts(&self, caller: &Caller) -> Result<Vec<HostRecord>, Error> {
        let hosts = self.services.store.host_list().await.map_err(crate::error::store)?;
        if hosts.is_empty() {
            // The portal's own cluster has to be told where its nodes are reached.
            let offers = self.host_local_offer(caller).await?;
            let offer = offers.into_iter().find(|offer| !offer.endpoint.is_cluster());
            let spec = offer.ok_or_else(|| Error::invalid(Code::HostMissing))?;
            return match self.host_add(caller, spec, None).await {
                Ok(added) => Ok(vec![self.host_record(&added.id).await?]),
                // The same click, sent twice: the other one added it.
                Err(refusal) => {
                    let hosts = self.services.store.host_list().await.map_err(crate::error::store)?;
                    if hosts.is_empty() { Err(refusal) } else { Ok(hosts) }
                }
            };
        }
        let is_inactive = |host: &HostRecord| host.status.state == HostState::Inactive;
        let (inactive, mut hosts): (Vec<_>, Vec<_>) = hosts.into_iter().partition(is_inactive);
        if hosts.is_empty() {
            let reason = inactive.into_iter().find_map(|host| host.status.reason);
            return Err(reason.unwrap_or_else(|| Error::unavailable(Code::HostUnreachable)));
        }
        // A cluster that answers and lacks something comes last; an engine never tells a reason while it answers.
        hosts.sort_by_key(|host| {
            (host.status.reason.is_some(), !is_local(host), host.status.state != HostState::Active)
        });
        Ok(hosts)
    }

    /// The operation that the same person began with the same key.
    async fn same_click(&self, user: &CallerUser, key: &str) -> Result<Option<OperationId>, Error> {
        let owner = Some(user.id.as_str().to_owned());
        let filter = ListFilter { owner, limit: CLICKS, ..ListFilter::default() };
        let newest = self.services.store.list(&filter).await.map_err(log_error)?;
        let same = newest.into_iter().find(|operation| {
            operation.name == DemoCreate::plan().name() && operation.idempotency_key.as_deref() == Some(key)
        });
        Ok(same.map(|operation| OperationId::new(operation.id)))
    }
}
