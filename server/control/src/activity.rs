//! What goes on around the caller, for the frame of every page.

use domain::activity::ActivityView;
use domain::permission::{Action, Noun};
use domain::{Error, ErrorKind};
use workflow::OperationRecord;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::operation::log_error;
use crate::policy::{self, Resource};

/// Operations under way that are looked at; beyond it the number is not exact.
const OPEN_MAX: u32 = 500;

impl ControlPlane {
    /// How many operations are under way that the caller may see, and how many notices they have not read.
    pub async fn activity_read(&self, caller: &Caller) -> Result<ActivityView, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Operation))?;
        let unread = self.services.store.notice_unread(&caller.require_user()?.id).await;
        let unread = unread.map_err(crate::error::store)?;
        Ok(ActivityView { running: self.operations_running(caller).await?, unread })
    }

    /// How many operations are under way that the caller may see.
    pub(crate) async fn operations_running(&self, caller: &Caller) -> Result<u32, Error> {
        let open = self.services.store.operations_open(OPEN_MAX).await.map_err(log_error)?;
        let mut running = 0;
        for record in open {
            running += u32::from(self.operation_in_reach(caller, &record).await?);
        }
        Ok(running)
    }

    /// Whether the caller may see an operation. Nothing is looked up for those who reach everything.
    pub(crate) async fn operation_in_reach(
        &self,
        caller: &Caller,
        record: &OperationRecord,
    ) -> Result<bool, Error> {
        if policy::allows(caller, Action::Read, Resource::any(Noun::Operation)) {
            return Ok(true);
        }
        match self.operation_allows(caller, Action::Read, record).await {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Forbidden) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
