//! Running other programs: nothing waits for ever, nothing reads the terminal, nothing is left behind.
//!
//! Every child leads a process group of its own. A signal that asks us to stop, or a budget that is used up,
//! ends the whole group, so that no grandchild survives.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const POLL: Duration = Duration::from_millis(20);
const GRACE: Duration = Duration::from_secs(15);

/// For commands that only look something up.
pub const SHORT: Duration = Duration::from_secs(60);
/// For installations and downloads.
pub const LONG: Duration = Duration::from_secs(20 * 60);
/// For builds from nothing on a slow machine.
pub const BUILD: Duration = Duration::from_secs(75 * 60);

static STOP: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Turns SIGINT and SIGTERM into a flag that every wait looks at. To be called once, at the start.
pub fn catch_signals() -> Result<()> {
    let flag = STOP.get_or_init(|| Arc::new(AtomicBool::new(false)));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag)).context("signals cannot be caught")?;
    }
    Ok(())
}

/// Does what a signal does: every wait ends what it waits for.
pub fn request_stop() {
    if let Some(flag) = STOP.get() {
        flag.store(true, Ordering::Relaxed);
    }
}

/// True once somebody asked us to stop.
pub fn stopping() -> bool {
    STOP.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Forgets a request to stop, so that what has to be cleaned up can still run programs.
pub fn clean_up_now() {
    if let Some(flag) = STOP.get() {
        flag.store(false, Ordering::Relaxed);
    }
}

/// The program with its arguments, for messages.
pub fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Runs a program with its output on ours and demands success.
pub fn run(command: &mut Command, limit: Duration) -> Result<()> {
    let text = shown(command);
    let mut child = start(command)?;
    let status = wait(&mut child, limit).with_context(|| format!("`{text}`"))?;
    if !status.success() {
        bail!("`{text}` ended with {status}");
    }
    Ok(())
}

/// Runs a program silently, demands success and returns what it wrote to standard output. On failure the last
/// lines of its standard error are in the message.
pub fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let text = shown(command);
    let mut child = start(command.stdout(Stdio::piped()).stderr(Stdio::piped()))?;
    let out = reader(child.stdout.take());
    let err = reader(child.stderr.take());
    let status = wait(&mut child, limit).with_context(|| format!("`{text}`"))?;
    let (out, err) = (joined(out), joined(err));
    if !status.success() {
        bail!("`{text}` ended with {status}: {}", last_lines(&err, 20));
    }
    Ok(out)
}

/// Runs a program silently with its output in a log file; on failure the end of the log is in the message.
pub fn logged(command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    let text = shown(command);
    let file = File::create(log).with_context(|| format!("{} cannot be written", log.display()))?;
    let second = file.try_clone().context("the log cannot be shared")?;
    let mut child = start(command.stdout(file).stderr(second))?;
    let status = wait(&mut child, limit).with_context(|| format!("`{text}`, log in {}", log.display()))?;
    if !status.success() {
        let written = std::fs::read_to_string(log).unwrap_or_default();
        bail!("`{text}` ended with {status}, log in {}:\n{}", log.display(), last_lines(&written, 20));
    }
    Ok(())
}

/// Runs a program, shows its standard output as it comes and returns it too. The exit status is the caller's to
/// judge, because what a failing test runner wrote still has to be read.
pub fn tee(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String)> {
    let text = shown(command);
    let mut child = start(command.stdout(Stdio::piped()))?;
    let stream = child.stdout.take().context("standard output is not ours")?;
    let lines = thread::spawn(move || {
        let mut all = String::new();
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            // A closed terminal must not stop the reading: the child would block on a full pipe.
            let _ = writeln!(std::io::stdout(), "{line}");
            all.push_str(&line);
            all.push('\n');
        }
        all
    });
    let status = wait(&mut child, limit).with_context(|| format!("`{text}`"))?;
    Ok((status, lines.join().unwrap_or_default()))
}

/// Runs a program and returns its standard output without showing it. As with [`tee`] the exit status is the caller's
/// to judge. What it wrote last is in the message where it had to be ended: nobody has seen it.
pub fn gather(command: &mut Command, limit: Duration) -> Result<(ExitStatus, String)> {
    let text = shown(command);
    let mut child = start(command.stdout(Stdio::piped()))?;
    let stream = child.stdout.take().context("standard output is not ours")?;
    let all = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&all);
    let lines = thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push_str(&String::from_utf8_lossy(&line));
            kept.push('\n');
        }
    });
    let so_far = || all.lock().unwrap_or_else(PoisonError::into_inner).clone();
    match wait(&mut child, limit) {
        Ok(status) => {
            // It has nothing to tell, and what it read is there in any case.
            let _ = lines.join();
            Ok((status, so_far()))
        }
        // The end of the stream is not waited for: something that outlives the program may hold it open.
        Err(error) => bail!("`{text}`: {error:#}; at last it wrote:\n{}", last_lines(&so_far(), 40)),
    }
}

