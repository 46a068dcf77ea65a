//! Looking for something in the audit, what it tells of changes, and taking it away.

use std::sync::Arc;

use control::ControlPlane;
use control::audit::ExportFormat;
use control::caller::Caller;
use control::operations::chain_create::ChainCreate;
use domain::Code;
use domain::audit::AuditView;
use domain::id::{HostId, UserId};
use domain::list::ListQuery;
use domain::name::UserName;
use domain::permission::{Grant, Role};
use domain::user::NewUser;
use store::Store;

use crate::bed::{Bed, person};
use crate::plane;
use crate::rights::caller;
use crate::sign_in::PASSWORD;

fn query(filters: &[(&str, &str)]) -> ListQuery {
    let filters = filters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    ListQuery { filters: filters.collect(), ..ListQuery::default() }
}

fn shown(row: &AuditView) -> String {
    format!("{} {} {} {}", row.who, row.what, row.object, row.result)
}

async fn found(plane: &ControlPlane, reader: &Caller, filters: &[(&str, &str)]) -> Vec<String> {
    let page = plane.audit_page(reader, &query(filters)).await.unwrap();
    assert_eq!((page.next, page.searched_ms), (None, None), "all of it was read");
    page.rows.iter().rev().map(shown).collect()
}

/// A portal with a chain on which several people did something.
async fn busy() -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let plane = plane(bed.services.clone());
    let demo = bed.chain_spec().name;
    person(&bed.services.store, "ben", Role::User).await;
    let ben = UserName::parse("ben").unwrap();
    let otto = caller("otto", Role::Operator, "r1");
    plane.chain_grant(&otto, &demo, &ben, Grant::Read).await.unwrap();
    plane.chain_grant(&otto, &demo, &ben, Grant::Use).await.unwrap();
    plane.chain_revoke(&otto, &demo, &ben).await.unwrap();
    let none = HostId::new("none");
    let refused = plane.host_remove(&caller("otto", Role::Operator, "r2"), &none).await;
    assert_eq!(refused.unwrap_err().code, Code::NotAllowed);
    let gone = plane.host_remove(&caller("ada", Role::Admin, "r3"), &none).await;
    assert_eq!(gone.unwrap_err().code, Code::NotFound);
    let hidden = plane.chain_stop(&caller("uma", Role::User, "r4"), &demo).await;
    assert_eq!(hidden.unwrap_err().code, Code::NotFound);
    (bed, plane)
}

#[tokio::test]
async fn everybody_finds_what_they_may_see_and_no_more() {
    let (_bed, plane) = busy().await;
    let [ada, otto, uma] = [("ada", Role::Admin), ("otto", Role::Operator), ("uma", Role::User)]
        .map(|(name, role)| caller(name, role, "r"));
    let (by_ada, by_otto, by_uma) = (
        "ada host-remove host/none not-found",
        "otto host-remove host/none not-allowed",
        "uma chain-stop chain/demo not-found",
    );
    for (filters, admin, operator, user) in [
        (&[("what", "host")][..], vec![by_otto, by_ada], vec![by_otto], vec![]),
        (&[("what", "chain-stop")], vec![by_uma], vec![by_uma], vec![by_uma]),
        (&[("result", "not-allowed")], vec![by_otto], vec![by_otto], vec![]),
        (&[("who", " Ada ")], vec![by_ada], vec![], vec![]),
        (&[("object", "host/none"), ("who", "otto")], vec![by_otto], vec![by_otto], vec![]),
        (&[("own", "1"), ("object", "host")], vec![by_ada], vec![by_otto], vec![]),
        (&[("to", "2001-01-01")], vec![], vec![], vec![]),
        (&[("from", "2001-01-01"), ("what", "host-*")], vec![by_otto, by_ada], vec![by_otto], vec![]),
    ] {
        for (reader, wanted) in [(&ada, admin), (&otto, operator), (&uma, user)] {
            assert_eq!(found(&plane, reader, filters).await, wanted, "{filters:?} {reader:?}");
        }
    }
    // Without a search users see their own entries.
    assert_eq!(found(&plane, &uma, &[]).await, [by_uma]);
    let nobody = Caller::anonymous("r", "192.0.2.7");
    let refused = plane.audit_page(&nobody, &ListQuery::default()).await.unwrap_err();
    assert_eq!(refused.code, Code::SessionMissing);
}

