//! Searching the audit. A filter names what it wants of some columns; each of these has an index, in the order of the
//! records. The first look tries all of them and goes on with the one in which as many records reach furthest back. Whatever
//! else is wanted is looked for in what was read, and a request reads only so many records: it may come back with fewer
//! than a page, and says where to go on.

use std::collections::BTreeMap;

use domain::audit::{Outcome, code_of, family_of, noun_of, root_of};
use domain::id::UserId;
use serde::Deserialize;
use serde_json::json;

use super::{AuditRecord, AuditScope, Row};
use crate::database::Query;
use crate::{Store, StoreError};

/// Most records that one request reads, about.
const READ_MAX: usize = 600;
/// Records that are read at a time after the first look.
const STEP: u32 = 200;
/// Records stand in the order in which they were stored. By how much their times may be out of that order: a record waits
/// for others, and a clock is put right.
const SKEW_MS: i64 = 3_600_000;

/// What is looked for: whatever is given holds of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// A name.
    pub who: Option<String>,
    /// An action, with how it ended: `chain-create`; all that is done to a sort of thing: `chain`; or the beginning of an
    /// action's name: `chain-gr*`.
    pub what: Option<String>,
    /// An object with what belongs to it: `chain/demo`; or a sort of objects: `chain`.
    pub object: Option<String>,
    /// An outcome or a code.
    pub result: Option<String>,
    /// Unix milliseconds, both included.
    pub from_ms: Option<i64>,
    pub to_ms: Option<i64>,
    /// Whose entries alone.
    pub own: Option<UserId>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditFound {
    /// Newest first.
    pub records: Vec<AuditRecord>,
    /// Before which number to go on; none where nothing older is left.
    pub next: Option<i64>,
    /// When the oldest record that was read was made; set where fewer were found than asked for, and older ones are left.
    pub searched_ms: Option<i64>,
}

/// Records with one value in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Source {
    /// Index and column; none: all records.
    by: Option<(&'static str, &'static str)>,
    value: String,
}

/// Where to look: records that are in any of these.
type Sources = Vec<Source>;

/// A part of the records, newest first.
struct Part {
    rows: Vec<AuditRecord>,
    /// Everything from this number on was read; none: everything.
    down_to: Option<i64>,
    /// Records that were read for it.
    read: usize,
}

impl AuditFilter {
    /// Whether a record is looked for.
    pub fn admits(&self, record: &AuditRecord) -> bool {
        let view = &record.view;
        let holds = |wanted: &Option<String>, is: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(is);
        holds(&self.who, &|who| view.who == who)
            && holds(&self.what, &|what| is_what(&view.what, what))
            && holds(&self.object, &|object| is_object(&view.object, object))
            && holds(&self.result, &|result| is_result(&view.result, result))
            && self.from_ms.is_none_or(|from| view.at_ms >= from)
            && self.to_ms.is_none_or(|to| view.at_ms <= to)
            && self.own.as_ref().is_none_or(|own| record.user.as_ref() == Some(own))
    }

    /// The ways to what is looked for; each leads to all of it.
    fn ways(&self, scope: AuditScope<'_>) -> Vec<Sources> {
        let one =
            |index, column, value: &str| vec![Source { by: Some((index, column)), value: value.to_owned() }];
        let user = |id: &UserId| one("audit_user", "user", id.as_str());
        let mut ways = Vec::new();
        if let Some(object) = &self.object {
            ways.push(match object.contains('/') {
                true => one("audit_base", "base", root_of(object)),
                false => one("audit_noun", "noun", object),
            });
        }
        ways.extend(self.who.as_deref().map(|who| one("audit_who", "who", who)));
        ways.extend(self.own.as_ref().map(user));
        ways.extend(self.what.as_deref().and_then(ways_to_what));
        ways.extend(self.result.as_deref().map(|result| match Outcome::parse(result) {
            Some(outcome) => one("audit_outcome", "outcome", outcome.as_str()),
            None => one("audit_code", "code", result),
        }));
        match scope {
            AuditScope::Own(own) => ways.push(user(own)),
            AuditScope::OwnAndChains(own) if ways.is_empty() => {
                ways.push([user(own), one("audit_noun", "noun", "chain")].concat());
            }
            AuditScope::OwnAndChains(_) | AuditScope::Everything => {}
        }
        if ways.is_empty() {
            ways.push(vec![Source { by: None, value: String::new() }]);
        }
        ways
    }
}

