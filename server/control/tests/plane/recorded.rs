//! What the audit holds: refusals of people, one each; refusals of nobody, counted; and who may read what. And what is
//! removed when it has expired.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use control::ControlPlane;
use control::caller::Caller;
use control::operations::chain_create::ChainCreate;
use control::operations::chaincode_deploy::ChaincodeDeploy;
use domain::Code;
use domain::id::{HostId, UserId};
use domain::name::{ChainName, ChaincodeName, ChannelName, OrganizationName, UserName};
use domain::operation::OperationState;
use domain::permission::{Grant, Role};
use domain::transaction::CallSpec;
use futures::future::join_all;
use store::{SessionRecord, Store};

use crate::bed::{Bed, person};
use crate::deploy::{ada, deployed, failure, running, settled};
use crate::plane;
use crate::rights::caller;
use crate::sign_in::PASSWORD;

const MINUTE_MS: u64 = 60_000;
/// Submits at the same moment.
const SUBMITS: usize = 64;

async fn bed() -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let plane = plane(bed.services.clone());
    (bed, plane)
}

/// Who tried what on what, and what came of it; oldest first.
async fn rows(plane: &ControlPlane, reader: &Caller) -> Vec<String> {
    let mut views = plane.audit_list(reader, None).await.unwrap();
    views.reverse();
    let row = |view: domain::audit::AuditView| {
        format!("{} {} {} {}", view.who, view.what, view.object, view.result)
    };
    views.into_iter().map(row).collect()
}

#[tokio::test]
async fn every_refusal_of_a_person_leaves_one_row() {
    let (bed, plane) = bed().await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let demo = bed.chain_spec().name;
    bed.services.store.grant_put(&demo, &UserId::new("ben"), Grant::Read).await.unwrap();
    let user = |name, request| caller(name, Role::User, request);
    // What reads leave to the way in.
    let hosts = plane.host_list(&user("uma", "r1")).await.unwrap_err();
    plane.refused(&user("uma", "r1"), &hosts).await;
    let hidden = plane.chain_read(&user("uma", "r2"), &demo).await.unwrap_err();
    plane.refused(&user("uma", "r2"), &hidden).await;
    // The page of the same request asked for more.
    let more = plane.user_page(&user("uma", "r2"), &domain::list::ListQuery::default()).await.unwrap_err();
    plane.refused(&user("uma", "r2"), &more).await;
    // What records itself, and only once.
    let stop = plane.chain_stop(&user("ben", "r3"), &demo).await.unwrap_err();
    plane.refused(&user("ben", "r3"), &stop).await;
    let host = HostId::new("none");
    let edit = plane.host_remove(&caller("otto", Role::Operator, "r4"), &host).await.unwrap_err();
    plane.refused(&caller("otto", Role::Operator, "r4"), &edit).await;
    // What is no refusal of the table, and who is not signed in, leave nothing.
    let missing = ChainName::parse("missing").unwrap();
    let none = plane.chain_read(&caller("otto", Role::Operator, "r5"), &missing).await.unwrap_err();
    plane.refused(&caller("otto", Role::Operator, "r5"), &none).await;
    let nobody = Caller::anonymous("r6", "192.0.2.7");
    let session = plane.host_list(&nobody).await.unwrap_err();
    plane.refused(&nobody, &session).await;
    assert_eq!(
        rows(&plane, &caller("ada", Role::Admin, "r7")).await,
        [
            "uma host-list host not-allowed",
            "uma chain-read chain/demo not-found",
            "ben chain-stop chain/demo not-allowed",
            "otto host-remove host/none not-allowed",
        ]
    );
}

