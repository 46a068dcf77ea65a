//! What survives a process that dies at any moment. The test binary runs itself again as the process that is killed;
//! what that one was told to be stored goes over a pipe and is remembered here, outside of the database.
//! `HEDDLE_TEST_FULL` plays a thousand rounds.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it did"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use domain::id::UserId;
use domain::name::UserName;
use domain::permission::Role;
use domain::transaction::TransactionState;
use serde_json::json;
use store::{Store, StoreError, TransactionRecord, UserRecord};
use workflow::{EventBody, Log, NewEvent, NewOperation, OperationRecord, OperationState, Wanted};

/// The folder that a child process opens.
const FOLDER: &str = "HEDDLE_STORE_CHILD_FOLDER";
/// The round that a child process writes for.
const ROUND: &str = "HEDDLE_STORE_CHILD_ROUND";
/// Writers of a child process; each writes one thing after the other. Half of them write to the history, where those who
/// wait for a commit share the next one.
const WRITERS: u32 = 8;
/// Longest time for opening a folder that a killed process left.
const OPEN_MAX: Duration = Duration::from_secs(60);

fn address(folder: &Path) -> String {
    format!("surrealkv://{}?sync=every", folder.join("portal").display())
}

/// Runs one of the tests below as a process of its own.
fn child(test: &str, folder: &Path, round: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Reads lines until one begins so, and returns its rest.
fn wait_for(lines: &mut impl Iterator<Item = std::io::Result<String>>, beginning: &str) -> String {
    loop {
        let line = lines.next().unwrap().unwrap();
        if let Some((_, rest)) = line.split_once(beginning) {
            return rest.to_owned();
        }
    }
}

/// Says something to the parent.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("\n{text}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

fn key(round: u32, writer: u32, number: u32) -> String {
    format!("r{round}-w{writer}-n{number}")
}

fn user(name: &str) -> UserRecord {
    let (id, name) = (UserId::new(format!("id-{name}")), UserName::parse(name).unwrap());
    UserRecord::new(id, name, Role::User, String::new(), 1)
}

fn operation(key: &str) -> NewOperation {
    let operation = OperationRecord {
        id: hex::encode(key),
        name: "test".to_owned(),
        version: 1,
        owner: "ada".to_owned(),
        subject: Some(format!("chain/{key}")),
        idempotency_key: Some(key.to_owned()),
        params: json!({ "key": key }),
        state: OperationState::Pending,
        epoch: 0,
        lease_until_ms: 0,
        replica: None,
        created_ms: 1,
        updated_ms: 1,
        error: None,
        cancel_requested: false,
        wanted: Wanted::Run,
        superseded_by: None,
    };
    let event = |at_ms| NewEvent {
        operation: operation.id.clone(),
        owner: operation.owner.clone(),
        subject: operation.subject.clone(),
        at_ms,
        body: EventBody::State { state: OperationState::Pending, error: None },
    };
    let events = vec![event(1), event(2)];
    NewOperation { operation, steps: Vec::new(), events, supersede: None }
}

fn transaction(key: &str, state: TransactionState) -> TransactionRecord {
    let view = json!({
        "id": format!("tx-{key}"), "chain": "demo", "channel": "mychannel", "chaincode": "example02",
        "function": "move", "arguments": ["a", "b", "1"], "state": state, "created_ms": 1,
    });
    TransactionRecord {
        view: serde_json::from_value(view).unwrap(),
        user: UserId::new("ada"),
        idempotency_key: key.to_owned(),
        asked: Some(format!("sealed {key}")),
    }
}

/// The last that a writer of the history writes of each transaction: some leave it pending.
fn last_of(writer: u32, key: &str) -> TransactionRecord {
    let is_settled = writer >= 6;
    transaction(key, if is_settled { TransactionState::Valid } else { TransactionState::Pending })
}

/// What each writer writes: settings, people, operations with their events and guards in one transaction, and
/// transactions, of which some are saved again.
async fn write(store: &Store, writer: u32, key: &str) {
    match writer {
        0 | 1 => store.setting_put(key, &json!(key)).await.unwrap(),
        2 => store.user_create(&user(key)).await.unwrap(),
        3 => drop(store.create(operation(key)).await.unwrap()),
        _ => {
            let begun = transaction(key, TransactionState::Pending);
            assert_eq!(store.transaction_create(&begun).await.unwrap(), None);
            let last = last_of(writer, key);
            if last != begun {
                store.transaction_save(&last).await.unwrap();
            }
        }
    }
}

async fn is_there(store: &Store, writer: u32, key: &str) -> bool {
    match writer {
        0 | 1 => store.setting_read(key).await.unwrap() == Some(json!(key)),
        2 => store.user_by_name(key).await.unwrap().is_some(),
        3 => store.load(&hex::encode(key)).await.unwrap().is_some(),
        _ => {
            let found = store.transaction_by_key(&UserId::new("ada"), key).await.unwrap();
            found == Some(last_of(writer, key))
        }
    }
}

/// The process that is killed: writes as fast as it can and says what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let round: u32 = std::env::var(ROUND).unwrap().parse().unwrap();
    let at = Instant::now();
    let store = Store::open(&address(Path::new(&folder))).await.unwrap();
    say(&format!("open {}", at.elapsed().as_millis()));
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for number in 0.. {
                write(&store, writer, &key(round, writer, number)).await;
                say(&format!("ack {writer} {number}"));
            }
        })
    });
    for running in writers.collect::<Vec<_>>() {
        running.await.unwrap();
    }
}

/// A process that holds a folder until its input ends.
#[tokio::test]
async fn holder_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let _store = Store::open(&address(Path::new(&folder))).await.unwrap();
    say("open");
    let _end = std::io::stdin().read_line(&mut String::new());
}