/// Starts a program that lives on beside us, in a process group of its own and without input.
pub fn start(command: &mut Command) -> Result<Child> {
    let text = shown(command);
    forget_package(command);
    command.stdin(Stdio::null()).process_group(0);
    command.spawn().with_context(|| format!("`{text}` cannot be started"))
}

/// Takes away what the cargo that runs us says about our own package. Build scripts look at it: with the folder of this
/// clone in it, another clone, or somebody who calls cargo by hand, would build half of the dependencies anew.
fn forget_package(command: &mut Command) {
    let told = |name: &str| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_");
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| told(name))
    {
        command.env_remove(name);
    }
}

/// Waits for a child. A request to stop or a used-up limit ends it, with everything it started.
pub fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait().context("a child cannot be waited for")? {
            return Ok(status);
        }
        if stopping() {
            end(child, GRACE)?;
            bail!("stopped on request");
        }
        if begin.elapsed() > limit {
            end(child, GRACE)?;
            bail!("not finished after {} s", limit.as_secs());
        }
        thread::sleep(POLL);
    }
}

/// Asks a child and its group to end, and makes them when they do not within `grace`.
pub fn end(child: &mut Child, grace: Duration) -> Result<ExitStatus> {
    signal("TERM", &format!("-{}", child.id()));
    let begin = Instant::now();
    while begin.elapsed() < grace {
        if let Some(status) = child.try_wait().context("a child cannot be waited for")? {
            signal("KILL", &format!("-{}", child.id()));
            return Ok(status);
        }
        thread::sleep(POLL);
    }
    signal("KILL", &format!("-{}", child.id()));
    child.wait().context("a child cannot be waited for")
}

/// Sends a signal to one process, or to a group when the id has a minus in front. Whether anything was there to
/// receive it shows in what happens next, so that the outcome is not looked at.
pub fn signal(name: &str, id: &str) {
    let _ = Command::new("kill")
        .args(["-s", name, "--", id])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Waits until a condition holds; false when it did not within the limit or somebody asked us to stop.
pub fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if begin.elapsed() > limit || stopping() {
            return false;
        }
        thread::sleep(POLL);
    }
}

/// The last lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

fn reader(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut raw = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error is still worth showing.
            let _ = stream.read_to_end(&mut raw);
        }
        String::from_utf8_lossy(&raw).into_owned()
    })
}

fn joined(reader: thread::JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_the_program_and_its_words() {
        let error = output(Command::new("sh").args(["-c", "echo broken >&2; exit 3"]), SHORT)
            .unwrap_err()
            .to_string();
        assert!(error.contains("exit status: 3") && error.contains("broken"), "{error}");
    }

    #[test]
    fn a_used_up_limit_ends_the_whole_group() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pid");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        assert!(run(Command::new("sh").args(["-c", &script]), Duration::from_millis(500)).is_err());
        let pid = std::fs::read_to_string(&file).unwrap();
        let gone = until(Duration::from_secs(10), || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        });
        assert!(gone, "process {pid} outlived its group");
    }

    #[test]
    fn output_is_shown_and_kept() {
        let (status, text) =
            tee(Command::new("sh").args(["-c", "echo one; echo two; exit 1"]), SHORT).unwrap();
        assert!(!status.success());
        assert_eq!(text, "one\ntwo\n");
    }

    #[test]
    fn output_that_nobody_saw_is_kept_and_told_when_the_program_has_to_be_ended() {
        let (status, text) =
            gather(Command::new("sh").args(["-c", "echo one; echo two; exit 1"]), SHORT).unwrap();
        assert!(!status.success());
        assert_eq!(text, "one\ntwo\n");
        let endless =
            gather(Command::new("sh").args(["-c", "echo begun; sleep 600"]), Duration::from_secs(1));
        let error = endless.unwrap_err().to_string();
        assert!(error.contains("not finished after 1 s") && error.ends_with("\nbegun"), "{error}");
    }

    #[test]
    fn programs_do_not_learn_what_cargo_tells_us_about_our_package() {
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo runs this test");
        let variables = output(&mut Command::new("env"), SHORT).unwrap();
        assert!(!variables.contains("CARGO_MANIFEST_") && !variables.contains("CARGO_PKG_"), "{variables}");
        assert!(variables.contains("PATH="));
    }

    #[test]
    fn last_lines_of_short_texts() {
        assert_eq!(last_lines("a\nb\nc", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
    }
}