impl AuditScope<'_> {
    /// Whether somebody sees a record.
    fn admits(self, record: &AuditRecord) -> bool {
        match self {
            Self::Everything => true,
            Self::OwnAndChains(user) => {
                record.user.as_ref() == Some(user) || noun_of(&record.view.object) == "chain"
            }
            Self::Own(user) => record.user.as_ref() == Some(user),
        }
    }
}

fn is_what(what: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => what.starts_with(beginning),
        None => what == wanted || what.strip_suffix("-end") == Some(wanted) || family_of(what) == wanted,
    }
}

fn is_object(object: &str, wanted: &str) -> bool {
    if !wanted.contains('/') {
        return noun_of(object) == wanted;
    }
    let rest = object.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ' ']))
}

fn is_result(result: &str, wanted: &str) -> bool {
    match Outcome::parse(wanted) {
        Some(outcome) => Outcome::of(result) == outcome,
        None => code_of(result) == wanted,
    }
}

/// None where it would be all records.
fn ways_to_what(wanted: &str) -> Option<Sources> {
    let family = |value: &str| Source { by: Some(("audit_family", "family")), value: value.to_owned() };
    let exactly = |value: String| Source { by: Some(("audit_what", "what")), value };
    match wanted.strip_suffix('*') {
        Some(beginning) => beginning.contains('-').then(|| vec![family(family_of(beginning))]),
        None if wanted.contains('-') => {
            Some(vec![exactly(wanted.to_owned()), exactly(format!("{wanted}-end"))])
        }
        None => Some(vec![family(wanted)]),
    }
}

