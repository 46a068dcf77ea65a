//! Pages of operations, each read along an index that fits what is asked for: never by a walk through all of them.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::json;
use workflow::{LogError, OperationRecord, OperationState, Reach, StepRecord, StepState};

use super::{Recorded, failed};
use crate::Store;
use crate::database::{Query, decode};
use crate::listed::AT_ONCE;

/// Which operations a page shows.
#[derive(Clone, Debug, Default)]
pub struct OperationFilter {
    /// Only those within this.
    pub reach: Option<Reach>,
    pub state: Option<OperationState>,
    /// Name of the plan.
    pub name: Option<String>,
    pub owner: Option<String>,
    pub subject: Option<String>,
    /// The id of the last one of the page before.
    pub after: Option<String>,
    /// Instead of the newest.
    pub oldest_first: bool,
    /// At most this many.
    pub limit: u32,
}

/// Steps of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepCount {
    pub done: u32,
    pub all: u32,
}

#[derive(Deserialize)]
struct StepRow {
    operation: String,
    record: String,
}

impl OperationFilter {
    /// The question; only what is asked for stands in it, since an alternative hides an index.
    fn text(&self, within: Option<&'static str>) -> String {
        let mut wanted: Vec<&str> = Vec::new();
        let mut want = |is_asked: bool, condition: &'static str| wanted.extend(is_asked.then_some(condition));
        want(self.state.is_some(), "state = $state");
        want(self.name.is_some(), "name = $name");
        want(self.owner.is_some(), "owner = $owner");
        want(self.subject.is_some(), "subject = $subject");
        want(self.after.is_some() && self.oldest_first, "id_text > $after");
        want(self.after.is_some() && !self.oldest_first, "id_text < $after");
        wanted.extend(within);
        let condition =
            if wanted.is_empty() { String::new() } else { format!("WHERE {}", wanted.join(" AND ")) };
        let order = if self.oldest_first { "ASC" } else { "DESC" };
        format!("SELECT record, id_text FROM operation {condition} ORDER BY id_text {order} LIMIT $limit")
    }
}

impl Store {
    /// Operations, newest first unless the oldest are asked for.
    pub async fn operation_page(&self, filter: &OperationFilter) -> Result<Vec<OperationRecord>, LogError> {
        let Some(reach) = &filter.reach else { return self.operations_where(filter, None, &[]).await };
        // Each of the two has an index of its own; a page of their union begins with their pages.
        let mut found = self.operations_where(filter, Some("owner = $reach_owner"), &[]).await?;
        for subjects in reach.subjects.chunks(AT_ONCE) {
            let within = Some("subject IN $reach_subjects");
            found.extend(self.operations_where(filter, within, subjects).await?);
        }
        found.sort_by(|one, other| one.id.cmp(&other.id));
        found.dedup_by(|one, other| one.id == other.id);
        if !filter.oldest_first {
            found.reverse();
        }
        found.truncate(usize::try_from(filter.limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn operations_where(
        &self,
        filter: &OperationFilter,
        within: Option<&'static str>,
        subjects: &[String],
    ) -> Result<Vec<OperationRecord>, LogError> {
        let bindings = json!({
            "state": filter.state.map(OperationState::as_str),
            "name": filter.name,
            "owner": filter.owner,
            "subject": filter.subject,
            "after": filter.after,
            "limit": filter.limit,
            "reach_owner": filter.reach.as_ref().map(|reach| &reach.owner),
            "reach_subjects": subjects,
        });
        let rows: Vec<Recorded> =
            self.read(Query::new(filter.text(within), bindings)).await.map_err(failed)?;
        rows.iter().map(|row| decode(&row.record).map_err(failed)).collect()
    }

    /// Operations that an engine still has to work on, newest first; few at any time.
    pub async fn operations_open(&self, limit: u32) -> Result<Vec<OperationRecord>, LogError> {
        let text =
            "SELECT record, id_text FROM operation WHERE open = true ORDER BY id_text DESC LIMIT $limit";
        let rows: Vec<Recorded> =
            self.read(Query::new(text, json!({ "limit": limit }))).await.map_err(failed)?;
        rows.iter().map(|row| decode(&row.record).map_err(failed)).collect()
    }

    /// How many steps some operations have, and how many are done.
    pub async fn operation_steps(&self, ids: &[String]) -> Result<HashMap<String, StepCount>, LogError> {
        let mut counts = HashMap::<String, StepCount>::new();
        for ids in ids.chunks(AT_ONCE) {
            let text = "SELECT operation, record FROM operation_step WHERE operation IN $ids";
            let query = Query::new(text, json!({ "ids": ids }));
            for row in self.read::<StepRow>(query).await.map_err(failed)? {
                let step: StepRecord = decode(&row.record).map_err(failed)?;
                let count = counts.entry(row.operation).or_default();
                count.all += 1;
                count.done += u32::from(step.state == StepState::Done);
            }
        }
        Ok(counts)
    }
}
