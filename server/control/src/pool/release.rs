//! Giving a chain back: made anew, deleted where it is not of the pool, or free as it is.

use domain::id::OperationId;
use domain::name::{ChainName, TemplateName};
use domain::permission::{Action, Noun};
use domain::pool::PoolVerb;
use domain::{Code, Error};
use store::ChainRecord;
use workflow::Start;

use super::PORTAL;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::error::store as store_error;
use crate::operation::subject;
use crate::operations::chain_delete::ChainDelete;
use crate::operations::chain_free::ChainFree;
use crate::operations::chain_release::{ChainRelease, ChainReleaseDeploy};

impl ControlPlane {
    /// Gives a chain back: it is made anew under the same name, and nothing of its owner remains. One that is not of the
    /// pool is deleted, if `delete` says so. The name must be typed.
    ///
    /// # Errors
    /// [`Code::ChainNotPooled`] if it would be deleted and nobody said so, [`Code::ChainUnclaimed`] if it is nobody's.
    pub async fn chain_release(
        &self,
        caller: &Caller,
        name: &ChainName,
        typed: &str,
        delete: bool,
    ) -> Result<OperationId, Error> {
        let result = self.chain_release_checked(caller, name, typed, delete).await;
        self.audit.record(caller, "chain-release", &subject(name), &result).await;
        result
    }

    async fn chain_release_checked(
        &self,
        caller: &Caller,
        name: &ChainName,
        typed: &str,
        delete: bool,
    ) -> Result<OperationId, Error> {
        let record = self.chain_for(caller, Action::Release, Noun::Chain, name).await?;
        let user = caller.require_user()?.id.to_string();
        if typed != name.as_str() {
            return Err(Error::invalid(Code::ChainNameUnconfirmed).with("name", name).on("typed"));
        }
        if record.owner.is_none() {
            return Err(Error::conflict(Code::ChainUnclaimed));
        }
        let failed = self.failed_holder(name).await?;
        if failed.is_none() {
            PoolVerb::Release.check(record.state)?;
        }
        match record.pool.clone() {
            Some(template) => self.begin_release(record, template, &user, failed).await,
            None if delete => {
                let params = ChainDelete { spec: record.spec, keep_data: false, only_free: false };
                self.launch(started(&user, name, failed, params)).await
            }
            None => Err(Error::conflict(Code::ChainNotPooled)),
        }
    }

    /// Starts the release of a chain in the name of whoever began it.
    async fn begin_release(
        &self,
        record: ChainRecord,
        template: TemplateName,
        owner: &str,
        failed: Option<String>,
    ) -> Result<OperationId, Error> {
        let store = &self.services.store;
        let name = record.name.clone();
        let host = store.host_read(&record.host).await.map_err(store_error)?;
        let host = host.ok_or_else(|| Error::invalid(Code::HostMissing))?;
        // A template that was removed meanwhile leaves what the chain was made of.
        let Some(found) = store.template_read(&template).await.map_err(store_error)? else {
            let params = ChainRelease { spec: record.spec, template };
            return self.launch(started(owner, &name, failed, params)).await;
        };
        let spec = found.spec(name.clone(), record.host.clone());
        match found.deploy(&name, &host.spec) {
            Some(deploy) => {
                let params = ChainReleaseDeploy { spec, template, deploy };
                self.launch(started(owner, &name, failed, params)).await
            }
            None => {
                let params = ChainRelease { spec, template };
                self.launch(started(owner, &name, failed, params)).await
            }
        }
    }

    /// Gives a chain back whose time is over. One that something is being done to is left to the next look.
    pub(crate) async fn release_ended(&self, record: ChainRecord) -> Result<(), Error> {
        let (Some(template), Some(_)) = (record.pool.clone(), &record.owner) else { return Ok(()) };
        let failed = self.failed_holder(&record.name).await?;
        if failed.is_none() && PoolVerb::Release.check(record.state).is_err() {
            return Ok(());
        }
        let name = record.name.clone();
        match self.begin_release(record, template, PORTAL, failed).await {
            Ok(operation) => tracing::info!(chain = %name, %operation, "the time of a chain is over"),
            Err(error) if error.code == Code::ChainBusy => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Frees a chain as it is: its ledger stays, the identities that were handed out are revoked.
    pub async fn chain_free(&self, caller: &Caller, name: &ChainName) -> Result<OperationId, Error> {
        let result = async {
            let record = self.chain_for(caller, Action::Free, Noun::Chain, name).await?;
            if record.owner.is_none() {
                return Err(Error::conflict(Code::ChainUnclaimed));
            }
            PoolVerb::Free.check(record.state)?;
            self.start_operation(caller, Some(subject(name)), None, ChainFree { chain: name.clone() }).await
        }
        .await;
        self.audit.record(caller, "chain-free", &subject(name), &result).await;
        result
    }
}

fn started<P>(owner: &str, chain: &ChainName, failed: Option<String>, params: P) -> Start<P> {
    let start = Start::new(owner, params).on(subject(chain));
    match failed {
        Some(operation) => start.superseding(operation),
        None => start,
    }
}
