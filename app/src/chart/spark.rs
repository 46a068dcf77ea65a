//! A line by day without axes, for a look from afar. It breaks where nothing was counted.

use domain::stats::Day;

use super::picture;

const STEP: u64 = 10;
const HEIGHT: u64 = 40;

/// The picture; none where there is nothing but zeros.
pub(super) fn line(title: &str, days: &[Day]) -> Option<String> {
    let highest = days.iter().filter_map(|day| day.total).max().filter(|highest| *highest > 0)?;
    let mut path = String::new();
    let mut is_drawing = false;
    for (at, day) in (0_u64..).zip(days) {
        let Some(total) = day.total else {
            is_drawing = false;
            continue;
        };
        let y = HEIGHT - 2 - u64::from(total) * (HEIGHT - 4) / u64::from(highest);
        path.push(if is_drawing { 'L' } else { 'M' });
        path.push_str(&format!("{} {y}", at * STEP + STEP / 2));
        is_drawing = true;
    }
    let width = STEP * u64::try_from(days.len()).unwrap_or(0);
    let content = format!("<path class=\"chart-line\" d=\"{path}\"/>");
    Some(picture("chart-spark", title, width, HEIGHT, &content))
}
