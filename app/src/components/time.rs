//! Moments and durations. The server writes UTC; the browser turns it into the viewer's zone, or the one of their profile,
//! after hydration, so that both render the same text first. The ISO form stands in the title.

use leptos::prelude::*;

use crate::browser;
use crate::preferences::Preferences;

/// A moment.
#[component]
pub fn Time(ms: i64) -> impl IntoView {
    let iso = iso(ms);
    let local = RwSignal::new(None::<String>);
    let preferences = use_context::<Preferences>();
    Effect::new(move |_| {
        let lang = preferences.map_or("en", |p| p.lang.get().tag());
        let zone = preferences.and_then(|p| p.zone.get());
        local.set(browser::local_time(ms, lang, zone.as_deref()));
    });
    let plain = iso.replace('T', " ").replace('Z', " UTC");
    view! {
        <time datetime=iso.clone() title=iso>
            {move || local.get().unwrap_or_else(|| plain.clone())}
        </time>
    }
}

/// Milliseconds since 1970 as `2026-11-20T22:10:03Z`.
pub fn iso(ms: i64) -> String {
    let seconds = ms.div_euclid(1_000);
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, date) = civil(day);
    format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}Z",
        second / 3_600,
        second % 3_600 / 60,
        second % 60
    )
}

/// Days since 1970 as year, month and day of the Gregorian calendar. Years start in March here, so that the
/// leap day is the last day of a year and every cycle of 400 years has the same shape.
fn civil(day: i64) -> (i64, i64, i64) {
    const CYCLE: i64 = 146_097;
    let shifted = day + 719_468;
    let (cycle, rest) = (shifted.div_euclid(CYCLE), shifted.rem_euclid(CYCLE));
    let year = (rest - rest / 1_460 + rest / 36_524 - rest / 146_096) / 365;
    let in_year = rest - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let date = in_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + cycle * 400 + carry, month, date)
}

/// A span of time in the unit that reads best.
pub fn span(ms: i64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// Bytes in the unit that reads best.
pub fn bytes(count: u64) -> String {
    let units = [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    units.into_iter().find(|(_, size)| count >= *size).map_or_else(
        || format!("{count} B"),
        |(unit, size)| format!("{}.{} {unit}", count / size, count % size * 10 / size),
    )
}

/// Thousandths of a core as cores.
pub fn cores(milli: u64) -> String {
    format!("{}.{:02}", milli / 1_000, milli % 1_000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_618_900_000_000, "2021-04-20T06:26:40Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00Z"),
            (-1_000, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(iso(ms), text);
        }
    }

    #[test]
    fn spans_and_sizes() {
        assert_eq!(span(42), "42 ms");
        assert_eq!(span(3_640), "3.6 s");
        assert_eq!(span(61_000), "1 min 1 s");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1_610_612_736), "1.5 GiB");
        assert_eq!((cores(5), cores(1_234)), ("0.00".to_owned(), "1.23".to_owned()));
    }
}
