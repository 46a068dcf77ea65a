//! Lists of operations: their own for everybody, those on chains in reach, and all for those who reach everything.

use std::collections::HashMap;

use domain::Error;
use domain::id::{OperationId, UserId};
use domain::list::{ListPage, ListQuery};
use domain::name::ChainName;
use domain::operation::OperationSummary;
use domain::permission::{Action, Noun};
use store::{OperationFilter, StepCount};
use workflow::{OperationRecord, OperationState, Reach};

use super::{log_error, state_view, subject};
use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// The newest operations in a list without questions.
const NEWEST: u32 = 100;
/// What a page can be sorted by, and what it can be asked for.
const SORTS: [&str; 1] = ["started"];
const FILTERS: [&str; 4] = ["state", "name", "owner", "subject"];

impl ControlPlane {
    /// The newest operations that the caller may see.
    pub async fn operation_list(&self, caller: &Caller) -> Result<Vec<OperationSummary>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Operation))?;
        self.operations_newest(caller, NEWEST).await
    }

    /// The newest operations that the caller may see, at most so many.
    pub(crate) async fn operations_newest(
        &self,
        caller: &Caller,
        limit: u32,
    ) -> Result<Vec<OperationSummary>, Error> {
        let reach = self.operations_in_reach(caller).await?;
        let filter = OperationFilter { reach, limit, ..OperationFilter::default() };
        let records = self.services.store.operation_page(&filter).await.map_err(log_error)?;
        let records = self.readable(caller, records).await?;
        self.operation_summaries(caller, records).await
    }

    /// Of operations on chains in reach those that the caller may read: what was done to a chain before its owner had it
    /// is not theirs to see.
    async fn readable(
        &self,
        caller: &Caller,
        records: Vec<OperationRecord>,
    ) -> Result<Vec<OperationRecord>, Error> {
        let mut readable = Vec::with_capacity(records.len());
        for record in records {
            if self.operation_in_reach(caller, &record).await? {
                readable.push(record);
            }
        }
        Ok(readable)
    }

    /// A page of the operations that the caller may see, newest first. A text that is searched for is the name of a chain.
    pub async fn operation_page(
        &self,
        caller: &Caller,
        query: &ListQuery,
    ) -> Result<ListPage<OperationSummary>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Operation))?;
        query.check(&SORTS, &FILTERS)?;
        let nothing = || ListPage { rows: Vec::new(), next: None };
        let Some(mut filter) = self.operation_filter(query).await? else { return Ok(nothing()) };
        filter.reach = self.operations_in_reach(caller).await?;
        let records = self.services.store.operation_page(&filter).await.map_err(log_error)?;
        let page = ListPage::cut(records, query.limit(), |record| record.id.clone());
        let rows = self.readable(caller, page.rows).await?;
        Ok(ListPage { rows: self.operation_summaries(caller, rows).await?, next: page.next })
    }

    /// What a query asks the store for, one row more than a page; none where it asks for what cannot be.
    async fn operation_filter(&self, query: &ListQuery) -> Result<Option<OperationFilter>, Error> {
        let state = query.filter("state").map(OperationState::parse);
        let owner = match query.filter("owner") {
            Some(name) => {
                let user = self.services.store.user_by_name(&name.trim().to_lowercase()).await;
                Some(user.map_err(crate::error::store)?.map(|user| user.id.to_string()))
            }
            None => None,
        };
        let text = query.text.trim().to_lowercase();
        let chain = (!text.is_empty()).then(|| ChainName::parse(&text).ok().map(|name| subject(&name)));
        let asked = query.filter("subject").map(|asked| Some(asked.to_owned()));
        // Two answers to the same question are both right only if they are the same.
        let about = match (chain, asked) {
            (Some(chain), Some(asked)) if chain != asked => Some(None),
            (chain, asked) => chain.or(asked),
        };
        let is_impossible = state == Some(None) || owner == Some(None) || about == Some(None);
        if is_impossible {
            return Ok(None);
        }
        Ok(Some(OperationFilter {
            reach: None,
            state: state.flatten(),
            name: query.filter("name").map(str::to_owned),
            owner: owner.flatten(),
            subject: about.flatten(),
            after: Some(query.after.clone()).filter(|after| !after.is_empty()),
            oldest_first: query.sort == "started" && !query.descending,
            limit: query.limit() + 1,
        }))
    }

    /// Which operations the caller may read: their own and those on chains in their reach; none where they may read all.
    async fn operations_in_reach(&self, caller: &Caller) -> Result<Option<Reach>, Error> {
        let Some(chains) = self.chains_in_reach(caller, Noun::Operation).await? else { return Ok(None) };
        let subjects = chains.iter().map(subject).collect();
        Ok(Some(Reach { owner: caller.require_user()?.id.to_string(), subjects }))
    }

    async fn operation_summaries(
        &self,
        caller: &Caller,
        records: Vec<OperationRecord>,
    ) -> Result<Vec<OperationSummary>, Error> {
        let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
        let steps = self.services.store.operation_steps(&ids).await.map_err(log_error)?;
        let (mut summaries, mut known) = (Vec::with_capacity(records.len()), HashMap::new());
        for record in records {
            // Most operations are on few subjects.
            let subject = record.subject.clone().unwrap_or_default();
            let is_there = match known.get(&subject) {
                Some(is_there) => *is_there,
                None => self.is_there(caller, &subject).await?,
            };
            known.insert(subject, is_there);
            let steps = steps.get(&record.id).copied().unwrap_or_default();
            summaries.push(self.summary(&record, steps, is_there).await?);
        }
        Ok(summaries)
    }

    /// An operation as it is listed.
    pub(super) async fn summary(
        &self,
        record: &OperationRecord,
        steps: StepCount,
        subject_is_there: bool,
    ) -> Result<OperationSummary, Error> {
        let owner = UserId::new(record.owner.clone());
        let user = self.services.store.user_read(&owner).await.map_err(crate::error::store)?;
        let state = state_view(record.state);
        Ok(OperationSummary {
            id: OperationId::new(record.id.clone()),
            name: record.name.clone(),
            subject: record.subject.clone().unwrap_or_default(),
            subject_is_there,
            owner: user.map_or(String::new(), |user| user.name.to_string()),
            state,
            steps_done: steps.done,
            steps: steps.all,
            created_ms: record.created_ms,
            ended_ms: state.is_at_rest().then_some(record.updated_ms),
        })
    }
}
