//! Chains of the pool over the façade: who gets one, who waits, what is left of an owner when a chain is released or freed,
//! and what the clock does.

use std::collections::BTreeSet;
use std::sync::Arc;

use control::ControlPlane;
use control::caller::Caller;
use control::network::{Call, Network};
use control::operations::link_of;
use control::topology::ChainPlan;
use domain::Code;
use domain::chain::ChainState;
use domain::id::{OperationId, UserId};
use domain::name::{ChainName, ChaincodeName, ChannelName, OrganizationName, TemplateName, UserName};
use domain::notice::NoticeKind;
use domain::operation::OperationState;
use domain::permission::{Grant, Role};
use domain::pool::{Applied, ApplySpec, PoolVerb};
use domain::transaction::CallSpec;
use domain::user::Quota;
use fabric::error::ErrorKind;
use fabric::identity::SigningIdentity;
use store::{ChainRecord, Store, UserRecord};

use crate::bed::{Bed, person};
use crate::deploy::{ada, settled};
use crate::{caller, plane};

const HOUR_MS: u64 = 60 * 60 * 1_000;

fn uma() -> Caller {
    caller("uma", Role::User)
}

fn eve() -> Caller {
    caller("eve", Role::User)
}

fn otto() -> Caller {
    caller("otto", Role::Operator)
}

fn small() -> TemplateName {
    TemplateName::parse("small").unwrap()
}

/// A portal with so many free chains, and the people of these tests.
async fn pooled(count: u16) -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let store = &bed.services.store;
    person(store, "uma", Role::User).await;
    person(store, "eve", Role::User).await;
    person(store, "otto", Role::Operator).await;
    let plane = plane(bed.services.clone());
    if count > 0 {
        let fill = plane.host_fill(&ada(), &bed.host, &small(), Some(count)).await.unwrap();
        done(&plane, &fill).await;
        // Nobody knows how they do before somebody has looked.
        plane.reconcile().await;
    }
    assert_eq!(plane.pool_read(&uma()).await.unwrap().free.len(), usize::from(count));
    (bed, plane)
}

async fn done(plane: &ControlPlane, id: &OperationId) {
    let view = settled(plane, id).await;
    assert_eq!(view.summary.state, OperationState::Done, "{view:?}");
}

fn wish(key: &str) -> ApplySpec {
    ApplySpec { key: format!("key-of-{key}"), ..ApplySpec::default() }
}

/// Applies and gets a chain; true: it was theirs before.
async fn claimed(plane: &ControlPlane, who: &Caller, spec: ApplySpec) -> (ChainName, bool) {
    match plane.chain_apply(who, spec).await.unwrap() {
        Applied::Claimed { chain, again } => (chain, again),
        other => panic!("{other:?}"),
    }
}

async fn record(bed: &Bed, name: &ChainName) -> ChainRecord {
    bed.services.store.chain_read(name).await.unwrap().unwrap()
}

async fn plan(bed: &Bed, name: &ChainName) -> ChainPlan {
    serde_json::from_value((*record(bed, name).await.plan).clone()).unwrap()
}