/// Lets a child write for a while, kills it, and returns the last acknowledged number of each writer.
fn write_and_kill(folder: &Path, round: u32) -> BTreeMap<u32, u32> {
    let mut process = child("writer_process", folder, round);
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let opened: u128 = wait_for(&mut lines, "open ").parse().unwrap();
    assert!(opened < OPEN_MAX.as_millis(), "round {round}: opened after {opened} ms");
    let listening = std::thread::spawn(move || acknowledged(lines));
    // Between nothing at all and a few dozen writes, differently in each round.
    std::thread::sleep(Duration::from_millis(u64::from(round.wrapping_mul(2_654_435_761) >> 16) % 120));
    process.kill().unwrap();
    process.wait().unwrap();
    listening.join().unwrap()
}

/// Every line that came through before the pipe broke; a half one was not acknowledged.
fn acknowledged(lines: std::io::Lines<BufReader<ChildStdout>>) -> BTreeMap<u32, u32> {
    let mut last = BTreeMap::new();
    for line in lines.map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["ack", writer, number] = words.as_slice() {
            last.insert(writer.parse().unwrap(), number.parse().unwrap());
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_the_process_is_killed() {
    let full = std::env::var_os("HEDDLE_TEST_FULL").is_some();
    let rounds = if full { 1_000 } else { 100 };
    let folder = tempfile::tempdir().unwrap();
    let mut all = Vec::new();
    for round in 0..rounds {
        let path = folder.path().to_owned();
        all.push(tokio::task::spawn_blocking(move || write_and_kill(&path, round)).await.unwrap());
    }
    let store = Store::open(&address(folder.path())).await.unwrap();
    let mut count = 0_u32;
    for (round, last) in (0..).zip(&all) {
        for (writer, last) in last {
            for number in 0..=*last {
                let key = key(round, *writer, number);
                assert!(is_there(&store, *writer, &key).await, "{key} was acknowledged and is lost");
                count += 1;
            }
        }
    }
    println!("{count} acknowledged writes in {rounds} rounds");
    assert!(count > rounds, "too few writes to mean anything: {count}");
    for writer in 0..WRITERS {
        assert!(all.iter().any(|last| last.contains_key(&writer)), "writer {writer} got nothing done");
    }
    whole(&store).await;
    // What is counted was written with what it counts, also where nobody heard of it.
    let stored = store.transaction_sealed().await.unwrap().len();
    let days = store.transactions_daily(None, 0).await.unwrap();
    let counted: u32 = days.iter().map(|count| count.total).sum();
    assert_eq!(u32::try_from(stored), Ok(counted), "each transaction is counted once");
}

/// Operations are there with all of their events, numbered without a gap, or not at all.
async fn whole(store: &Store) {
    let (mut after, mut of) = (0, BTreeMap::<String, u32>::new());
    loop {
        let events = store.events_since(after, 1_000).await.unwrap();
        let Some(last) = events.last().map(|event| event.sequence) else { break };
        let numbers: BTreeSet<u64> = events.iter().map(|event| event.sequence).collect();
        assert_eq!(numbers, (after + 1..=last).collect(), "events are numbered without a gap");
        for event in events {
            *of.entry(event.operation).or_default() += 1;
        }
        after = last;
    }
    assert_eq!(store.last_sequence().await.unwrap(), after);
    for (operation, events) in of {
        assert_eq!(events, 2, "events of {operation}");
        assert!(store.load(&operation).await.unwrap().is_some(), "{operation} has events only");
    }
}

#[tokio::test]
async fn a_second_process_on_a_folder_is_refused_until_the_first_one_dies() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = child("holder_process", folder.path(), 0);
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    wait_for(&mut lines, "open");
    let at = Instant::now();
    let refused = Store::open(&address(folder.path())).await;
    assert!(matches!(refused, Err(StoreError::Locked)), "{refused:?}");
    assert!(at.elapsed() < Duration::from_secs(1), "the refusal comes at once");
    process.kill().unwrap();
    process.wait().unwrap();
    Store::open(&address(folder.path())).await.unwrap();
}

/// The files of a database as a process that is killed now would leave them.
fn image(folder: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            image(&entry.path(), &target);
        } else if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The newest file of a database's log.
fn newest_log(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder.join("portal").join("wal")).unwrap();
    files.map(|file| file.unwrap().path()).max().unwrap()
}

/// A killed process may leave any part of its last record. What is written after the next start must outlive a further
/// crash all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_half_a_record_survives_the_next_crash() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&address(folder.path())).await.unwrap();
    store.setting_put("first", &json!(1)).await.unwrap();
    // Half a head, a whole head whose record is missing, and a head with some of its record.
    for (number, torn) in
        [vec![1, 2, 3], vec![1, 2, 3, 4, 0, 200, 1], [vec![9, 9, 9, 9, 0, 200, 1], vec![7; 90]].concat()]
            .into_iter()
            .enumerate()
    {
        let (crashed, again) =
            (folder.path().join(format!("a{number}")), folder.path().join(format!("b{number}")));
        image(&folder.path().join("portal"), &crashed.join("portal"));
        let mut log = File::options().append(true).open(newest_log(&crashed)).unwrap();
        log.write_all(&torn).unwrap();
        let after = Store::open(&address(&crashed)).await.unwrap();
        assert_eq!(after.setting_read("first").await.unwrap(), Some(json!(1)), "{number}");
        after.setting_put("second", &json!(2)).await.unwrap();
        image(&crashed.join("portal"), &again.join("portal"));
        let last = Store::open(&address(&again)).await.unwrap();
        let kept = (last.setting_read("first").await.unwrap(), last.setting_read("second").await.unwrap());
        assert_eq!(kept, (Some(json!(1)), Some(json!(2))), "{number}");
    }
}