#[tokio::test]
async fn what_cannot_be_looked_for_is_refused() {
    let (_bed, plane) = busy().await;
    let ada = caller("ada", Role::Admin, "r");
    for (query, code, field) in [
        (query(&[("password", "x")]), Code::ListFilterUnknown, "filters"),
        (query(&[("from", "yesterday")]), Code::TimeMalformed, "from"),
        (query(&[("to", "2026-02-30")]), Code::TimeMalformed, "to"),
        (ListQuery { sort: "who".to_owned(), ..query(&[]) }, Code::ListSortUnknown, "sort"),
        (ListQuery { text: "x".to_owned(), ..query(&[]) }, Code::ListFilterUnknown, "text"),
        (ListQuery { after: "x".to_owned(), ..query(&[]) }, Code::ListFilterUnknown, "after"),
    ] {
        let refused = plane.audit_page(&ada, &query).await.unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (code, Some(field)), "{query:?}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_and_make_up_the_whole() {
    let (_bed, plane) = busy().await;
    let ada = caller("ada", Role::Admin, "r");
    let whole = plane.audit_page(&ada, &ListQuery::default()).await.unwrap().rows;
    assert!(whole.len() > 6, "{whole:?}");
    let (mut rows, mut query) = (Vec::new(), ListQuery { rows: 2, ..ListQuery::default() });
    loop {
        let page = plane.audit_page(&ada, &query).await.unwrap();
        assert!(page.rows.len() <= 2);
        rows.extend(page.rows);
        match page.next {
            Some(next) => query.after = next,
            None => break,
        }
    }
    assert_eq!(rows, whole);
}

#[tokio::test]
async fn a_change_of_access_tells_what_was_before() {
    let (_bed, plane) = busy().await;
    let wanted = query(&[("who", "otto"), ("result", "ok")]);
    let rows = plane.audit_page(&caller("ada", Role::Admin, "r"), &wanted).await.unwrap().rows;
    let told = rows.iter().rev().map(|row| {
        let changes: Vec<String> = row.changes.iter().map(ToString::to_string).collect();
        (row.what.as_str(), changes.join(", "))
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            ("chain-grant-read", "level →read".to_owned()),
            ("chain-grant-use", "level read→use".to_owned()),
            ("chain-revoke", "level use→".to_owned()),
        ]
    );
}

async fn exported(
    plane: &ControlPlane,
    who: &Caller,
    filters: &[(&str, &str)],
    format: ExportFormat,
    password: &str,
) -> Result<String, Code> {
    let export = plane.audit_export(who, &query(filters), format, password.to_owned()).await;
    let mut export = export.map_err(|error| error.code)?;
    let mut all = Vec::new();
    while let Some(piece) = export.next().await {
        all.extend(piece.unwrap());
    }
    Ok(String::from_utf8(all).unwrap())
}

#[tokio::test]
async fn admins_alone_take_it_away_with_their_password_and_leave_a_row() {
    let (bed, plane) = busy().await;
    let root = caller("root", Role::Admin, "r");
    for (name, role) in [("olga", Role::Admin), ("omar", Role::Operator), ("una", Role::User)] {
        let (name, password) = (UserName::parse(name).unwrap(), PASSWORD.to_owned());
        plane.user_create(&root, NewUser { name, role, password }).await.unwrap();
    }
    let id = bed.services.store.user_by_name("olga").await.unwrap().unwrap().id;
    let mut olga = caller("olga", Role::Admin, "e1");
    if let Some(user) = &mut olga.user {
        user.id = UserId::new(id.as_str());
    }
    let csv = ExportFormat::Csv;
    for (name, role) in [("omar", Role::Operator), ("una", Role::User)] {
        let refused = exported(&plane, &caller(name, role, "e2"), &[], csv, PASSWORD).await;
        assert_eq!(refused, Err(Code::NotAllowed), "{name}");
    }
    assert_eq!(exported(&plane, &olga, &[], csv, "not the password").await, Err(Code::SignInFailed));
    let table = exported(&plane, &olga, &[("who", "otto")], csv, PASSWORD).await.unwrap();
    let lines: Vec<&str> = table.split_terminator("\r\n").collect();
    assert!(lines[0].starts_with("sequence,time,user,who,what,"), "{table}");
    assert!(lines[1..].iter().all(|line| line.contains(",otto,otto,")), "{table}");
    assert!(lines.iter().any(|line| line.contains(",level read→use,")), "{table}");
    // Without a filter every record is there with its link, up to the one before the export's own.
    let all = exported(&plane, &olga, &[], ExportFormat::JsonLines, PASSWORD).await.unwrap();
    let stored = bed.services.store.audit_after(0, 1_000).await.unwrap();
    let links: Vec<(i64, String)> = all
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|row| (row["sequence"].as_i64().unwrap(), row["hash"].as_str().unwrap().to_owned()))
        .collect();
    let wanted: Vec<(i64, String)> =
        stored.iter().map(|record| (record.view.sequence, record.hash.clone())).collect();
    assert_eq!(links, wanted[..wanted.len() - 1]);
    let rows = found(&plane, &root, &[("what", "audit-export")]).await;
    assert_eq!(
        rows,
        [
            "omar audit-export audit not-allowed",
            "una audit-export audit not-allowed",
            "olga audit-export audit sign-in-failed",
            "olga audit-export audit ok",
            "olga audit-export audit ok",
        ]
    );
    let last = &stored[stored.len() - 2..];
    assert!(last.iter().any(|record| record.view.what == "audit-export"), "{last:?}");
}

#[tokio::test]
async fn how_long_records_stay_is_an_admins_choice_and_recorded() {
    let (_bed, plane) = busy().await;
    let ada = caller("ada", Role::Admin, "r");
    assert_eq!(plane.audit_keep(&ada).await, Ok(None));
    assert_eq!(plane.audit_keep_set(&ada, Some(30)).await, Ok(()));
    assert_eq!(plane.audit_keep(&ada).await, Ok(Some(30)));
    for days in [0, 6, 36_501] {
        let refused = plane.audit_keep_set(&ada, Some(days)).await.unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (Code::ValueOutOfRange, Some("days")), "{days}");
    }
    assert_eq!(plane.audit_keep_set(&ada, None).await, Ok(()));
    assert_eq!(plane.audit_keep(&ada).await, Ok(None));
    let otto = caller("otto", Role::Operator, "r");
    assert_eq!(plane.audit_keep(&otto).await.unwrap_err().code, Code::NotAllowed);
    assert_eq!(plane.audit_keep_set(&otto, None).await.unwrap_err().code, Code::NotAllowed);
    let rows = plane.audit_page(&ada, &query(&[("what", "audit-keep-set"), ("result", "ok")])).await.unwrap();
    let told: Vec<String> =
        rows.rows.iter().rev().flat_map(|row| row.changes.iter().map(ToString::to_string)).collect();
    assert_eq!(told, ["days →30", "days 30→"]);
}
