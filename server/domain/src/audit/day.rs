//! Moments in the address of a page: a day or a minute, in UTC.

use crate::error::{Code, Error};

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
/// Days of 400 years, after which the calendar repeats itself.
const CYCLE: i64 = 146_097;
/// Days from the first of March of year 0 to 1970.
const EPOCH: i64 = 719_468;

/// Which end of a span a moment stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeOfList {
    /// The first millisecond of the day or minute.
    From,
    /// The last one.
    To,
}

/// Reads `2026-11-30` or `2026-11-30T08:15` as unix milliseconds.
///
/// # Errors
/// `TimeMalformed` on the field for anything else.
pub fn parse_time(text: &str, end: TimeOfList) -> Result<i64, Error> {
    let field = if end == TimeOfList::From { "from" } else { "to" };
    let refused = || Error::invalid(Code::TimeMalformed).on(field);
    let (day, minute) = match text.split_once('T') {
        Some((day, time)) => (day, Some(minute_of(time).ok_or_else(refused)?)),
        None => (text, None),
    };
    let begin = day_of(day).ok_or_else(refused)? * DAY_MS + minute.unwrap_or(0) * MINUTE_MS;
    let span = if minute.is_some() { MINUTE_MS } else { DAY_MS };
    Ok(if end == TimeOfList::From { begin } else { begin + span - 1 })
}

/// Unix milliseconds as `2026-11-30T08:15:42.123Z`.
pub fn utc(ms: i64) -> String {
    let (day, rest) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
    let (year, month, date) = civil(day);
    let (hour, minute, second) = (rest / 3_600_000, rest / MINUTE_MS % 60, rest / 1_000 % 60);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", rest % 1_000)
}

fn minute_of(text: &str) -> Option<i64> {
    let mut parts = text.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    // Browsers may send seconds along.
    let second = parts.next().map_or(Some(0), |part| number(part, 2))?;
    let fits = hour < 24 && minute < 60 && second < 60 && parts.next().is_none();
    fits.then_some(hour * 60 + minute)
}

fn day_of(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let (year, month, date) =
        (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some() || year < 1970 || !(1..=12).contains(&month) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of a year.
    let shifted = if month > 2 { year } else { year - 1 };
    let from_march = (month + 9) % 12;
    let (cycle, in_cycle) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let in_year = (153 * from_march + 2) / 5 + date - 1;
    let day = cycle * CYCLE + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + in_year - EPOCH;
    // A date that its month does not have is another day.
    (civil(day) == (year, month, date)).then_some(day)
}

fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + EPOCH;
    let (cycle, rest) = (shifted.div_euclid(CYCLE), shifted.rem_euclid(CYCLE));
    let year = (rest - rest / 1_460 + rest / 36_524 - rest / 146_096) / 365;
    let in_year = rest - (365 * year + year / 4 - year / 100);
    let month = (5 * in_year + 2) / 153;
    let date = in_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year + cycle * 400 + carry, month, date)
}

/// Digits of which there have to be so many.
fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_from_its_first_to_its_last_millisecond() {
        let span = |text| [TimeOfList::From, TimeOfList::To].map(|end| parse_time(text, end).map(utc));
        let ok = |from: &str, to: &str| [Ok(from.to_owned()), Ok(to.to_owned())];
        assert_eq!(span("2026-11-30"), ok("2026-11-30T00:00:00.000Z", "2026-11-30T23:59:59.999Z"));
        assert_eq!(span("2024-02-29T08:15"), ok("2024-02-29T08:15:00.000Z", "2024-02-29T08:15:59.999Z"));
        assert_eq!(span("1970-01-01")[0], Ok("1970-01-01T00:00:00.000Z".to_owned()));
        assert_eq!(parse_time("2000-03-01", TimeOfList::From), Ok(951_868_800_000));
        for bad in ["", "2026", "2026-13-01", "2026-02-29", "2026-1-1", "2026-01-01T24:00", "1969-12-31"] {
            let error = parse_time(bad, TimeOfList::To).unwrap_err();
            assert_eq!((error.code, error.field.as_deref()), (Code::TimeMalformed, Some("to")), "{bad}");
        }
    }

    #[test]
    fn every_day_is_read_back() {
        for day in (0..60_000).step_by(7) {
            let text = utc(day * DAY_MS);
            let date = text.split('T').next().unwrap_or_default();
            assert_eq!(parse_time(date, TimeOfList::From), Ok(day * DAY_MS), "{text}");
        }
    }
}
