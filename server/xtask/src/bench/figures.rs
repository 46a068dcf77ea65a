//! Samples of two sides taken in turn, and what is said about them.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;
use crate::report::say;

/// Kernel ticks a second in /proc; the same on every Linux that people use.
const TICKS_A_SECOND: f64 = 100.0;

/// What one side needed, round by round.
#[derive(Debug, Default)]
pub struct Samples {
    values: Vec<f64>,
}

impl Samples {
    pub fn push(&mut self, value: f64) {
        self.values.push(value);
    }

    /// The value in the middle; of an even number the mean of both.
    pub fn median(&self) -> f64 {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match (sorted.len() % 2, sorted.get(middle)) {
            (_, None) => f64::NAN,
            (1, Some(value)) => *value,
            (_, Some(value)) => {
                f64::midpoint(*value, sorted.get(middle.wrapping_sub(1)).copied().unwrap_or(*value))
            }
        }
    }

    fn range(&self) -> (f64, f64) {
        self.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(*value), high.max(*value))
        })
    }

    /// Median with the lowest and highest value, for people.
    pub fn shown(&self, unit: &str) -> String {
        let (low, high) = self.range();
        format!("{:.3} {unit} (from {low:.3} to {high:.3}, {} rounds)", self.median(), self.values.len())
    }
}

/// Takes both sides in turn, the first one changing from round to round, so that neither always runs into what the
/// other left behind.
pub fn in_turn(
    rounds: usize,
    mut ours: impl FnMut(usize) -> Result<()>,
    mut theirs: impl FnMut(usize) -> Result<()>,
) -> Result<()> {
    if rounds == 0 {
        bail!("nothing can be said after no round");
    }
    for round in 0..rounds {
        if process::stopping() {
            bail!("stopped on request");
        }
        if round % 2 == 0 {
            ours(round)?;
            theirs(round)?;
        } else {
            theirs(round)?;
            ours(round)?;
        }
    }
    Ok(())
}

/// Seconds on the clock and seconds of processor time of one program.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub wall: f64,
    pub cpu: f64,
}

/// Runs a program without output and demands success. Waits without polling: what is measured may be short.
pub fn cost(command: &mut Command) -> Result<Cost> {
    let text = process::shown(command);
    let cpu = children_cpu()?;
    let begin = Instant::now();
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .output()
        .with_context(|| format!("`{text}` cannot be started"))?;
    let wall = begin.elapsed();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{text}` ended with {}: {}", output.status, process::last_lines(&said, 10));
    }
    Ok(Cost { wall: seconds(wall), cpu: children_cpu()? - cpu })
}

pub fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// How many of something a second.
pub fn per_second(count: usize, time: Duration) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from) / seconds(time)
}

/// Processor time of all programs that we started and that have ended (proc(5): cutime and cstime).
fn children_cpu() -> Result<f64> {
    ticks("self", [13, 14])
}

/// Processor seconds that a running program has used so far (proc(5): utime and stime).
pub fn process_cpu(id: u32) -> Result<f64> {
    ticks(&id.to_string(), [11, 12])
}

/// Adds up two fields of /proc/…/stat, counted from behind the program's name, which may hold anything.
fn ticks(id: &str, fields: [usize; 2]) -> Result<f64> {
    let file = format!("/proc/{id}/stat");
    let text = fs::read_to_string(&file).with_context(|| format!("{file} cannot be read"))?;
    let (_, rest) = text.rsplit_once(')').with_context(|| format!("{file} has no name"))?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let mut sum = 0.0;
    for field in fields {
        let word = words.get(field).with_context(|| format!("{file} is too short"))?;
        sum += word.parse::<f64>().with_context(|| format!("{file} has no number where one belongs"))?;
    }
    Ok(sum / TICKS_A_SECOND)
}

/// Says how two sides compare and fails when the promise is missed. `reached` is theirs over ours, or ours over
/// theirs: whatever is the better the larger it is.
pub fn demand(what: &str, reached: f64, promised: f64) -> Result<()> {
    say(format!("{what}: {reached:.2}, promised {promised:.2}"));
    if reached >= promised {
        return Ok(());
    }
    bail!("{what} is {reached:.2}, less than the promised {promised:.2}")
}

/// As [`demand`], for what is the better the smaller it is.
pub fn at_most(what: &str, reached: f64, promised: f64) -> Result<()> {
    say(format!("{what}: {reached:.2}, promised at most {promised:.2}"));
    if reached <= promised {
        return Ok(());
    }
    bail!("{what}: {reached:.2}, more than the promised {promised:.2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let check = |values: &[f64], expect: f64| {
            let samples = Samples { values: values.to_vec() };
            assert!((samples.median() - expect).abs() < 1e-9, "{values:?}");
        };
        check(&[3.0], 3.0);
        check(&[3.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 9.0], 3.0);
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn sides_take_turns() {
        let order = std::cell::RefCell::new(String::new());
        let mark = |letter| {
            let order = &order;
            move |_| {
                order.borrow_mut().push(letter);
                Ok(())
            }
        };
        in_turn(3, mark('o'), mark('t')).unwrap();
        assert_eq!(order.into_inner(), "ottoot");
        assert!(in_turn(0, |_| Ok(()), |_| Ok(())).is_err());
    }

    #[test]
    fn a_busy_program_costs_processor_time() {
        let busy = cost(Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]))
            .unwrap();
        assert!(busy.cpu > 0.0 && busy.wall > 0.0, "{busy:?}");
        assert!(cost(&mut Command::new("false")).is_err());
    }

    #[test]
    fn a_missed_promise_fails() {
        assert!(demand("x", 2.0, 2.0).is_ok());
        assert!(demand("x", 1.99, 2.0).is_err());
        assert!(demand("x", f64::NAN, 2.0).is_err());
        assert!(at_most("x", 1.0, 1.0).is_ok());
        assert!(at_most("x", 1.01, 1.0).is_err());
    }
}
