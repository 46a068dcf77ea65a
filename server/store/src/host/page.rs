//! Pages of the list of hosts, and their names.

use std::collections::HashMap;

use domain::host::{Endpoint, HostState};
use domain::id::HostId;
use domain::list::{ListPage, ListQuery};
use serde::Deserialize;
use serde_json::json;

use super::{HostRecord, Row};
use crate::database::Query;
use crate::listed::{Listed, Order, cursor, order};
use crate::{Store, StoreError};

const COLUMNS: &str = "id_text, name, state, spec, status, created_ms";
const ORDERS: [Order; 3] = [
    Order { key: "name", column: "name", is_number: false },
    Order { key: "created", column: "created_ms", is_number: true },
    Order { key: "state", column: "state", is_number: false },
];

/// The word of a host's state in its column.
pub(super) fn state_word(state: HostState) -> &'static str {
    match state {
        HostState::Unknown => "unknown",
        HostState::Active => "active",
        HostState::Inactive => "inactive",
    }
}

/// The word of a host's kind in its column.
pub(super) fn kind_word(endpoint: &Endpoint) -> &'static str {
    if endpoint.is_cluster() { "cluster" } else { "engine" }
}

impl Store {
    /// A page of hosts. Filters: `state` and `kind` (`engine` or `cluster`).
    pub async fn host_page(&self, query: &ListQuery, limit: u32) -> Result<ListPage<HostRecord>, StoreError> {
        let mut listed = Listed::default();
        listed.filter(query, "state", "state");
        listed.filter(query, "kind", "kind");
        let order = order(&ORDERS, query);
        let rows: Vec<Row> = self.read(listed.page(COLUMNS, "host", order, query, limit)).await?;
        let hosts = rows.into_iter().map(HostRecord::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(ListPage::cut(hosts, limit, |host| match order.key {
            "created" => cursor(host.created_ms, &host.spec.name),
            "state" => cursor(state_word(host.status.state), &host.spec.name),
            _ => cursor(&host.spec.name, &host.spec.name),
        }))
    }

    /// Hosts by name, without anything else of them.
    pub async fn host_choices(&self, limit: u32) -> Result<Vec<(HostId, String)>, StoreError> {
        #[derive(Deserialize)]
        struct Named {
            id_text: String,
            name: Option<String>,
        }
        let text = "SELECT id_text, name FROM host ORDER BY name LIMIT $limit";
        let rows: Vec<Named> = self.read(Query::new(text, json!({ "limit": limit }))).await?;
        Ok(rows.into_iter().map(|row| (HostId::new(row.id_text), row.name.unwrap_or_default())).collect())
    }

    /// The names of hosts. One that is gone is missing.
    pub async fn host_names(&self, ids: &[&HostId]) -> Result<HashMap<HostId, String>, StoreError> {
        #[derive(Deserialize)]
        struct Named {
            id_text: String,
            name: Option<String>,
        }
        let mut names = HashMap::new();
        for id in ids {
            let query = Query::new(
                "SELECT id_text, name FROM type::record('host', $id)",
                json!({ "id": id.as_str() }),
            );
            if let Some(Named { id_text, name }) = self.read_one::<Named>(query).await? {
                names.insert(HostId::new(id_text), name.unwrap_or_default());
            }
        }
        Ok(names)
    }
}
