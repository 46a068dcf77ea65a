//! Searching the audit finds what a look at every record finds, and nothing but closed segments ever leaves it.

use domain::audit::{AuditView, FieldChange};
use domain::id::UserId;

use crate::{AuditFilter, AuditRecord, AuditScope, SegmentRecord, Store};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn of<'a>(&mut self, choice: &[&'a str]) -> &'a str {
        let at = self.throw(u64::try_from(choice.len()).unwrap());
        choice[usize::try_from(at).unwrap()]
    }
}

const WHO: [&str; 4] = ["ada", "otto", "uma", ""];
const WHAT: [&str; 6] =
    ["chain-create", "chain-create-end", "chain-stop", "host-edit", "sign-in", "transaction-submit"];
const OBJECTS: [&str; 7] = [
    "chain/demo",
    "chain/demo/channel/mychannel",
    "chain/demo2",
    "host/1f",
    "host/1f name here→there, rule -r.example/a",
    "session",
    "user/uma",
];
const RESULTS: [&str; 6] = ["ok", "begun", "not-allowed", "sign-in-failed ×12", "host-unreachable", "valid"];

fn record(sequence: i64, dice: &mut Dice) -> AuditRecord {
    let who = dice.of(&WHO);
    let jitter = i64::try_from(dice.throw(60_000)).unwrap();
    let view = AuditView {
        sequence,
        at_ms: sequence * 600_000 + jitter,
        who: who.to_owned(),
        what: dice.of(&WHAT).to_owned(),
        object: dice.of(&OBJECTS).to_owned(),
        result: dice.of(&RESULTS).to_owned(),
        request_id: String::new(),
        address: String::new(),
        changes: FieldChange::between("number", &0_i64, &(sequence % 3)).into_iter().collect(),
    };
    let user = (!who.is_empty()).then(|| UserId::new(format!("id-{who}")));
    AuditRecord { view, user, hash: format!("h{sequence}") }
}

async fn filled(count: i64) -> (Store, Vec<AuditRecord>) {
    let store = Store::open("mem://").await.unwrap();
    let mut dice = Dice(7);
    let all: Vec<AuditRecord> = (1..=count).map(|sequence| record(sequence, &mut dice)).collect();
    for batch in all.chunks(500) {
        store.audit_append(batch.to_vec()).await.unwrap();
    }
    (store, all)
}

fn filter(dice: &mut Dice, count: i64) -> AuditFilter {
    let mut some = |choice: &[&str]| (dice.throw(3) == 0).then(|| dice.of(choice).to_owned());
    let mut filter = AuditFilter {
        who: some(&WHO[..3]),
        what: some(&["chain-create", "chain", "chain-*", "ch*", "sign-in", "none", "transaction-submit*"]),
        object: some(&[
            "chain",
            "chain/demo",
            "chain/demo/channel",
            "host/1f",
            "chain/none",
            "session",
            "user",
        ]),
        result: some(&["ok", "begun", "refused", "failed", "sign-in-failed", "host-unreachable", "none"]),
        ..AuditFilter::default()
    };
    let moment =
        |dice: &mut Dice| i64::try_from(dice.throw(u64::try_from(count).unwrap())).unwrap() * 600_000;
    filter.from_ms = (dice.throw(4) == 0).then(|| moment(dice));
    filter.to_ms = (dice.throw(4) == 0).then(|| moment(dice));
    filter.own = (dice.throw(5) == 0).then(|| UserId::new("id-otto"));
    filter
}

/// Every page, one after the other.
async fn walked(store: &Store, filter: &AuditFilter, scope: AuditScope<'_>, limit: u32) -> Vec<AuditRecord> {
    let (mut at, mut all) = (None, Vec::new());
    loop {
        let found = store.audit_find(filter, scope, at, limit).await.unwrap();
        assert!(found.records.len() <= usize::try_from(limit).unwrap());
        assert!(found.searched_ms.is_none() || found.next.is_some(), "{found:?}");
        all.extend(found.records);
        match found.next {
            Some(next) => {
                assert!(at.is_none_or(|before| next < before), "it goes on");
                at = Some(next);
            }
            None => return all,
        }
    }
}

#[tokio::test]
async fn whatever_is_looked_for_is_found_as_by_looking_at_each_record() {
    // More than one request reads; each scope and each length of a page comes with each other.
    const COUNT: i64 = 900;
    let (store, all) = filled(COUNT).await;
    let mut dice = Dice(1);
    let uma = UserId::new("id-uma");
    let mut hits = 0;
    let scopes = [AuditScope::Everything, AuditScope::OwnAndChains(&uma), AuditScope::Own(&uma)];
    for round in 0..45 {
        let filter = filter(&mut dice, COUNT);
        let (scope, limit) = (scopes[round % 3], [7, 50, 200][round / 3 % 3]);
        let sees = |record: &&AuditRecord| match scope {
            AuditScope::Everything => true,
            AuditScope::Own(user) => record.user.as_ref() == Some(user),
            AuditScope::OwnAndChains(user) => {
                record.user.as_ref() == Some(user) || record.view.object.starts_with("chain/")
            }
        };
        let wanted: Vec<AuditRecord> =
            all.iter().rev().filter(sees).filter(|record| filter.admits(record)).cloned().collect();
        assert_eq!(walked(&store, &filter, scope, limit).await, wanted, "{filter:?} {scope:?}");
        hits += wanted.len();
    }
    assert!(hits > 1_000, "the filters find too little to mean anything: {hits}");
}

