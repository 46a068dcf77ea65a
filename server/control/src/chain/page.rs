//! The list of chains: pages of it, and the short list of those who need no more.

use std::collections::HashMap;

use domain::Error;
use domain::chain::ChainSummary;
use domain::id::{HostId, UserId};
use domain::list::{ListPage, ListQuery, ROWS_MAX};
use domain::name::ChainName;
use domain::permission::{Action, Noun};
use workflow::OperationRecord;

use super::summary;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::operation::{chain_of, log_error};
use crate::policy::{self, Resource};

/// What the list of chains can be sorted by.
const SORTS: [&str; 3] = ["name", "created", "state"];
/// What it can be filtered by. `state` is the one in the record: what an operation makes of it is shown in the row.
const FILTERS: [&str; 5] = ["state", "health", "host", "version", "owner"];
/// The value of `owner` for the caller's own chains.
const MINE: &str = "me";
/// The value of `owner` for chains that nobody owns.
const NOBODY: &str = "none";

impl ControlPlane {
    /// The oldest chains in the caller's reach, as many as a page holds at most: for where nobody turns pages.
    pub async fn chain_list(&self, caller: &Caller) -> Result<Vec<ChainSummary>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Chain))?;
        let query = ListQuery { sort: "created".to_owned(), rows: ROWS_MAX, ..ListQuery::default() };
        Ok(self.chain_rows(caller, query).await?.rows)
    }

    /// A page of the chains in the caller's reach.
    pub async fn chain_page(
        &self,
        caller: &Caller,
        query: ListQuery,
    ) -> Result<ListPage<ChainSummary>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Chain))?;
        query.check(&SORTS, &FILTERS)?;
        self.chain_rows(caller, query).await
    }

    async fn chain_rows(
        &self,
        caller: &Caller,
        mut query: ListQuery,
    ) -> Result<ListPage<ChainSummary>, Error> {
        let user = caller.require_user()?;
        if !self.name_owner(caller, &mut query).await? {
            return Ok(ListPage { rows: Vec::new(), next: None });
        }
        let everywhere = policy::allows(caller, Action::Read, Resource::of_chain(Noun::Chain, None));
        let reach = (!everywhere).then_some(&user.id);
        let store = &self.services.store;
        let page = store.chain_page(&query, reach, query.limit()).await.map_err(crate::error::store)?;
        let mut hosts: Vec<&HostId> = page.rows.iter().map(|record| &record.host).collect();
        hosts.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        hosts.dedup();
        let names = store.host_names(&hosts).await.map_err(crate::error::store)?;
        let holders = self.holders().await?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for record in &page.rows {
            let host_name = names.get(&record.host).cloned().unwrap_or_default();
            let owner_name = self.owner_name(record.owner.as_ref()).await?;
            rows.push(ChainSummary { owner_name, ..summary(record, host_name, holders.get(&record.name)) });
        }
        Ok(ListPage { rows, next: page.next })
    }

    /// The name of an owner. People are kept in memory, so that each costs little.
    async fn owner_name(&self, owner: Option<&UserId>) -> Result<String, Error> {
        let Some(owner) = owner else { return Ok(String::new()) };
        let owner = self.services.store.user_read(owner).await.map_err(crate::error::store)?;
        Ok(owner.map_or(String::new(), |owner| owner.name.to_string()))
    }

    /// Puts the id of the owner in the place of their name. False: there is no such person, who owns nothing.
    async fn name_owner(&self, caller: &Caller, query: &mut ListQuery) -> Result<bool, Error> {
        let id = match query.filter("owner") {
            None | Some(NOBODY) => return Ok(true),
            Some(MINE) => caller.require_user()?.id.clone(),
            Some(name) => {
                let name = name.to_lowercase();
                let found = self.services.store.user_by_name(&name).await.map_err(crate::error::store)?;
                match found {
                    Some(owner) => owner.id,
                    None => return Ok(false),
                }
            }
        };
        query.filters.insert("owner".to_owned(), id.to_string());
        Ok(true)
    }

    /// The operations that hold chains.
    async fn holders(&self) -> Result<HashMap<ChainName, OperationRecord>, Error> {
        let holders = self.services.store.holders().await.map_err(log_error)?;
        let of_chain = |holder: OperationRecord| Some((chain_of(holder.subject.as_deref()?)?, holder));
        Ok(holders.into_iter().filter_map(of_chain).collect())
    }
}
