//! Bars by day. A day on which nothing was counted yet is a gap, which is something else than a day with nothing.

use domain::stats::Day;

use super::{Table, escape, figure, picture};
use crate::components::time::iso;
use crate::text::StatsText;

/// Widths and heights in units of the drawing.
const SLOT: u64 = 20;
const BAR: u64 = 12;
const GROUND: u64 = 100;
const HIGHEST: u64 = 96;

/// A day as `2026-11-30`.
pub(super) fn date(day: i64) -> String {
    let text = iso(day.saturating_mul(86_400_000));
    text.split('T').next().unwrap_or_default().to_owned()
}

/// Bars with their table; `fails` tells whether some of what is counted can fail.
pub(super) fn bars(title: &str, days: &[Day], fails: bool, t: &'static StatsText) -> String {
    let mut table = Table { head: vec![t.day, t.count], rows: Vec::new() };
    table.head.extend(fails.then_some(t.of_them_failed));
    for day in days {
        let total = day.total.map_or_else(|| t.not_counted.to_owned(), |total| total.to_string());
        let mut row = vec![date(day.day), total];
        row.extend(fails.then(|| day.total.map_or_else(String::new, |_| day.failed.to_string())));
        table.rows.push(row);
    }
    figure(title, drawing(title, days), &table, t)
}

/// The picture; none where every bar would be empty.
pub(super) fn drawing(title: &str, days: &[Day]) -> Option<String> {
    let highest = days.iter().filter_map(|day| day.total).max().filter(|highest| *highest > 0)?;
    let height = |count: u32| (u64::from(count) * HIGHEST / u64::from(highest)).max(u64::from(count > 0));
    let mut content = String::new();
    for (at, day) in (0_u64..).zip(days) {
        let x = at * SLOT + (SLOT - BAR) / 2;
        let Some(total) = day.total else {
            content.push_str(&format!("<path class=\"chart-gap\" d=\"M{x} {GROUND}h{BAR}\"/>"));
            continue;
        };
        let mut bar = |class: &str, count: u32| {
            let high = height(count);
            if high > 0 {
                content.push_str(&format!(
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"{BAR}\" height=\"{high}\">\
                     <title>{}: {count}</title></rect>",
                    GROUND - high,
                    escape(&date(day.day))
                ));
            }
        };
        bar("chart-bar", total);
        bar("chart-bar-failed", day.failed.min(total));
    }
    let width = SLOT * u64::try_from(days.len()).unwrap_or(0);
    content.push_str(&format!("<path class=\"chart-ground\" d=\"M0 {}h{width}\"/>", GROUND + 2));
    Some(picture("chart-bars", title, width, GROUND + 4, &content))
}