#[test]
fn a_filter_admits_what_its_words_say() {
    let admits = |filter: AuditFilter, what: &str, object: &str, result: &str| {
        let mut record = record(1, &mut Dice(1));
        (record.view.what, record.view.object, record.view.result) =
            (what.to_owned(), object.to_owned(), result.to_owned());
        filter.admits(&record)
    };
    let what = |word: &str| AuditFilter { what: Some(word.to_owned()), ..AuditFilter::default() };
    for (word, is, wanted) in [
        ("chain-create", "chain-create", true),
        ("chain-create", "chain-create-end", true),
        ("chain-create", "chain-created", false),
        ("chain", "chain-stop", true),
        ("chain", "chaincode-deploy", false),
        ("chain*", "chaincode-deploy", true),
    ] {
        assert_eq!(admits(what(word), is, "", "ok"), wanted, "{word} {is}");
    }
    let object = |word: &str| AuditFilter { object: Some(word.to_owned()), ..AuditFilter::default() };
    for (word, is, wanted) in [
        ("chain/demo", "chain/demo", true),
        ("chain/demo", "chain/demo/node/peer0-org1", true),
        ("chain/demo", "chain/demo2", false),
        ("host/1f", "host/1f name a→b", true),
        ("host", "host/1f", true),
        ("host", "hosts", false),
    ] {
        assert_eq!(admits(object(word), "", is, "ok"), wanted, "{word} {is}");
    }
    let result = |word: &str| AuditFilter { result: Some(word.to_owned()), ..AuditFilter::default() };
    for (word, is, wanted) in [
        ("ok", "valid", true),
        ("refused", "sign-in-failed ×3", true),
        ("failed", "not-allowed", false),
        ("sign-in-failed", "sign-in-failed ×3", true),
        ("sign-in", "sign-in-failed", false),
    ] {
        assert_eq!(admits(result(word), "", "", is), wanted, "{word} {is}");
    }
}

#[tokio::test]
async fn a_request_reads_only_so_much_and_says_where_it_stopped() {
    let store = Store::open("mem://").await.unwrap();
    let mut dice = Dice(3);
    let mut all: Vec<AuditRecord> = (1..=1_000).map(|sequence| record(sequence, &mut dice)).collect();
    for record in &mut all {
        record.view.what = "chain-stop".to_owned();
    }
    all[0].view.address = "192.0.2.1".to_owned();
    all[0].view.what = "chit-chat".to_owned();
    for batch in all.chunks(500) {
        store.audit_append(batch.to_vec()).await.unwrap();
    }
    // No index leads to it.
    let filter = AuditFilter { what: Some("chi*".to_owned()), ..AuditFilter::default() };
    let first = store.audit_find(&filter, AuditScope::Everything, None, 50).await.unwrap();
    assert!(first.records.is_empty() && first.next.is_some() && first.searched_ms.is_some(), "{first:?}");
    assert!(first.next.unwrap() > 200, "it read more than it may: {first:?}");
    assert_eq!(walked(&store, &filter, AuditScope::Everything, 50).await, all[..1]);
}

#[tokio::test]
async fn only_records_of_a_closed_segment_are_removed() {
    let (store, all) = filled(700).await;
    assert!(store.audit_segment_empty(1).await.is_err(), "there is no such segment");
    let segment = SegmentRecord {
        first: 1,
        last: 600,
        last_hash: "h600".to_owned(),
        digest: "d".to_owned(),
        emptied: false,
    };
    store.audit_segment_close(&segment).await.unwrap();
    assert!(store.audit_segment_close(&segment).await.is_err(), "it is closed once");
    assert_eq!(store.audit_segments().await.unwrap(), std::slice::from_ref(&segment));
    let mut rounds = 0;
    while !store.audit_segment_empty(1).await.unwrap() {
        rounds += 1;
    }
    assert_eq!(rounds, 2, "in steps of bounded size");
    assert_eq!(store.audit_segments().await.unwrap(), [SegmentRecord { emptied: true, ..segment }]);
    assert!(store.audit_segment_empty(1).await.unwrap());
    assert_eq!(store.audit_after(0, 1_000).await.unwrap(), all[600..]);
    assert_eq!(store.audit_ends().await.unwrap(), Some((601, 700)));
}

/// The statements of this crate that name a record of the audit and are no questions: those that append, the one that
/// fills in what is made of other columns, and the one that empties a closed segment.
#[test]
fn no_other_statement_touches_the_audit() {
    let mut found = Vec::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            // What stands in tests does not run in a portal.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            if path.components().any(|part| part.as_os_str() == "tests") || name == "tests.rs" {
                continue;
            }
            for verb in ["CREATE", "UPDATE", "UPSERT", "DELETE", "INSERT INTO", "REMOVE TABLE", "RELATE"] {
                for target in ["type::record('audit',", "audit ", "audit:", "audit;", "audit\""] {
                    let count = code.matches(&format!("{verb} {target}")).count();
                    found.extend(std::iter::repeat_n(format!("{name}: {verb}"), count));
                }
            }
        }
    }
    found.sort();
    assert_eq!(found, ["audit.rs: CREATE", "prepare.rs: UPDATE", "segment.rs: DELETE"]);
}
