//! Taking the audit away: a table for people or lines for programs, piece by piece, so that a million records need no
//! more memory than a few. Each line tells number and link of its record: without filters the lines can be checked like
//! the audit itself.

use domain::Error;
use domain::audit::{FieldChange, Public, utc};
use domain::list::ListQuery;
use domain::permission::{Action, Noun};
use store::{AuditFilter, AuditRecord, Store};

use super::archive::json_line;
use super::csv;
use super::list::filter_of;
use crate::ControlPlane;
use crate::caller::Caller;
use crate::policy::{self, Resource};

/// Records of a piece.
const PIECE: u32 = 1_000;
/// What the audit calls it.
const EXPORT: &str = "audit-export";
const COLUMNS: [&str; 11] =
    ["sequence", "time", "user", "who", "what", "object", "result", "changes", "request", "address", "hash"];

/// What the lines look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    Csv,
    JsonLines,
}

impl ExportFormat {
    /// Reads the word of an address: `csv` or `jsonl`.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Csv, Self::JsonLines].into_iter().find(|format| format.ending() == word)
    }

    /// The end of a file's name.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// The kind of content.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
        }
    }

    fn head(self) -> String {
        match self {
            Self::Csv => csv::line(COLUMNS),
            Self::JsonLines => String::new(),
        }
    }

    fn line(self, record: &AuditRecord) -> String {
        match self {
            Self::Csv => csv_line(record),
            Self::JsonLines => json_line(record),
        }
    }
}

fn csv_line(record: &AuditRecord) -> String {
    let view = &record.view;
    let (sequence, time) = (view.sequence.to_string(), utc(view.at_ms));
    let changes: Vec<String> = view.changes.iter().map(FieldChange::to_string).collect();
    csv::line([
        sequence.as_str(),
        &time,
        record.user.as_ref().map_or("", domain::id::UserId::as_str),
        &view.who,
        &view.what,
        &view.object,
        &view.result,
        &changes.join("; "),
        &view.request_id,
        &view.address,
        &record.hash,
    ])
}

/// An export under way: the records up to the moment it was asked for, oldest first.
pub struct AuditExport {
    store: Store,
    filter: AuditFilter,
    format: ExportFormat,
    head: Option<String>,
    /// The number of the record before the next piece.
    after: i64,
    until: i64,
}

impl AuditExport {
    /// The next piece; none behind the last one.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, Error>> {
        if let Some(head) = self.head.take().filter(|head| !head.is_empty()) {
            return Some(Ok(head.into_bytes()));
        }
        while self.after < self.until {
            let records = match self.store.audit_after(self.after, PIECE).await {
                Ok(records) => records,
                Err(error) => {
                    // Nothing comes behind a piece that failed.
                    self.after = self.until;
                    return Some(Err(crate::error::store(error)));
                }
            };
            self.after = records.last().map_or(self.until, |last| last.view.sequence);
            let wanted =
                |record: &&AuditRecord| record.view.sequence <= self.until && self.filter.admits(record);
            let piece: String =
                records.iter().filter(wanted).map(|record| self.format.line(record)).collect();
            if !piece.is_empty() {
                return Some(Ok(piece.into_bytes()));
            }
        }
        None
    }
}

impl ControlPlane {
    /// The records that somebody looks for, as lines to take away. The password is asked for again: given with the call
    /// or proved a moment ago. What was taken away is recorded before the first line goes out.
    pub async fn audit_export(
        &self,
        caller: &Caller,
        query: &ListQuery,
        format: ExportFormat,
        password: String,
    ) -> Result<AuditExport, Error> {
        let result = self.audit_export_checked(caller, query, format, password).await;
        self.audit.record_change(caller, EXPORT, "audit", told(query, format), &result).await;
        result
    }

    async fn audit_export_checked(
        &self,
        caller: &Caller,
        query: &ListQuery,
        format: ExportFormat,
        password: String,
    ) -> Result<AuditExport, Error> {
        policy::authorize(caller, Action::Export, Resource::any(Noun::Audit))?;
        let user = caller.require_user()?;
        self.stepped_up_by(caller, password).await?;
        let filter = filter_of(query, user)?;
        self.audit.flush().await;
        let store = self.services.store.clone();
        let last = store.audit_last().await.map_err(crate::error::store)?;
        let (until, _) = last.unwrap_or_default();
        Ok(AuditExport { store, filter, format, head: Some(format.head()), after: 0, until })
    }
}

/// What was taken away, for its record: the format and what was looked for.
fn told(query: &ListQuery, format: ExportFormat) -> Vec<FieldChange> {
    let given = query.filters.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let all = given.chain([("format", format.ending())]);
    all.filter_map(|(key, value)| FieldChange::between(key, &Public(""), &Public(value))).collect()
}
