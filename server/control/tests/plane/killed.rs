//! The audit of a portal that is killed at any moment: what a caller waited for is there, and the chain of records is
//! whole. The test binary runs itself again as the process that is killed. `HEDDLE_TEST_FULL` plays more rounds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use control::audit::{Archive, AuditLog, Verdict, verify};
use domain::Error;
use domain::permission::Role;
use store::Store;
use workflow::SystemClock;
use zeroize::Zeroizing;

use crate::caller;

/// The folder that a child process opens.
const FOLDER: &str = "HEDDLE_AUDIT_CHILD_FOLDER";
/// The round that a child process writes for.
const ROUND: &str = "HEDDLE_AUDIT_CHILD_ROUND";
/// Callers at the same moment, so that their records share commits.
const CALLERS: u32 = 8;
const KEY: &[u8] = b"key of the audit";
/// Records that are read at a time.
const PAGE: u32 = 1_000;

fn address(folder: &Path) -> String {
    format!("surrealkv://{}?sync=every", folder.join("portal").display())
}

/// Says something to the parent.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{text}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn object(round: u32, caller: u32, number: u32) -> String {
    format!("chain/r{round}-c{caller}-n{number}")
}

/// The process that is killed: records as fast as it can and says what it waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recording_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let round: u32 = std::env::var(ROUND).unwrap().parse().unwrap();
    let store = Store::open(&address(Path::new(&folder))).await.unwrap();
    let audit = AuditLog::start(store, Zeroizing::new(KEY.to_vec()), Arc::new(SystemClock));
    say("open");
    let callers = (0..CALLERS).map(|one| {
        let audit = audit.clone();
        tokio::spawn(async move {
            let ada = caller("ada", Role::Admin);
            for number in 0.. {
                audit.record(&ada, "chain-stop", &object(round, one, number), &Ok::<(), Error>(())).await;
                say(&format!("ack {one} {number}"));
            }
        })
    });
    for running in callers.collect::<Vec<_>>() {
        running.await.unwrap();
    }
}

/// Lets a child record for a while, kills it, and returns the last number that each caller heard of.
fn record_and_kill(folder: &Path, round: u32) -> BTreeMap<u32, u32> {
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::recording_process", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    while lines.next().unwrap().unwrap() != "open" {}
    let listening = std::thread::spawn(move || {
        let mut last = BTreeMap::<u32, u32>::new();
        for line in lines.map_while(Result::ok) {
            if let ["ack", one, number] = line.split(' ').collect::<Vec<_>>().as_slice() {
                last.insert(one.parse().unwrap(), number.parse().unwrap());
            }
        }
        last
    });
    // Between nothing at all and a few dozen records, differently in each round.
    std::thread::sleep(Duration::from_millis(u64::from(round.wrapping_mul(2_654_435_761) >> 16) % 120));
    process.kill().unwrap();
    process.wait().unwrap();
    listening.join().unwrap()
}

/// What was done by the records that are stored.
async fn recorded(store: &Store) -> BTreeSet<String> {
    let (mut after, mut objects) = (0, BTreeSet::new());
    loop {
        let records = store.audit_after(after, PAGE).await.unwrap();
        let Some(last) = records.last() else { return objects };
        after = last.view.sequence;
        for record in records {
            assert!(objects.insert(record.view.object.clone()), "{} is there twice", record.view.object);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_of_a_killed_portal_is_whole_and_holds_what_was_answered() {
    let rounds = if std::env::var_os("HEDDLE_TEST_FULL").is_some() { 300 } else { 30 };
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for round in 0..rounds {
        let path = folder.path().to_owned();
        all.push(tokio::task::spawn_blocking(move || record_and_kill(&path, round)).await.unwrap());
    }
    let store = Store::open(&address(folder.path())).await.unwrap();
    let objects = recorded(&store).await;
    let mut heard = 0_usize;
    for (round, last) in (0..).zip(&all) {
        for (one, last) in last {
            for number in 0..=*last {
                let object = object(round, *one, number);
                assert!(objects.contains(&object), "{object} was answered and is not in the audit");
                heard += 1;
            }
        }
    }
    assert!(heard > all.len(), "too few records to mean anything: {heard}");
    match verify(&store, KEY, &Archive::at("none")).await.unwrap() {
        Verdict::Whole { count, .. } => assert_eq!(usize::try_from(count).unwrap(), objects.len()),
        flaw => panic!("{flaw}"),
    }
}
