//! The list of hosts: pages of it, and the short list of those who need no more.

use std::collections::HashMap;

use domain::Error;
use domain::host::HostView;
use domain::id::HostId;
use domain::list::{ListPage, ListQuery};
use domain::permission::{Action, Noun};
use store::HostRecord;

use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};
use crate::services::{HOST_SECRETS, registry_of_key};

/// What the list of hosts can be sorted by.
pub(super) const SORTS: [&str; 3] = ["name", "created", "state"];
/// What it can be filtered by.
pub(super) const FILTERS: [&str; 2] = ["state", "kind"];
/// Most hosts of the short list: one chooses among them, and who has more finds one by its page.
const HOSTS_MAX: u32 = 1_000;
/// Most hosts of which each is asked for what it holds; of more it is counted for all hosts together.
const EACH: usize = 50;

impl ControlPlane {
    /// The oldest hosts with what they hold: for where nobody turns pages.
    pub async fn host_list(&self, caller: &Caller) -> Result<Vec<HostView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Host))?;
        let query = ListQuery { sort: "created".to_owned(), ..ListQuery::default() };
        Ok(self.host_rows(&query, HOSTS_MAX).await?.rows)
    }

    /// Hosts by name: for where one chooses among them and needs nothing else of them.
    pub async fn host_choices(&self, caller: &Caller) -> Result<Vec<(HostId, String)>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Host))?;
        self.services.store.host_choices(HOSTS_MAX).await.map_err(crate::error::store)
    }

    /// A page of the hosts.
    pub async fn host_page(&self, caller: &Caller, query: ListQuery) -> Result<ListPage<HostView>, Error> {
        policy::authorize(caller, Action::List, Resource::any(Noun::Host))?;
        query.check(&SORTS, &FILTERS)?;
        self.host_rows(&query, query.limit()).await
    }

    async fn host_rows(&self, query: &ListQuery, limit: u32) -> Result<ListPage<HostView>, Error> {
        let page = self.services.store.host_page(query, limit).await.map_err(crate::error::store)?;
        if page.rows.len() > EACH {
            return Ok(ListPage { rows: self.host_views(page.rows).await?, next: page.next });
        }
        let mut rows = Vec::with_capacity(page.rows.len());
        for record in page.rows {
            rows.push(self.host_view(record).await?);
        }
        Ok(ListPage { rows, next: page.next })
    }

    /// Many hosts with what they hold, which is asked for at once.
    async fn host_views(&self, records: Vec<HostRecord>) -> Result<Vec<HostView>, Error> {
        let store = &self.services.store;
        let counts = store.claim_counts().await.map_err(crate::error::store)?;
        let keys = store.secret_keys_prefix(HOST_SECRETS).await.map_err(crate::error::store)?;
        let mut registries = HashMap::<String, Vec<String>>::new();
        for key in keys {
            let Some((host, registry)) = registry_of_key(&key) else { continue };
            registries.entry(host.to_owned()).or_default().push(registry.to_owned());
        }
        let view = |record: HostRecord| HostView {
            chains: u16::try_from(counts.get(&record.id).copied().unwrap_or(0)).unwrap_or(u16::MAX),
            registries: registries.remove(record.id.as_str()).unwrap_or_default(),
            id: record.id,
            spec: record.spec,
            status: record.status,
            created_ms: record.created_ms,
        };
        Ok(records.into_iter().map(view).collect())
    }
}
