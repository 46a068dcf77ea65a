//! Shares of a whole: one bar that is cut in parts, or a ring. The legend names every part with its number, in the order
//! of the parts, so that nobody has to tell colours apart.

use super::{Table, escape, figure, picture};
use crate::text::StatsText;

/// Parts that have a look of their own; further ones share the last.
const LOOKS: usize = 7;
/// Size of the bar in units of the drawing.
const WIDTH: u64 = 400;
const HEIGHT: u64 = 24;
/// The ring is this long all around.
const AROUND: u64 = 1_000;

/// A part: its words and how many.
pub(super) type Part = (String, u32);

fn total(parts: &[Part]) -> u64 {
    parts.iter().map(|(_, count)| u64::from(*count)).sum()
}

fn look(at: usize) -> usize {
    at.min(LOOKS - 1)
}

/// Where each part begins and how long it is, of a whole of this length.
fn spans(parts: &[Part], whole: u64) -> Vec<(u64, u64)> {
    let (all, mut before) = (total(parts).max(1), 0);
    let mut span = |(_, count): &Part| {
        let from = before * whole / all;
        before += u64::from(*count);
        (from, before * whole / all - from)
    };
    parts.iter().map(&mut span).collect()
}

/// Per cent of a whole, rounded.
fn percent(count: u32, all: u64) -> u64 {
    (u64::from(count) * 200 / all.max(1)).div_ceil(2).min(100)
}

fn legend(parts: &[Part]) -> String {
    let all = total(parts);
    let entry = |(at, (words, count)): (usize, &Part)| {
        format!(
            "<li><svg class=\"chart-key\" viewBox=\"0 0 10 10\" aria-hidden=\"true\">\
             <rect class=\"chart-s{}\" width=\"10\" height=\"10\"/></svg> {} <strong>{count}</strong> \
             <span class=\"muted\">{} %</span></li>",
            look(at),
            escape(words),
            percent(*count, all)
        )
    };
    let entries: String = parts.iter().enumerate().map(entry).collect();
    format!("<ul class=\"chart-legend\">{entries}</ul>")
}

fn table(parts: &[Part], t: &'static StatsText) -> Table {
    let all = total(parts);
    let row =
        |(words, count): &Part| vec![words.clone(), count.to_string(), format!("{} %", percent(*count, all))];
    Table { head: vec![t.kind, t.count, t.share], rows: parts.iter().map(row).collect() }
}

/// A bar that is cut in parts.
pub(super) fn bar(title: &str, parts: &[Part], t: &'static StatsText) -> String {
    let drawing = (total(parts) > 0).then(|| {
        let part = |(at, (from, long)): (usize, (u64, u64))| {
            format!(
                "<rect class=\"chart-s{}\" x=\"{from}\" y=\"0\" width=\"{long}\" height=\"{HEIGHT}\"/>",
                look(at)
            )
        };
        let content: String = spans(parts, WIDTH).into_iter().enumerate().map(part).collect();
        picture("chart-share", title, WIDTH, HEIGHT, &content) + &legend(parts)
    });
    figure(title, drawing, &table(parts, t), t)
}

/// A ring.
pub(super) fn ring(title: &str, parts: &[Part], t: &'static StatsText) -> String {
    let drawing = (total(parts) > 0).then(|| {
        let part = |(at, (from, long)): (usize, (u64, u64))| {
            format!(
                "<circle class=\"chart-ring chart-r{}\" cx=\"21\" cy=\"21\" r=\"16\" pathLength=\"{AROUND}\" \
                 stroke-dasharray=\"{long} {}\" stroke-dashoffset=\"-{from}\"/>",
                look(at),
                AROUND - long
            )
        };
        let content: String = spans(parts, AROUND).into_iter().enumerate().map(part).collect();
        picture("chart-donut", title, 42, 42, &content) + &legend(parts)
    });
    figure(title, drawing, &table(parts, t), t)
}