#[tokio::test]
async fn operators_read_of_chains_and_users_of_themselves() {
    let (bed, plane) = bed().await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let demo = bed.chain_spec().name;
    let stop = plane.chain_stop(&caller("ada", Role::Admin, "r1"), &demo).await;
    stop.unwrap();
    let removed = plane.host_remove(&caller("ada", Role::Admin, "r2"), &HostId::new("none")).await;
    assert_eq!(removed.unwrap_err().code, Code::NotFound);
    let edit = plane.host_remove(&caller("otto", Role::Operator, "r3"), &HostId::new("none")).await;
    assert_eq!(edit.unwrap_err().code, Code::NotAllowed);
    let hidden = plane.chain_stop(&caller("uma", Role::User, "r4"), &demo).await;
    assert_eq!(hidden.unwrap_err().code, Code::NotFound);
    let all = [
        "ada chain-stop chain/demo ok",
        "ada host-remove host/none not-found",
        "otto host-remove host/none not-allowed",
        "uma chain-stop chain/demo not-found",
    ];
    assert_eq!(rows(&plane, &caller("ada", Role::Admin, "r5")).await, all);
    assert_eq!(rows(&plane, &caller("otto", Role::Operator, "r6")).await, [all[0], all[2], all[3]]);
    assert_eq!(rows(&plane, &caller("uma", Role::User, "r7")).await, [all[3]]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_nobody_are_counted() {
    let (bed, plane) = bed().await;
    let tries = (0..200).map(|n| {
        let (plane, name) = (plane.clone(), UserName::parse("ada").unwrap());
        tokio::spawn(async move {
            let caller = Caller::anonymous(&format!("r{n}"), "192.0.2.7");
            plane.setup_admin(&caller, "guessed", name, PASSWORD.to_owned()).await.unwrap_err().code
        })
    });
    for one in tries.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), Code::SetupTokenWrong);
    }
    let ada = caller("ada", Role::Admin, "r");
    assert_eq!(rows(&plane, &ada).await, [" setup portal setup-token-wrong"]);
    bed.services.clock.sleep(MINUTE_MS).await;
    let counted = [" setup portal setup-token-wrong", " setup portal setup-token-wrong ×199"];
    assert_eq!(rows(&plane, &ada).await, counted);
    // Whoever gets in is named, and what was counted is stored when the portal ends.
    let named = plane.setup_token().to_owned();
    let nobody = Caller::anonymous("r", "192.0.2.7");
    let wrong = || plane.setup_admin(&nobody, "guessed", UserName::parse("ada").unwrap(), String::new());
    wrong().await.unwrap_err();
    wrong().await.unwrap_err();
    plane.setup_admin(&nobody, &named, UserName::parse("ada").unwrap(), PASSWORD.to_owned()).await.unwrap();
    plane.sign_in(&nobody, "ada", PASSWORD.to_owned()).await.unwrap();
    plane.close().await;
    assert_eq!(
        rows(&plane, &ada).await[2..],
        [
            " setup portal setup-token-wrong",
            "ada setup portal begun",
            "ada setup portal ok",
            "ada sign-in user/ada ok",
            " setup portal setup-token-wrong ×1",
        ]
    );
}

#[tokio::test]
async fn expired_sessions_are_removed() {
    let (bed, plane) = bed().await;
    let (store, now) = (&bed.services.store, bed.services.clock.now_ms());
    let session = |id: &str, expires_ms, absolute_expires_ms| SessionRecord {
        id_hash: id.to_owned(),
        user: Some(UserId::new("ada")),
        data: serde_json::json!({}),
        created_ms: now,
        last_seen_ms: now,
        expires_ms,
        absolute_expires_ms,
        address: String::new(),
        agent: String::new(),
    };
    let later = now + 3_600_000;
    for one in [session("idle", now, later), session("old", later, now), session("good", later, later)] {
        store.session_create(&one).await.unwrap();
    }
    // Whatever its times say: a session that is there can be read as of long ago.
    let kept = async || {
        let mut kept = Vec::new();
        for id in ["idle", "old", "good", "new"] {
            kept.extend(store.session_read(id, 0).await.unwrap().map(|_| id));
        }
        kept
    };
    assert_eq!(kept().await, ["idle", "old", "good"]);
    plane.reconcile().await;
    assert_eq!(kept().await, ["good"]);
    store.session_create(&session("new", now, now)).await.unwrap();
    plane.reconcile().await;
    assert_eq!(kept().await, ["good", "new"], "it is not looked for in every round");
    bed.services.clock.sleep(MINUTE_MS).await;
    plane.reconcile().await;
    assert_eq!(kept().await, ["good"]);
}

#[tokio::test]
async fn what_is_done_to_an_operation_of_a_chain_stands_below_the_chain() {
    let (bed, plane) = bed().await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let ada = caller("ada", Role::Admin, "r1");
    let stop = plane.chain_stop(&ada, &bed.chain_spec().name).await.unwrap();
    // It may have ended by now; what was asked for is recorded all the same.
    let _cancelled = plane.operation_cancel(&ada, &stop).await;
    let unknown = domain::id::OperationId::new("x".repeat(1_000));
    plane.operation_cancel(&ada, &unknown).await.unwrap_err();
    let read = rows(&plane, &caller("otto", Role::Operator, "r2")).await;
    let wanted = format!("ada operation-cancel chain/demo/operation/{stop} ");
    assert!(read.iter().any(|row| row.starts_with(&wanted)), "{read:?}");
    let all = rows(&plane, &ada).await;
    assert!(all.iter().all(|row| row.len() < 400), "{all:?}");
    assert!(all.last().unwrap().starts_with("ada operation-cancel operation/xxx"), "{all:?}");
}

