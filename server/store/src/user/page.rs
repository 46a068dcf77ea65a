//! Lists of people: sorted by a column that holds the name behind what it sorts by, so that a page goes on behind exactly
//! one row and is a walk along one index, whatever it is filtered by. Only a search for a part of a name looks at rows
//! that it does not show.

use std::collections::BTreeMap;

use domain::id::UserId;
use domain::list::{ListPage, ListQuery};
use domain::name::ChainName;
use domain::permission::Role;
use serde::Deserialize;
use serde_json::json;

use super::{Row, UserRecord};
use crate::database::Query;
use crate::listed::AT_ONCE;
use crate::{Store, StoreError};

/// Most chains of one person that are named.
const CHAINS_MAX: u32 = 100;

/// A moment as text that sorts like it.
pub(super) fn moment(ms: i64) -> String {
    format!("{:014}", ms.max(0))
}

/// What a list is sorted by.
#[derive(Clone, Copy)]
pub(super) enum Column {
    Name,
    Role,
    Created,
    Seen,
}

impl Column {
    /// As a query says. By role, within one role, is by name.
    fn of(query: &ListQuery) -> Self {
        match query.sort.as_str() {
            "created" => Self::Created,
            "last_sign_in" => Self::Seen,
            "role" if query.filter("role").is_none() => Self::Role,
            _ => Self::Name,
        }
    }

    /// Where a person stands in such a list.
    pub(super) fn key(self, user: &UserRecord) -> String {
        match self {
            Self::Name => user.name.to_string(),
            Self::Role => format!("{} {}", user.role.as_str(), user.name),
            Self::Created => format!("{} {}", moment(user.created_ms), user.name),
            Self::Seen => format!("{} {}", moment(user.last_sign_in_ms.unwrap_or(0)), user.name),
        }
    }

    /// What holds of the rows behind `$behind`, and the order.
    fn words(self, descending: bool) -> (&'static str, &'static str) {
        match (self, descending) {
            (Self::Name, false) => ("name > $behind", "name ASC"),
            (Self::Name, true) => ("name < $behind", "name DESC"),
            (Self::Role, false) => ("role_key > $behind", "role_key ASC"),
            (Self::Role, true) => ("role_key < $behind", "role_key DESC"),
            (Self::Created, false) => ("created_key > $behind", "created_key ASC"),
            (Self::Created, true) => ("created_key < $behind", "created_key DESC"),
            (Self::Seen, false) => ("seen_key > $behind", "seen_key ASC"),
            (Self::Seen, true) => ("seen_key < $behind", "seen_key DESC"),
        }
    }
}

impl Store {
    /// A page of people: by name, role, moment of creation or of the last sign-in; of one role, of one state, or with a
    /// part of a name or an e-mail address.
    pub async fn user_page(&self, query: &ListQuery) -> Result<ListPage<UserRecord>, StoreError> {
        let column = Column::of(query);
        let (behind, order) = column.words(query.descending);
        let role = query.filter("role").and_then(Role::parse).map(Role::as_str);
        let conditions: Vec<&str> = [
            (query.filter("role").is_some(), "role = $role"),
            (query.filter("state").is_some(), "state = $state"),
            (!query.after.is_empty(), behind),
            (
                !query.text.trim().is_empty(),
                "(string::contains(name, $text) OR string::contains(email ?? '', $text))",
            ),
        ]
        .into_iter()
        .filter_map(|(wanted, condition)| wanted.then_some(condition))
        .collect();
        let only = if conditions.is_empty() { "" } else { " WHERE " };
        let text = [
            "SELECT * OMIT id FROM user",
            only,
            &conditions.join(" AND "),
            " ORDER BY ",
            order,
            " LIMIT $limit",
        ]
        .concat();
        let bindings = json!({
            "role": role.unwrap_or_default(),
            "state": query.filter("state").unwrap_or_default(),
            "behind": query.after,
            "text": query.text.trim().to_lowercase(),
            "limit": query.limit().saturating_add(1),
        });
        let rows: Vec<Row> = self.read(Query::new(text, bindings)).await?;
        let people = rows.into_iter().map(UserRecord::try_from).collect::<Result<Vec<_>, _>>()?;
        Ok(ListPage::cut(people, query.limit(), |user| column.key(user)))
    }

    /// Whether so many people wait for approval already.
    pub async fn users_wait(&self, many: u32) -> Result<bool, StoreError> {
        let text = "SELECT name FROM user WHERE state = 'waiting' LIMIT $many";
        let waiting: Vec<serde_json::Value> = self.read(Query::new(text, json!({ "many": many }))).await?;
        Ok(u32::try_from(waiting.len()).is_ok_and(|waiting| waiting >= many))
    }

    /// How many chains are each person's; who has none is left out.
    pub async fn chain_counts(&self, owners: &[UserId]) -> Result<BTreeMap<UserId, u32>, StoreError> {
        #[derive(Deserialize)]
        struct Count {
            owner: String,
            chains: u32,
        }
        let text = "SELECT owner, count() AS chains FROM chain WHERE owner IN $owners GROUP BY owner";
        let mut counts = BTreeMap::new();
        for owners in owners.chunks(AT_ONCE) {
            let owners: Vec<&str> = owners.iter().map(UserId::as_str).collect();
            let rows: Vec<Count> = self.read(Query::new(text, json!({ "owners": owners }))).await?;
            counts.extend(rows.into_iter().map(|row| (UserId::new(row.owner), row.chains)));
        }
        Ok(counts)
    }

    /// The chains of a person, by name; of very many the first hundred.
    pub async fn chains_of_owner(&self, owner: &UserId) -> Result<Vec<ChainName>, StoreError> {
        #[derive(Deserialize)]
        struct Named {
            name: ChainName,
        }
        let text = "SELECT name FROM chain WHERE owner = $owner ORDER BY name LIMIT $limit";
        let bindings = json!({ "owner": owner.as_str(), "limit": CHAINS_MAX });
        let rows: Vec<Named> = self.read(Query::new(text, bindings)).await?;
        Ok(rows.into_iter().map(|row| row.name).collect())
    }
}
