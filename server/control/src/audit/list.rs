//! Reading the audit, page by page, and how long it is kept at hand.

use domain::audit::{AuditPage, AuditView, FILTERS, FieldChange, TimeOfList, parse_time};
use domain::list::ListQuery;
use domain::permission::{Action, Grant, Noun};
use domain::{Code, Error};
use serde_json::Value;
use store::{AuditFilter, AuditScope};

use crate::ControlPlane;
use crate::caller::{Caller, CallerUser};
use crate::policy::{self, Resource};

/// Records of a page without a query.
const PAGE: u32 = 50;
/// The setting of how many days records stay in the table.
const KEEP: &str = "audit_keep_days";
/// Fewer days would archive what people still look at, more are as good as for ever.
const KEEP_DAYS: std::ops::RangeInclusive<u32> = 7..=36_500;
/// What the audit calls a change of that.
const KEEP_SET: &str = "audit-keep-set";

impl ControlPlane {
    /// The newest records before a sequence number: admins see all of them, operators their own and those of chains,
    /// users their own.
    pub async fn audit_list(&self, caller: &Caller, before: Option<i64>) -> Result<Vec<AuditView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Audit))?;
        let scope = scope(caller)?;
        self.audit.flush().await;
        let records =
            self.services.store.audit_list(before, scope, PAGE).await.map_err(crate::error::store)?;
        Ok(records.into_iter().map(|record| record.view).collect())
    }

    /// The newest records that somebody sees and looks for. A request reads only so many records: a page may have fewer
    /// than it has room for, and says how far back it looked.
    pub async fn audit_page(&self, caller: &Caller, query: &ListQuery) -> Result<AuditPage, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Audit))?;
        let (scope, filter) = (scope(caller)?, filter_of(query, caller.require_user()?)?);
        let before = before(query)?;
        self.audit.flush().await;
        let found = self.services.store.audit_find(&filter, scope, before, query.limit()).await;
        let found = found.map_err(crate::error::store)?;
        Ok(AuditPage {
            rows: found.records.into_iter().map(|record| record.view).collect(),
            next: found.next.map(|number| number.to_string()),
            searched_ms: found.searched_ms,
        })
    }

    /// For how many days records stay in the table before they are put into files; none: for ever.
    pub async fn audit_keep(&self, caller: &Caller) -> Result<Option<u32>, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Setting))?;
        self.audit_keep_days().await
    }

    /// Changes that.
    ///
    /// # Errors
    /// `ValueOutOfRange` for less than a week and more than a century.
    pub async fn audit_keep_set(&self, caller: &Caller, days: Option<u32>) -> Result<(), Error> {
        let mut changes = Vec::new();
        let result = self.audit_keep_set_checked(caller, days, &mut changes).await;
        self.audit.record_change(caller, KEEP_SET, "setting/audit", changes, &result).await;
        result
    }

    async fn audit_keep_set_checked(
        &self,
        caller: &Caller,
        days: Option<u32>,
        changes: &mut Vec<FieldChange>,
    ) -> Result<(), Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Setting))?;
        if days.is_some_and(|days| !KEEP_DAYS.contains(&days)) {
            let refused = Error::invalid(Code::ValueOutOfRange).with("min", KEEP_DAYS.start());
            return Err(refused.with("max", KEEP_DAYS.end()).on("days"));
        }
        changes.extend(FieldChange::between("days", &self.audit_keep_days().await?, &days));
        self.audit.begin_change(caller, KEEP_SET, "setting/audit", changes.clone()).await;
        let value = days.map_or(Value::Null, Value::from);
        self.services.store.setting_put(KEEP, &value).await.map_err(crate::error::store)
    }

    pub(crate) async fn audit_keep_days(&self) -> Result<Option<u32>, Error> {
        let stored = self.services.store.setting_read(KEEP).await.map_err(crate::error::store)?;
        let days = stored.as_ref().and_then(Value::as_u64);
        Ok(days.and_then(|days| u32::try_from(days).ok()))
    }
}

/// What of the audit somebody sees.
fn scope(caller: &Caller) -> Result<AuditScope<'_>, Error> {
    let user = caller.require_user()?;
    let may_read = |resource| policy::authorize(caller, Action::Read, resource).is_ok();
    Ok(if may_read(Resource::any(Noun::Audit)) {
        AuditScope::Everything
    } else if may_read(Resource::of_chain(Noun::Audit, Some(Grant::Read))) {
        // Whoever reads the entries of a chain in reach without being an admin reaches every chain.
        AuditScope::OwnAndChains(&user.id)
    } else {
        AuditScope::Own(&user.id)
    })
}

/// What a query looks for.
pub(super) fn filter_of(query: &ListQuery, user: &CallerUser) -> Result<AuditFilter, Error> {
    query.check(&[], &FILTERS)?;
    if !query.text.is_empty() {
        return Err(Error::invalid(Code::ListFilterUnknown).on("text"));
    }
    let text = |key: &str| query.filter(key).map(str::trim).filter(|text| !text.is_empty());
    let time = |key: &str, end| text(key).map(|text| parse_time(text, end)).transpose();
    let word = |key: &str| text(key).map(str::to_owned);
    Ok(AuditFilter {
        // Names have small letters only, and people write them as they like.
        who: word("who").map(|name| name.to_lowercase()),
        what: word("what"),
        object: word("object"),
        result: word("result"),
        from_ms: time("from", TimeOfList::From)?,
        to_ms: time("to", TimeOfList::To)?,
        own: text("own").map(|_| user.id.clone()),
    })
}

fn before(query: &ListQuery) -> Result<Option<i64>, Error> {
    if query.after.is_empty() {
        return Ok(None);
    }
    let number = query.after.parse().map_err(|_| Error::invalid(Code::ListFilterUnknown).on("after"))?;
    Ok(Some(number))
}