#[tokio::test]
async fn how_an_operation_ended_is_recorded_once_each_time_it_comes_to_rest() {
    let bed = running(1).await;
    person(&bed.services.store, "ada", Role::Admin).await;
    let first = plane(bed.services.clone());
    let peer = bed.node("peer1-org1");
    bed.agent.kill(&peer, 137).unwrap();
    let view = deployed(&first, bed.deploy_spec(), "ends").await;
    assert_eq!(failure(&view).1, "node-unavailable");
    let id = view.summary.id;
    first.operation_undo(&ada(), &id).await.unwrap();
    assert_eq!(settled(&first, &id).await.summary.state, OperationState::Undone);
    // This portal ends before it has recorded either.
    first.drain(1_000).await;
    drop(first);
    let plane = plane(bed.services.clone());
    plane.close().await;
    plane.reconcile().await;
    assert_eq!(
        rows(&plane, &ada()).await,
        [
            "ada chaincode-deploy chain/demo/chaincode/example02 ok".to_owned(),
            format!("ada operation-undo chain/demo/operation/{id} begun"),
            format!("ada operation-undo chain/demo/operation/{id} ok"),
            "ada chaincode-deploy-end chain/demo node-unavailable".to_owned(),
            "ada chaincode-deploy-end chain/demo undone".to_owned(),
        ]
    );
    let records = plane.audit_list(&ada(), None).await.unwrap();
    let mut ends = records.iter().filter(|record| record.what.ends_with("-end"));
    assert!(ends.all(|record| record.request_id == id.as_str()), "{records:?}");
    assert!(bed.services.store.operation_ends(10).await.unwrap().is_empty());
    let stop = plane.chain_stop(&ada(), &bed.chain_spec().name).await.unwrap();
    assert_eq!(settled(&plane, &stop).await.summary.state, OperationState::Done);
    plane.reconcile().await;
    let all = rows(&plane, &ada()).await;
    assert_eq!(all[5..], ["ada chain-stop chain/demo ok", "ada chain-stop-end chain/demo done"]);
}

/// Submits something of its own, in a request of its own.
async fn submit(plane: &ControlPlane, number: usize) {
    let spec = CallSpec {
        chain: ChainName::parse("demo").unwrap(),
        channel: ChannelName::parse("mychannel").unwrap(),
        chaincode: ChaincodeName::parse("example02").unwrap(),
        organization: OrganizationName::parse("org1").unwrap(),
        function: "init".to_owned(),
        arguments: ["a", "100", "b", "200"].map(str::to_owned).to_vec(),
        transient: BTreeMap::new(),
        endorsers: Vec::new(),
        is_init: false,
        idempotency_key: format!("key-of-submit-{number}"),
    };
    let otto = caller("otto", Role::Operator, &format!("submit-{number}"));
    plane.transaction_submit(&otto, spec).await.unwrap();
}

#[tokio::test]
async fn submits_at_the_same_moment_share_commits_and_each_has_its_row() {
    let (bed, plane) = bed().await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    bed.run(ChaincodeDeploy { spec: bed.deploy_spec(), starter: None }).await;
    // The first call of a person makes their identity.
    submit(&plane, 0).await;
    let before = plane.audit_commits();
    join_all((1..=SUBMITS).map(|number| submit(&plane, number))).await;
    let commits = usize::try_from(plane.audit_commits() - before).unwrap();
    let records = bed.services.store.audit_after(0, 1_000).await.unwrap();
    let is_submit =
        |record: &&store::AuditRecord| record.view.what == "transaction-submit" && record.view.result == "ok";
    let requests: Vec<&str> =
        records.iter().filter(is_submit).map(|record| record.view.request_id.as_str()).collect();
    let distinct: BTreeSet<&str> = requests.iter().copied().collect();
    assert_eq!((requests.len(), distinct.len()), (SUBMITS + 1, SUBMITS + 1), "{requests:?}");
    assert!((1..=SUBMITS / 2).contains(&commits), "{commits} commits for {SUBMITS} submits");
}
