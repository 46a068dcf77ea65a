//! Notices: what happened to what somebody began or owns. They are told where they look next, and at once if they
//! look now.

use domain::Error;
use domain::chain::{Health, HealthView};
use domain::id::OperationId;
use domain::notice::{NoticeKind, NoticeView};
use domain::permission::{Action, Noun};
use store::{ChainRecord, NoticeRecord, OperationEnd};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::operation::subject;
use crate::policy::{self, Resource};
use crate::services::Services;

/// What the record of the audit is about.
const OBJECT: &str = "notice";

impl Services {
    /// Tells somebody of something, once. Whatever happened has happened, told or not: a store that fails is noted.
    pub async fn notify(&self, notice: &NoticeRecord) {
        match self.store.notice_put(notice).await {
            Ok(true) => self.changed("notice", &notice.user),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "somebody cannot be told of something"),
        }
    }
}

impl ControlPlane {
    /// What the caller was told, newest first.
    pub async fn notice_list(&self, caller: &Caller) -> Result<Vec<NoticeView>, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Profile))?;
        let user = &caller.require_user()?.id;
        self.services.store.notice_list(user).await.map_err(crate::error::store)
    }

    /// Notes that the caller has read everything they were told until a moment, unix milliseconds: what came since was
    /// not on their page.
    pub async fn notice_read_all(&self, caller: &Caller, until_ms: i64) -> Result<(), Error> {
        let result = self.notice_read_checked(caller, until_ms).await;
        self.audit.record(caller, "notice-read-all", OBJECT, &result).await;
        result
    }

    async fn notice_read_checked(&self, caller: &Caller, until_ms: i64) -> Result<(), Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Profile))
            .map_err(|error| error.about(OBJECT))?;
        let user = &caller.require_user()?.id;
        self.audit.begin(caller, "notice-read-all", OBJECT).await;
        self.services.store.notice_read_all(user, until_ms).await.map_err(crate::error::store)?;
        self.services.changed("notice", user);
        Ok(())
    }

    /// Tells whoever started an operation how it ended; called until the end is recorded, which tells it once.
    pub(crate) async fn notify_end(&self, end: &OperationEnd) {
        // What the portal began by itself nobody waits for.
        if end.operation.owner == crate::pool::PORTAL {
            return;
        }
        let kind = match end.result.as_str() {
            "done" => NoticeKind::OperationDone,
            "undone" => NoticeKind::OperationUndone,
            _ => NoticeKind::OperationFailed,
        };
        let operation = &end.operation;
        let view = NoticeView {
            at_ms: end.at_ms,
            kind,
            subject: operation.subject.clone().unwrap_or_default(),
            operation: Some(OperationId::new(operation.id.clone())),
            name: operation.name.clone(),
            is_read: false,
        };
        let user = domain::id::UserId::new(operation.owner.clone());
        self.services.notify(&NoticeRecord { key: end.key.clone(), user, view }).await;
    }

    /// Tells the owner of a chain that it is not well any more.
    pub(crate) async fn notify_unwell(&self, chain: &ChainRecord, now: &HealthView) {
        let Some(user) = chain.owner.clone() else { return };
        if chain.health.health != Health::Ok || now.health == Health::Ok {
            return;
        }
        let at_ms = now.checked_ms.unwrap_or_default();
        let view = NoticeView {
            at_ms,
            kind: NoticeKind::ChainUnwell,
            subject: subject(&chain.name),
            operation: None,
            name: String::new(),
            is_read: false,
        };
        let key = format!("unwell/{}/{at_ms}", chain.name);
        self.services.notify(&NoticeRecord { key, user, view }).await;
    }
}
