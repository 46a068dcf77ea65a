//! What has to be on the machine, and how it gets there.
//!
//! Packages are installed only as root on Debian or Ubuntu, and always announced first; elsewhere the message says
//! what to install. Nothing here may touch a program that is already good enough.

use std::env;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{LONG, SHORT, output, run};
use crate::report::say;

/// The oldest Go that fetches by itself the release that a go.mod asks for.
const GO_MINIMUM: (u32, u32) = (1, 21);
/// The release that is fetched as a module where only an older Go is to be had.
const GO_RELEASE: &str = "1.26.0";

/// Finds a program in PATH, or in the folders for the administrator that some users do not have in theirs.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let extra = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/local/go/bin"].map(PathBuf::from);
    env::split_paths(&path).chain(extra).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// True when we may install packages and start services.
pub fn is_root() -> bool {
    // The owner of our own entry in /proc is the effective user.
    fs::metadata("/proc/self").is_ok_and(|entry| std::os::unix::fs::MetadataExt::uid(&entry) == 0)
}

/// True on Debian, Ubuntu and what calls itself like them.
pub fn has_apt() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    is_debian_like(&release) && program("apt-get").is_some()
}

fn is_debian_like(release: &str) -> bool {
    release
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| *key == "ID" || *key == "ID_LIKE")
        .any(|(_, value)| value.trim_matches('"').split(' ').any(|id| id == "debian" || id == "ubuntu"))
}

/// Installs Debian packages unless all of the programs are there. `why` completes "… is needed for …".
pub fn ensure_programs(programs: &[&str], packages: &[&str], why: &str) -> Result<()> {
    let missing: Vec<&str> = programs.iter().copied().filter(|name| program(name).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(format!("{} is not installed and is needed for {why}", missing.join(", ")));
    install(packages)?;
    match programs.iter().find(|name| program(name).is_none()) {
        Some(name) => bail!("{name} is still missing after installing {}", packages.join(", ")),
        None => Ok(()),
    }
}

/// Installs Debian packages, or says what a person has to do.
pub fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    if !is_root() || !has_apt() {
        bail!(
            "please install {list} yourself (as root on Debian or Ubuntu this happens by itself) and start again"
        );
    }
    say(format!("installing with apt-get: {list}"));
    let apt = |words: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .args(["-y", "-q", "-o", "Dpkg::Use-Pty=0"])
            .args(words)
            .env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    let mut words = vec!["install", "--no-install-recommends"];
    words.extend(packages);
    // Package lists may be missing or old; then the first try fails without having changed anything.
    if output(&mut apt(&words), LONG).is_err() {
        output(&mut apt(&["update"]), LONG)?;
        output(&mut apt(&words), LONG)?;
    }
    Ok(())
}

/// Asks a yes-or-no question on a terminal. Without one the answer is yes: there is nobody to ask.
pub fn agreed(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        return Ok(true);
    }
    print!("{question} [Y/n] ");
    std::io::stdout().flush().context("the question cannot be shown")?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("the answer cannot be read")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// Makes sure that the standard library for WebAssembly is there.
pub fn ensure_wasm_target(root: &Path) -> Result<()> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(root), SHORT)?;
    if Path::new(sysroot.trim()).join("lib/rustlib/wasm32-unknown-unknown").is_dir() {
        return Ok(());
    }
    say("installing the WebAssembly target of the Rust toolchain");
    run(Command::new("rustup").args(["target", "add", "wasm32-unknown-unknown"]).current_dir(root), LONG)
}

/// Makes sure that rustfmt and clippy of the pinned toolchain are there.
pub fn ensure_rust_components(root: &Path) -> Result<()> {
    let found =
        |tool: &str| output(Command::new("cargo").args([tool, "--version"]).current_dir(root), SHORT).is_ok();
    if found("fmt") && found("clippy") {
        return Ok(());
    }
    say("installing rustfmt and clippy for the Rust toolchain");
    run(Command::new("rustup").args(["component", "add", "rustfmt", "clippy"]).current_dir(root), LONG)
}

/// Makes sure of a Go that can build the nodes and returns the program to call.
pub fn ensure_go(cache: &Path) -> Result<PathBuf> {
    if program("go").is_none() {
        say("Go is not installed and is needed for building the nodes");
        install(&["golang-go", "ca-certificates"])?;
    }
    let go = program("go").context("go is still missing after installing golang-go")?;
    let text = output(Command::new(&go).arg("version").env("GOTOOLCHAIN", "local").current_dir("/"), SHORT)?;
    let version = go_version(&text).with_context(|| format!("`go version` says: {text}"))?;
    if version >= GO_MINIMUM { Ok(go) } else { fetch_go(&go, cache) }
}

/// Reads `go version go1.26.0 linux/amd64`.
fn go_version(text: &str) -> Option<(u32, u32)> {
    let word = text.split_whitespace().find_map(|word| word.strip_prefix("go1."))?;
    let minor: String = word.chars().take_while(char::is_ascii_digit).collect();
    Some((1, minor.parse().ok()?))
}

/// Fetches a newer Go through the module proxy with an old one, which is how newer ones do it by themselves.
fn fetch_go(old: &Path, cache: &Path) -> Result<PathBuf> {
    let machine = go_machine()?;
    let folder = cache.join("go").join(format!("go{GO_RELEASE}"));
    let go = folder.join("bin").join("go");
    if go.is_file() {
        return Ok(go);
    }
    say(format!("fetching Go {GO_RELEASE} as a module, because the installed one is too old"));
    let module = format!("golang.org/toolchain@v0.0.1-go{GO_RELEASE}.linux-{machine}");
    let text = output(Command::new(old).args(["mod", "download", "-json", &module]).current_dir("/"), LONG)?;
    let answer: serde_json::Value = serde_json::from_str(&text).context("`go mod download` gave no JSON")?;
    let source = answer["Dir"].as_str().context("`go mod download` names no folder")?;
    // Module folders are read-only and their files are never executable: a copy of our own is neither.
    let fresh = folder.with_extension("new");
    fs::create_dir_all(cache.join("go")).context("the cache folder cannot be written")?;
    output(Command::new("cp").args(["-R", source]).arg(&fresh), LONG)?;
    output(Command::new("chmod").args(["-R", "u+w"]).arg(&fresh), SHORT)?;
    let tools = format!("pkg/tool/linux_{machine}");
    output(Command::new("chmod").args(["-R", "a+x", "bin", &tools]).current_dir(&fresh), SHORT)?;
    fs::rename(&fresh, &folder).context("the fetched Go cannot be moved into place")?;
    Ok(go)
}

/// What Go and container images call this kind of machine.
pub fn go_machine() -> Result<&'static str> {
    match env::consts::ARCH {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("nodes cannot be built on {other}: only x86_64 and aarch64 are supported"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_go_versions() {
        let check = |text, expect| assert_eq!(go_version(text), expect, "{text}");
        check("go version go1.26.8 linux/amd64\n", Some((1, 26)));
        check("go version go1.19 linux/amd64", Some((1, 19)));
        check("go version go1.22rc1 linux/arm64", Some((1, 22)));
        check("go version devel", None);
    }

    #[test]
    fn knows_debian_and_what_is_like_it() {
        let check = |text, expect| assert_eq!(is_debian_like(text), expect, "{text}");
        check("NAME=x\nID=debian\n", true);
        check("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", true);
        check("ID=fedora\nID_LIKE=rhel\n", false);
        check("NAME=debian\n", false);
    }

    #[test]
    fn finds_what_every_machine_has() {
        assert!(program("sh").is_some());
        assert!(program("no-such-program-here").is_none());
    }
}
