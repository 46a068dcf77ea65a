//! The list of hosts: pages of it, and the short list of those who need no more.

use domain::Error;
use domain::host::HostView;
use domain::list::{ListPage, ListQuery};
use domain::permission::{Action, Noun};

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// What the list of hosts can be sorted by.
const SORTS: [&str; 3] = ["name", "created", "state"];
/// What it can be filtered by.
const FILTERS: [&str; 2] = ["state", "kind"];
/// Most hosts of the short list: one chooses among them, and who has more finds one by its page.
const HOSTS_MAX: u32 = 1_000;

impl ControlPlane {
    /// The oldest hosts with what they hold: for where nobody turns pages.
    pub async fn host_list(&self, caller: &Caller) -> Result<Vec<HostView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Host))?;
        let query = ListQuery { sort: "created".to_owned(), ..ListQuery::default() };
        Ok(self.host_rows(&query, HOSTS_MAX).await?.rows)
    }

    /// A page of the hosts.
    pub async fn host_page(&self, caller: &Caller, query: ListQuery) -> Result<ListPage<HostView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Host))?;
        query.check(&SORTS, &FILTERS)?;
        self.host_rows(&query, query.limit()).await
    }

    async fn host_rows(&self, query: &ListQuery, limit: u32) -> Result<ListPage<HostView>, Error> {
        let page = self.services.store.host_page(query, limit).await.map_err(crate::error::store)?;
        let mut rows = Vec::with_capacity(page.rows.len());
        for record in page.rows {
            rows.push(self.host_view(record).await?);
        }
        Ok(ListPage { rows, next: page.next })
    }
}