fn call(chain: &ChainName, function: &str, arguments: &[&str]) -> CallSpec {
    CallSpec {
        chain: chain.clone(),
        channel: ChannelName::parse("mychannel").unwrap(),
        chaincode: ChaincodeName::parse("example02").unwrap(),
        organization: OrganizationName::parse("org1").unwrap(),
        function: function.to_owned(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        transient: std::collections::BTreeMap::new(),
        endorsers: Vec::new(),
        is_init: false,
        idempotency_key: format!("key-of-{function}"),
    }
}

/// Writes to the ledger of the sample.
async fn used(plane: &ControlPlane, who: &Caller, chain: &ChainName) {
    plane.transaction_submit(who, call(chain, "init", &["a", "100", "b", "200"])).await.unwrap();
}

/// Everything secret of a chain, as it is sealed.
async fn secrets(bed: &Bed, chain: &ChainName) -> BTreeSet<String> {
    let sealed = bed.services.store.secret_list_prefix(&format!("chain/{chain}/")).await.unwrap();
    sealed.into_iter().map(|one| format!("{} {:?}", one.key, one.sealed)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_gets_a_chain_gets_it_again_and_no_more_than_they_may() {
    let (bed, plane) = pooled(3).await;
    let (first, again) = claimed(&plane, &uma(), wish("one")).await;
    assert!(!again);
    assert_eq!(claimed(&plane, &uma(), wish("two")).await, (first.clone(), true), "it fits as well");
    let another = |key: &str| ApplySpec { another: true, ..wish(key) };
    let (second, again) = claimed(&plane, &uma(), another("three")).await;
    assert!(!again && second != first);
    assert_eq!(claimed(&plane, &uma(), another("three")).await, (second.clone(), true), "sent twice");
    let refused = plane.chain_apply(&uma(), another("four")).await.unwrap_err();
    let values = (refused.values["used"].as_str(), refused.values["max"].as_str());
    assert_eq!((refused.code, values), (Code::QuotaChains, ("2", "2")));
    // Nobody else gets it, nor knows of it.
    let same = ApplySpec { name: Some(first.clone()), ..wish("five") };
    assert_eq!(plane.chain_apply(&eve(), same).await.unwrap_err().code, Code::PoolEmpty);
    assert_eq!(plane.chain_holder(&eve(), &first).await.unwrap_err().code, Code::NotFound);
    let held = plane.chain_holder(&uma(), &first).await.unwrap();
    assert_eq!((held.owner, held.is_own), (UserName::parse("uma").ok(), true));
    assert_eq!(held.expires_ms.unwrap() - held.claimed_ms.unwrap(), i64::try_from(24 * HOUR_MS).unwrap());
    assert_eq!(held.verbs, [PoolVerb::Release]);
    // Her identities are there, and the chain works.
    let keys = secrets(&bed, &first).await;
    let own = keys.iter().filter(|key| key.contains("/user/uma ")).count();
    assert_eq!(own, 2, "one in each organization");
    used(&plane, &uma(), &first).await;
    let quota = plane.quota_read(&uma()).await.unwrap();
    assert_eq!((quota.chains_used, quota.chains, quota.calls), (2, 2, Some(600)));
    assert!(quota.calls_left.is_some_and(|left| (1..=600).contains(&left)), "{:?}", quota.calls_left);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_made_the_calls_of_a_minute_is_told_when_the_next_one_is() {
    let (bed, plane) = pooled(1).await;
    let (id, name) = (UserId::new("ian"), UserName::parse("ian").unwrap());
    let mut record = UserRecord::new(id, name, Role::User, String::new(), 1);
    record.quota = Some(Quota { chains: 1, lifetime_hours: None, invocations_per_minute: Some(1) });
    bed.services.store.user_create(&record).await.unwrap();
    let ian = caller("ian", Role::User);
    let (chain, _) = claimed(&plane, &ian, wish("one")).await;
    assert_eq!(
        plane.chain_holder(&ian, &chain).await.unwrap().expires_ms,
        None,
        "a quota without hours has no end"
    );
    used(&plane, &ian, &chain).await;
    let refused = plane.transaction_submit(&ian, call(&chain, "move", &["a", "b", "1"])).await.unwrap_err();
    assert_eq!((refused.code, refused.values["max"].as_str()), (Code::QuotaInvocations, "1"));
    assert!((1..=60).contains(&refused.values["seconds"].parse::<u64>().unwrap()));
    bed.services.clock.sleep(60_000).await;
    plane.transaction_submit(&ian, call(&chain, "move", &["a", "b", "1"])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waited_longest_gets_what_becomes_free() {
    let (bed, plane) = pooled(1).await;
    let (chain, _) = claimed(&plane, &uma(), wish("one")).await;
    let waits = |key: &str| ApplySpec { queue: true, ..wish(key) };
    assert_eq!(plane.chain_apply(&eve(), wish("two")).await.unwrap_err().code, Code::PoolEmpty);
    let queued = plane.chain_apply(&eve(), waits("three")).await.unwrap();
    assert_eq!(queued, Applied::Queued { position: 1 });
    bed.services.clock.sleep(1_000).await;
    person(&bed.services.store, "ian", Role::User).await;
    let ian = caller("ian", Role::User);
    assert_eq!(plane.chain_apply(&ian, waits("four")).await.unwrap(), Applied::Queued { position: 2 });
    let own = plane.pool_read(&ian).await.unwrap().queue;
    assert_eq!(
        own.iter().map(|entry| (entry.wish.as_str(), entry.position)).collect::<Vec<_>>(),
        [("any", 2)]
    );
    let release = plane.chain_release(&uma(), &chain, chain.as_str(), false).await.unwrap();
    done(&plane, &release).await;
    plane.reconcile().await;
    assert_eq!(record(&bed, &chain).await.owner.as_ref().map(UserId::as_str), Some("eve"));
    assert_eq!(plane.pool_read(&eve()).await.unwrap().queue, Vec::new());
    assert_eq!(plane.pool_read(&ian).await.unwrap().queue[0].position, 1);
    plane.apply_cancel(&ian, "any").await.unwrap();
    assert_eq!(plane.apply_cancel(&ian, "any").await.unwrap_err().code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_none_is_free_one_is_made_from_the_template_that_was_named() {
    let (bed, plane) = pooled(0).await;
    let wanted = ApplySpec { template: Some(small()), ..wish("one") };
    let Applied::Creating { chain, operation } = plane.chain_apply(&uma(), wanted.clone()).await.unwrap()
    else {
        panic!("nothing is made");
    };
    assert_eq!(plane.chain_apply(&uma(), wanted.clone()).await.unwrap(), Applied::Queued { position: 1 });
    done(&plane, &operation).await;
    plane.reconcile().await;
    assert_eq!(record(&bed, &chain).await.owner.as_ref().map(UserId::as_str), Some("uma"));
    assert_eq!(claimed(&plane, &uma(), wanted).await, (chain, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_ask_at_once_each_have_a_chain_of_another_name_made() {
    let (bed, plane) = pooled(0).await;
    let wanted = |key: &str| ApplySpec { template: Some(small()), ..wish(key) };
    let (uma, eve) = (uma(), eve());
    let both = tokio::join!(plane.chain_apply(&uma, wanted("one")), plane.chain_apply(&eve, wanted("two")));
    let made = |applied: Applied| match applied {
        Applied::Creating { chain, operation } => (chain, operation),
        other => panic!("{other:?}"),
    };
    let (one, other) = (made(both.0.unwrap()), made(both.1.unwrap()));
    assert_ne!(one.0, other.0);
    done(&plane, &one.1).await;
    done(&plane, &other.1).await;
    plane.reconcile().await;
    let mut owners = Vec::new();
    for name in [&one.0, &other.0] {
        owners.push(record(&bed, name).await.owner.unwrap().to_string());
    }
    owners.sort();
    assert_eq!(owners, ["eve", "uma"]);
    // By its name only what is there can be had: nobody makes a chain by a name, or learns whether somebody has it.
    let ian = caller("ian", Role::User);
    person(&bed.services.store, "ian", Role::User).await;
    for (key, name) in [("three", one.0.as_str()), ("four", "small-9")] {
        let named = ApplySpec { name: ChainName::parse(name).ok(), ..wanted(key) };
        assert_eq!(plane.chain_apply(&ian, named).await.unwrap_err().code, Code::PoolEmpty, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_become_free_is_not_for_whoever_asks_first() {
    let (bed, plane) = pooled(1).await;
    let (chain, _) = claimed(&plane, &uma(), wish("one")).await;
    let waits = ApplySpec { queue: true, ..wish("two") };
    assert_eq!(plane.chain_apply(&eve(), waits).await.unwrap(), Applied::Queued { position: 1 });
    // It becomes free, and somebody asks before the portal has looked who waits.
    let store = &bed.services.store;
    store.pool_set_free(&chain, 1).await.unwrap();
    store.chain_state_save(&chain, &[ChainState::Updating], ChainState::Running).await.unwrap();
    assert_eq!(plane.chain_apply(&otto(), wish("three")).await.unwrap_err().code, Code::PoolEmpty);
    assert_eq!(record(&bed, &chain).await.owner.as_ref().map(UserId::as_str), Some("eve"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_an_owner_is_left_after_a_release() {
    let (bed, plane) = pooled(1).await;
    let (chain, _) = claimed(&plane, &uma(), wish("one")).await;
    used(&plane, &uma(), &chain).await;
    let name = UserName::parse("eve").unwrap();
    plane.chain_grant(&uma(), &chain, &name, Grant::Manage).await.unwrap();
    let store = &bed.services.store;
    let (before, ledger) =
        (secrets(&bed, &chain).await, store.document_read(&chain, "genesis").await.unwrap());
    let host_before = bed.agent.objects(&bed.services.installation).len();
    let wrong = plane.chain_release(&uma(), &chain, "another", false).await.unwrap_err();
    assert_eq!(wrong.code, Code::ChainNameUnconfirmed);
    // Whoever manages it is not its owner.
    let manager = plane.chain_release(&eve(), &chain, chain.as_str(), false).await.unwrap_err();
    assert_eq!(manager.code, Code::NotAllowed);
    let release = plane.chain_release(&uma(), &chain, chain.as_str(), false).await.unwrap();
    done(&plane, &release).await;
    let after = record(&bed, &chain).await;
    assert_eq!((after.owner, after.state, after.pool), (None, ChainState::Running, Some(small())));
    assert_eq!(after.tenure, store::Tenure::default());
    // Keys, first block, grants, history.
    let now = secrets(&bed, &chain).await;
    assert!(before.is_disjoint(&now), "a key is still there");
    assert!(!now.iter().any(|key| key.contains("/user/")), "{now:?}");
    assert_ne!(store.document_read(&chain, "genesis").await.unwrap(), ledger);
    assert_eq!(store.grant_list(&chain).await.unwrap(), Vec::new());
    assert_eq!(plane.transaction_history(&otto(), &chain, None).await.unwrap(), Vec::new());
    // Channels and chaincode are those of the template, the ledger is empty, and the host holds no more than before.
    let channels: Vec<_> =
        store.channel_list(&chain).await.unwrap().into_iter().map(|one| one.name).collect();
    assert_eq!(channels, [ChannelName::parse("mychannel").unwrap()]);
    let deployed = store.chaincode_list(&chain).await.unwrap();
    assert_eq!(deployed.iter().map(|one| one.sequence).collect::<Vec<_>>(), [1]);
    assert_eq!(bed.agent.objects(&bed.services.installation).len(), host_before);
    let asked = plane.transaction_query(&otto(), call(&chain, "query", &["a"])).await;
    assert!(asked.is_err(), "the value is still on the ledger: {asked:?}");
    // Neither the one before nor whoever had been given something reaches it; the next owner reads of nothing before.
    for who in [uma(), eve()] {
        assert_eq!(plane.chain_read(&who, &chain).await.unwrap_err().code, Code::NotFound);
    }
    plane.reconcile().await;
    bed.services.clock.sleep(1).await;
    assert_eq!(claimed(&plane, &eve(), wish("two")).await, (chain.clone(), false));
    assert_eq!(plane.operation_read(&eve(), &release).await.unwrap_err().code, Code::NotFound);
    assert!(plane.operation_list(&eve()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_that_is_not_of_the_pool_is_deleted_on_release_by_choice() {
    let (bed, plane) = pooled(0).await;
    let made = bed.chain_spec();
    bed.run(control::operations::chain_create::ChainCreate { spec: made.clone() }).await;
    let nobodys = plane.chain_release(&otto(), &made.name, made.name.as_str(), true).await.unwrap_err();
    assert_eq!(nobodys.code, Code::ChainUnclaimed);
    let given = plane.chain_owner_set(&otto(), &made.name, &UserName::parse("uma").unwrap()).await.unwrap();
    assert_eq!(given, None, "nobody loses it");
    assert_eq!(record(&bed, &made.name).await.tenure.expires_ms, None, "what is not of the pool has no end");
    let kept = plane.chain_release(&uma(), &made.name, made.name.as_str(), false).await.unwrap_err();
    assert_eq!(kept.code, Code::ChainNotPooled);
    let deleted = plane.chain_release(&uma(), &made.name, made.name.as_str(), true).await.unwrap();
    done(&plane, &deleted).await;
    assert_eq!(bed.services.store.chain_read(&made.name).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_is_announced_put_off_and_comes() {
    let (bed, plane) = pooled(1).await;
    let (chain, _) = claimed(&plane, &uma(), wish("one")).await;
    let pass = async |hours: u64| {
        bed.services.clock.sleep(hours * HOUR_MS).await;
        plane.reconcile().await;
        record(&bed, &chain).await.tenure
    };
    assert_eq!(pass(21).await.warned_ms, None);
    assert!(!plane.chain_holder(&uma(), &chain).await.unwrap().ends_soon);
    let warned = pass(1).await;
    assert!(warned.warned_ms.is_some());
    assert!(plane.chain_holder(&uma(), &chain).await.unwrap().ends_soon);
    let told = async |who: Caller| {
        let all = plane.notice_list(&who).await.unwrap();
        all.iter().filter(|notice| notice.kind == NoticeKind::ChainEnding).count()
    };
    assert_eq!((told(uma()).await, told(eve()).await), (1, 0));
    assert_eq!(pass(1).await.warned_ms, warned.warned_ms, "it is said once");
    assert_eq!(plane.chain_extend(&uma(), &chain, 5).await.unwrap_err().code, Code::NotAllowed);
    assert_eq!(plane.chain_extend(&otto(), &chain, 0).await.unwrap_err().code, Code::ValueOutOfRange);
    plane.chain_extend(&otto(), &chain, 5).await.unwrap();
    let extended = record(&bed, &chain).await.tenure;
    assert_eq!(
        extended.expires_ms.unwrap() - warned.expires_ms.unwrap(),
        i64::try_from(5 * HOUR_MS).unwrap()
    );
    assert_eq!(extended.warned_ms, None);
    assert!(pass(4).await.warned_ms.is_some(), "and said again");
    assert_eq!(told(uma()).await, 2);
    assert!(record(&bed, &chain).await.owner.is_some());
    pass(2).await;
    let operations = plane.operation_list(&ada()).await.unwrap();
    let release = operations.iter().find(|one| one.name == "chain-release-deploy").unwrap();
    done(&plane, &release.id).await;
    let free = record(&bed, &chain).await;
    assert_eq!((free.owner, free.pool, free.state), (None, Some(small()), ChainState::Running));
    assert_eq!(plane.chain_read(&uma(), &chain).await.unwrap_err().code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_freed_keeps_its_ledger_and_revokes_what_people_held() {
    let (bed, plane) = pooled(1).await;
    let (chain, _) = claimed(&plane, &uma(), wish("one")).await;
    used(&plane, &uma(), &chain).await;
    let plan = plan(&bed, &chain).await;
    let user = uma().user.unwrap();
    let key = bed.services.user_key(&plan, "Org1MSP", &user).await.unwrap();
    let admin = bed.services.admin_key(&plan, "Org1MSP").await.unwrap();
    assert_eq!(plane.chain_free(&uma(), &chain).await.unwrap_err().code, Code::NotAllowed);
    let freed = plane.chain_free(&otto(), &chain).await.unwrap();
    done(&plane, &freed).await;
    let after = record(&bed, &chain).await;
    assert_eq!((after.owner, after.state, after.pool), (None, ChainState::Running, Some(small())));
    assert!(after.tenure.inherited_ms.is_some());
    assert!(!secrets(&bed, &chain).await.iter().any(|key| key.contains("/user/")));
    // In the channel nobody acts with them any more.
    let link = link_of(&bed.services, plan.clone()).await.unwrap();
    let peer = plan.nodes.iter().find(|node| node.name.as_str() == "peer0-org1").unwrap();
    let lists = bed.network.revocations(&link, peer, "mychannel").await.unwrap();
    let revoked = fabric::material::revoked_serials(&lists[0]).unwrap();
    // Nor does the peer itself take orders from the admin that there was.
    let files = bed.services.node_files(&plan, &link.trust, peer).await.unwrap();
    let kept = files.iter().find(|file| file.path == fabric::msp::REVOCATION_FILE).unwrap();
    assert_eq!(kept.content.as_slice(), lists[0].as_bytes());
    let query = Call {
        channel: "mychannel".to_owned(),
        chaincode: "example02".to_owned(),
        arguments: vec![b"query".to_vec(), b"a".to_vec()],
        ..Call::default()
    };
    for old in [&key, &admin] {
        let serial = fabric::material::describe(&old.cert_pem).unwrap().serial_hex;
        assert!(revoked.contains(&serial), "{revoked:?}");
        let identity = SigningIdentity::new("Org1MSP", &old.cert_pem, &old.key_pem).unwrap();
        let refused = bed.network.evaluate(&link, peer, &identity, &query).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::CertificateRevoked);
    }
    // The next owner has new ones, finds the ledger, and is told so.
    bed.services.clock.sleep(1).await;
    assert_eq!(claimed(&plane, &eve(), wish("two")).await, (chain.clone(), false));
    let answer = plane.transaction_query(&eve(), call(&chain, "query", &["a"])).await.unwrap();
    assert_eq!(answer.text, "100");
    let held = plane.chain_holder(&eve(), &chain).await.unwrap();
    assert!(held.inherited_ms.is_some() && held.verbs.contains(&PoolVerb::Dismiss));
    plane.chain_inherited_dismiss(&eve(), &chain).await.unwrap();
    assert_eq!(plane.chain_holder(&eve(), &chain).await.unwrap().inherited_ms, None);
    // A second time revokes more, and forgets nothing.
    let again = plane.chain_free(&otto(), &chain).await.unwrap();
    done(&plane, &again).await;
    let link = link_of(&bed.services, plan.clone()).await.unwrap();
    let lists = bed.network.revocations(&link, peer, "mychannel").await.unwrap();
    let more: BTreeSet<String> = fabric::material::revoked_serials(&lists[0]).unwrap().into_iter().collect();
    assert!(more.len() > revoked.len() && revoked.iter().all(|serial| more.contains(serial)), "{more:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chain_in_use_is_deleted_only_by_somebody_who_says_so() {
    let (bed, plane) = pooled(1).await;
    let (chain, _) = claimed(&plane, &uma(), wish("one")).await;
    let refused = plane.chain_delete(&otto(), &chain, chain.as_str(), false).await.unwrap_err();
    assert_eq!((refused.code, refused.values["owner"].as_str()), (Code::ChainClaimed, "uma"));
    let untyped = plane.chain_delete_claimed(&otto(), &chain, "", false).await.unwrap_err();
    assert_eq!(untyped.code, Code::ChainNameUnconfirmed);
    assert_eq!(
        plane.chain_delete_claimed(&uma(), &chain, chain.as_str(), false).await.unwrap_err().code,
        Code::NotAllowed
    );
    let deleted = plane.chain_delete_claimed(&otto(), &chain, chain.as_str(), false).await.unwrap();
    done(&plane, &deleted).await;
    assert_eq!(bed.services.store.chain_read(&chain).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_give_a_chain_to_somebody_else_for_whom_its_time_begins_anew() {
    let (bed, plane) = pooled(1).await;
    let (chain, _) = claimed(&plane, &uma(), wish("one")).await;
    let name = |text: &str| UserName::parse(text).unwrap();
    plane.chain_grant(&uma(), &chain, &name("eve"), Grant::Read).await.unwrap();
    assert_eq!(plane.chain_owner_set(&uma(), &chain, &name("eve")).await.unwrap_err().code, Code::NotAllowed);
    let nobody = plane.chain_owner_set(&otto(), &chain, &name("nobody")).await.unwrap_err();
    assert_eq!((nobody.code, nobody.field.as_deref()), (Code::UserUnknown, Some("user")));
    bed.services.clock.sleep(HOUR_MS).await;
    let plan = plan(&bed, &chain).await;
    let key = bed.services.user_key(&plan, "Org1MSP", &uma().user.unwrap()).await.unwrap();
    let admin = bed.services.admin_key(&plan, "Org1MSP").await.unwrap();
    // Revoking is a change of the channels, which nobody makes on a chain that does not run.
    bed.services.store.chain_state_save(&chain, &[ChainState::Running], ChainState::Stopped).await.unwrap();
    let stopped = plane.chain_owner_set(&otto(), &chain, &name("eve")).await.unwrap_err();
    assert_eq!((stopped.code, stopped.values["allowed"].as_str()), (Code::ChainState, "running"));
    bed.services.store.chain_state_save(&chain, &[ChainState::Stopped], ChainState::Running).await.unwrap();
    let given = plane.chain_owner_set(&otto(), &chain, &name("eve")).await.unwrap();
    done(&plane, &given.unwrap()).await;
    let link = link_of(&bed.services, plan.clone()).await.unwrap();
    let peer = plan.nodes.iter().find(|node| node.name.as_str() == "peer0-org1").unwrap();
    let lists = bed.network.revocations(&link, peer, "mychannel").await.unwrap();
    let revoked = fabric::material::revoked_serials(&lists[0]).unwrap();
    for old in [&key, &admin] {
        let serial = fabric::material::describe(&old.cert_pem).unwrap().serial_hex;
        assert!(revoked.contains(&serial), "{revoked:?}");
    }
    assert!(!secrets(&bed, &chain).await.iter().any(|key| key.contains("/user/uma ")));
    let held = plane.chain_holder(&eve(), &chain).await.unwrap();
    assert_eq!((held.owner, held.is_own), (Some(name("eve")), true));
    assert!(held.inherited_ms.is_some(), "she is told that the ledger is not empty");
    assert_eq!(held.expires_ms.unwrap() - held.claimed_ms.unwrap(), i64::try_from(24 * HOUR_MS).unwrap());
    assert_eq!(bed.services.store.grant_list(&chain).await.unwrap(), Vec::new());
    assert_eq!(plane.chain_read(&uma(), &chain).await.unwrap_err().code, Code::NotFound);
    assert_eq!(plane.pool_read(&uma()).await.unwrap().quota.chains_used, 0);
    let rows = plane.audit_list(&ada(), None).await.unwrap();
    let given = rows.iter().find(|row| row.what == "chain-owner-set" && row.result == "ok").unwrap();
    let told: Vec<_> = given.changes.iter().map(|one| (one.field(), one.before(), one.after())).collect();
    assert_eq!(told, [("owner", "uma", "eve")]);
}
