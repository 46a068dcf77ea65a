//! The lines of a log, and which of them contain a filter. Both know what came since the last look, so that a log that
//! grows is never read from its beginning again.

use std::sync::atomic::{AtomicU32, Ordering};

/// Number of the next log.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Lines of a log, oldest first. It grows at its end and loses its oldest; whatever else changes makes it another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    all: Vec<String>,
    /// Tells logs apart.
    id: u32,
    /// Lines that went from its beginning so far.
    gone: usize,
}

impl Lines {
    /// A log of its own.
    pub fn new(all: Vec<String>) -> Self {
        Self { all, id: NEXT.fetch_add(1, Ordering::Relaxed), gone: 0 }
    }

    /// Every line.
    pub fn as_slice(&self) -> &[String] {
        &self.all
    }

    /// Every line, to go elsewhere.
    pub fn into_vec(self) -> Vec<String> {
        self.all
    }

    /// Lines in all.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Adds lines, and drops the oldest beyond a bound: a good part at once, so that it is seldom done.
    pub fn append(&mut self, new: Vec<String>, bound: usize) {
        self.all.extend(new);
        if self.all.len() > bound {
            let surplus = (self.all.len() - bound + bound / 20).min(self.all.len());
            self.all.drain(..surplus);
            self.gone += surplus;
        }
    }

    /// Keeps so many of the oldest lines; the others may come again in another form.
    pub fn truncate(&mut self, count: usize) {
        if count < self.all.len() {
            self.all.truncate(count);
            self.id = NEXT.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number that the line at a place keeps, counted from the log's beginning.
    pub(super) fn number(&self, at: usize) -> usize {
        self.gone + at
    }

    /// How many lines stand before the one of a number; none if that is gone.
    pub(super) fn place(&self, number: usize) -> usize {
        number.saturating_sub(self.gone)
    }

    /// The line at a place; none where there is no such place.
    pub fn line(&self, at: usize) -> &str {
        self.all.get(at).map(String::as_str).unwrap_or_default()
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

/// Whether a line contains what is looked for, which is in small letters.
fn contains(line: &str, needle: &str) -> bool {
    line.to_lowercase().contains(needle)
}

/// What is looked for, as it is compared.
fn needle(filter: &str) -> String {
    filter.trim().to_lowercase()
}

/// Every line that contains the filter.
pub(super) fn matching<'a>(lines: &'a Lines, filter: &str) -> Vec<&'a str> {
    let needle = needle(filter);
    let lines = lines.all.iter().map(String::as_str);
    lines.filter(|line| needle.is_empty() || contains(line, &needle)).collect()
}

/// The lines that contain a filter, as far as they were looked at.
#[derive(Debug, Default)]
pub(super) struct Hits {
    /// The log and the filter that they belong to.
    of: Option<(u32, String)>,
    /// Lines that were looked at, counted from the log's beginning.
    seen: usize,
    /// Numbers of those that contain it, counted likewise.
    numbers: Vec<usize>,
}

impl Hits {
    /// Looks at the lines that came since the last look, or at all of them if the log or the filter is another one.
    /// Returns how many it looked at.
    pub(super) fn look(&mut self, lines: &Lines, filter: &str) -> usize {
        let needle = needle(filter);
        let is_same = self.of.as_ref().is_some_and(|(id, before)| *id == lines.id && *before == needle);
        if !is_same {
            (self.seen, self.numbers) = (0, Vec::new());
        }
        let gone = self.numbers.partition_point(|number| *number < lines.gone);
        self.numbers.drain(..gone);
        // Lines may be gone before anybody looked at them.
        let from = self.seen.saturating_sub(lines.gone);
        let new = lines.all.iter().enumerate().skip(from);
        let hits = new.filter(|(_, line)| contains(line, &needle)).map(|(at, _)| lines.number(at));
        self.numbers.extend(hits);
        self.seen = lines.gone + lines.all.len();
        self.of = Some((lines.id, needle));
        lines.all.len().saturating_sub(from)
    }

    /// Lines that contain the filter.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of a hit's line, counted from the log's beginning.
    pub(super) fn number(&self, at: usize) -> usize {
        self.numbers.get(at).copied().unwrap_or_default()
    }

    /// How many hits stand before the line of a number.
    pub(super) fn place(&self, number: usize) -> usize {
        self.numbers.partition_point(|hit| *hit < number)
    }

    /// The line of a hit.
    pub(super) fn line<'a>(&self, lines: &'a Lines, at: usize) -> &'a str {
        self.numbers.get(at).map(|number| lines.line(lines.place(*number))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(numbers: std::ops::Range<usize>) -> Vec<String> {
        numbers.map(|n| format!("Line {n}")).collect()
    }

    fn found(hits: &Hits, lines: &Lines) -> Vec<String> {
        (0..hits.len()).map(|at| hits.line(lines, at).to_owned()).collect()
    }

    #[test]
    fn only_what_is_new_is_looked_at() {
        let bound = 100_000;
        let (mut log, mut hits) = (Lines::default(), Hits::default());
        log.append(lines(0..bound), bound);
        assert_eq!(hits.look(&log, "LINE 9999"), bound);
        assert_eq!(hits.len(), 11);
        assert_eq!(hits.look(&log, "line 9999 "), 0, "case and blanks around it do not count");
        log.append(lines(99_990..99_992), bound);
        assert_eq!(hits.look(&log, "line 9999"), 2);
        assert_eq!(found(&hits, &log), found_anew(&log, "line 9999"));
    }

    fn found_anew(log: &Lines, filter: &str) -> Vec<String> {
        matching(log, filter).into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn whatever_happens_to_a_log_the_hits_are_those_of_a_fresh_look() {
        let bound = 40;
        let (mut log, mut hits, mut next) = (Lines::default(), Hits::default(), 0);
        for round in 0..200_usize {
            let filter = if round % 17 < 9 { "3" } else { "7" };
            // Some rounds add more than the bound, so that lines go before anybody looked at them.
            let count = if round % 23 == 0 { 90 } else { round % 7 };
            log.append(lines(next..next + count), bound);
            next += count;
            if round % 11 == 0 {
                log.truncate(log.len() / 2);
            }
            if round % 13 != 0 {
                hits.look(&log, filter);
                assert_eq!(found(&hits, &log), found_anew(&log, filter), "round {round}");
            }
        }
    }

    #[test]
    fn the_log_is_bounded_and_keeps_the_newest() {
        let mut log = Lines::default();
        for round in 0..12 {
            log.append(lines(round * 10_000..(round + 1) * 10_000), 100_000);
        }
        assert!(log.len() <= 100_000);
        assert_eq!(log.line(log.len() - 1), "Line 119999");
    }
}