impl Store {
    /// The newest records before a number that somebody sees and looks for.
    pub async fn audit_find(
        &self,
        filter: &AuditFilter,
        scope: AuditScope<'_>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<AuditFound, StoreError> {
        let (mut at, floor) = self.audit_span(filter, before.unwrap_or(i64::MAX)).await?;
        let mut ways = filter.ways(scope);
        let room = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut records, mut read, mut step) = (Vec::new(), 0, limit.saturating_add(1));
        loop {
            let part = self.best_part(&mut ways, at, step).await?;
            read += part.read;
            let oldest_ms = part.rows.last().map(|record| record.view.at_ms);
            let is_wanted = |record: &AuditRecord| {
                record.view.sequence > floor && scope.admits(record) && filter.admits(record)
            };
            records.extend(part.rows.into_iter().filter(is_wanted));
            if records.len() > room {
                records.truncate(room);
                let next = records.last().map(|last: &AuditRecord| last.view.sequence);
                return Ok(AuditFound { records, next, searched_ms: None });
            }
            match part.down_to.filter(|number| *number > floor + 1) {
                None => return Ok(AuditFound { records, next: None, searched_ms: None }),
                Some(number) if read >= READ_MAX => {
                    let is_short = records.len() < room;
                    let searched_ms = oldest_ms.filter(|_| is_short);
                    return Ok(AuditFound { records, next: Some(number), searched_ms });
                }
                Some(number) => (at, step) = (number, STEP),
            }
        }
    }

    /// A part by the way on which as many records reach furthest back; the others are given up.
    async fn best_part(&self, ways: &mut Vec<Sources>, before: i64, step: u32) -> Result<Part, StoreError> {
        let mut best: Option<(Sources, Part)> = None;
        let mut read = 0;
        for way in ways.drain(..) {
            let part = self.part(&way, before, step).await?;
            read += part.read;
            let is_better = best.as_ref().is_none_or(|(_, known)| part.down_to < known.down_to);
            if is_better {
                best = Some((way, part));
            }
        }
        let Some((way, part)) = best else { return Ok(Part { rows: Vec::new(), down_to: None, read }) };
        ways.push(way);
        Ok(Part { read, ..part })
    }

    /// The next records of some sources before a number, as far back as all of them were read.
    async fn part(&self, sources: &[Source], before: i64, step: u32) -> Result<Part, StoreError> {
        let mut rows = BTreeMap::<i64, AuditRecord>::new();
        let (mut down_to, mut read) = (None, 0);
        for source in sources {
            let found = self.read_source(source, before, step).await?;
            read += found.len();
            let is_full = u32::try_from(found.len()).is_ok_and(|count| count >= step);
            let last = found.last().map(|record| record.view.sequence).filter(|_| is_full);
            down_to = down_to.max(last);
            rows.extend(found.into_iter().map(|record| (record.view.sequence, record)));
        }
        if let Some(number) = down_to {
            rows = rows.split_off(&number);
        }
        Ok(Part { rows: rows.into_values().rev().collect(), down_to, read })
    }

    async fn read_source(
        &self,
        source: &Source,
        before: i64,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let (index, equal) = match source.by {
            Some((index, column)) => (index, format!("{column} = $value AND ")),
            None => ("audit_sequence", String::new()),
        };
        let text = format!(
            "SELECT * OMIT id FROM audit WITH INDEX {index} WHERE {equal}sequence < $before
            ORDER BY sequence DESC LIMIT $limit"
        );
        let bindings = json!({ "value": source.value, "before": before, "limit": limit });
        let rows: Vec<Row> = self.read(Query::new(text, bindings)).await?;
        Ok(rows.into_iter().map(AuditRecord::from).collect())
    }

    /// Before which number and after which one records of the wanted time stand.
    async fn audit_span(&self, filter: &AuditFilter, before: i64) -> Result<(i64, i64), StoreError> {
        if filter.from_ms.is_none() && filter.to_ms.is_none() {
            return Ok((before, 0));
        }
        let Some((first, last)) = self.audit_ends().await? else { return Ok((before, 0)) };
        let begin = match filter.to_ms {
            Some(to) => self.first_later(first, last, to.saturating_add(SKEW_MS)).await?,
            None => i64::MAX,
        };
        let floor = match filter.from_ms {
            Some(from) => self.first_later(first, last, from.saturating_sub(SKEW_MS)).await? - 1,
            None => 0,
        };
        Ok((begin.min(before), floor))
    }

    /// The number of the first record of a time later than this one, taking times to rise with numbers; behind the last
    /// one if there is none. It halves the span again and again, and looks at one record each time.
    async fn first_later(&self, first: i64, last: i64, ms: i64) -> Result<i64, StoreError> {
        let (mut low, mut high) = (first, last + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.audit_time(middle).await? {
                Some(at_ms) if at_ms > ms => high = middle,
                _ => low = middle + 1,
            }
        }
        Ok(low)
    }

    async fn audit_time(&self, sequence: i64) -> Result<Option<i64>, StoreError> {
        #[derive(Deserialize)]
        struct At {
            at_ms: i64,
        }
        let text = "SELECT at_ms FROM type::record('audit', $sequence)";
        let row: Option<At> = self.read_one(Query::new(text, json!({ "sequence": sequence }))).await?;
        Ok(row.map(|row| row.at_ms))
    }

    /// The numbers of the first and of the last record that are here.
    pub async fn audit_ends(&self) -> Result<Option<(i64, i64)>, StoreError> {
        let Some((last, _)) = self.audit_last().await? else { return Ok(None) };
        let first = self.audit_after(0, 1).await?.first().map_or(last, |record| record.view.sequence);
        Ok(Some((first, last)))
    }
}
