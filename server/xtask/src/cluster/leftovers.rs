//! Ending a cluster, and the proof that nothing of it is left.
//!
//! Works from what is written down and from what the kernel shows, so that it does not matter how far raising came.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::state::{Slot, State};
use crate::outliving::{groups, remove_groups, started_with, waited};
use crate::process::signal;

const ROUTES: &str = "/proc/net/route";
const END: Duration = Duration::from_secs(30);

/// Ends what runs in a slot and removes what it left; fails when anything stays.
pub fn end(slot: &Slot) -> Result<()> {
    let state = State::read(slot);
    let running = || {
        let mut all = started_with(&slot.marker());
        all.extend(state.alive());
        all
    };
    // The kernel ends every process of a space together with the first one, which is among those that have the marker.
    for pid in running() {
        signal("KILL", &pid.to_string());
    }
    if !waited(END, || running().is_empty()) {
        bail!("processes of the cluster cannot be ended: {:?}", running());
    }
    remove_link(slot);
    // What pods used is given back a moment after their processes are gone.
    waited(END, || {
        remove_groups(&slot.group());
        list(slot, &state).is_empty()
    });
    let left = list(slot, &state);
    if !left.is_empty() {
        bail!("of the cluster there is left: {}", left.join("; "));
    }
    for folder in [&slot.runtime, &slot.folder] {
        remove_but_logs(folder)?;
    }
    Ok(())
}

/// Everything outside the cluster's own folders that is still there of it, in words.
pub fn list(slot: &Slot, state: &State) -> Vec<String> {
    let mut left: Vec<String> = started_with(&slot.marker())
        .into_iter()
        .chain(state.alive())
        .map(|pid| format!("process {pid}"))
        .collect();
    let link = Path::new("/sys/class/net").join(slot.link());
    if link.exists() {
        left.push(format!("interface {}", slot.link()));
    }
    let routes = fs::read_to_string(ROUTES).unwrap_or_default();
    if has_route(&routes, &slot.address(0), Some(&slot.link())) {
        left.push(format!("route to {}", slot.address(0)));
    }
    left.extend(groups(&slot.group()).iter().map(|folder| format!("group {}", folder.display())));
    left.extend(mounts(slot));
    left
}

/// True when this machine has a route for exactly this network, whoever made it.
pub fn is_routed(network: &str) -> bool {
    has_route(&fs::read_to_string(ROUTES).unwrap_or_default(), network, None)
}

/// The kernel writes addresses as numbers of the machine's byte order, in hexadecimal.
fn has_route(routes: &str, network: &str, link: Option<&str>) -> bool {
    let parts: Vec<u8> = network.split('.').filter_map(|part| part.parse().ok()).collect();
    let Ok(parts) = <[u8; 4]>::try_from(parts) else { return false };
    let wanted = format!("{:08X}", u32::from_ne_bytes(parts));
    routes.lines().any(|line| {
        let mut words = line.split_whitespace();
        let (name, destination) = (words.next(), words.next());
        destination == Some(wanted.as_str()) && (link.is_none() || link == name)
    })
}

/// Mounts of the slot's folders that any process of the machine sees: they would be a space that is still open.
fn mounts(slot: &Slot) -> Vec<String> {
    let own = format!("{}/", slot.folder.display());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let sees = |pid: &u32| {
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        mounts.contains(&own)
    };
    pids.filter(sees).map(|pid| format!("mounts that process {pid} sees")).collect()
}

/// Takes away the interface that leads to the cluster. With the spaces it goes by itself, but not at once.
fn remove_link(slot: &Slot) {
    let mut command = Command::new("ip");
    command.args(["link", "delete", &slot.link()]);
    // That it is not there is what is wanted.
    let _ = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// Logs stay until the next cluster: they tell why one had to end.
fn remove_but_logs(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.with_context(|| format!("{} cannot be read", folder.display()))?;
        let path = entry.path();
        let removed = match (entry.file_type()?.is_dir(), entry.file_name() == "log") {
            (_, true) => Ok(()),
            (true, _) => fs::remove_dir_all(&path),
            (false, _) => fs::remove_file(&path),
        };
        removed.with_context(|| format!("{} cannot be removed", path.display()))?;
    }
    // Refused while logs are in it, which is right.
    let _ = fs::remove_dir(folder);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::paths::Paths;

    #[test]
    fn routes_are_read_as_the_kernel_writes_them() {
        let number = u32::from_ne_bytes([198, 19, 2, 0]);
        let routes = format!("Iface\tDestination\tGateway\nhdl-0\t{number:08X}\t00000000\t0001\n");
        let check = |network, link, expect| {
            assert_eq!(has_route(&routes, network, link), expect, "{network} {link:?}");
        };
        check("198.19.2.0", None, true);
        check("198.19.2.0", Some("hdl-0"), true);
        check("198.19.2.0", Some("hdl-1"), false);
        check("198.19.1.0", None, false);
        check("malformed", None, false);
    }

    #[test]
    fn logs_stay_and_everything_else_goes() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("0");
        fs::create_dir_all(folder.join("log")).unwrap();
        fs::create_dir_all(folder.join("kube-node-1/engine")).unwrap();
        fs::write(folder.join("state.json"), "{}").unwrap();
        remove_but_logs(&folder).unwrap();
        let left: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [folder.join("log")]);
        fs::remove_dir(folder.join("log")).unwrap();
        remove_but_logs(&folder).unwrap();
        assert!(!folder.exists());
        remove_but_logs(&folder).unwrap();
    }

    #[test]
    fn where_nothing_ran_nothing_is_left() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().to_owned();
        let slot = Slot::new(&Paths { root: folder.clone(), cache: folder.clone(), target: folder }, 3);
        assert_eq!(list(&slot, &State::default()), Vec::<String>::new());
    }
}
