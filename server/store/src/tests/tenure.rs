//! Who gets a chain of the pool, also when fifty want one of twenty at the same moment.

use std::collections::BTreeSet;

use domain::chain::{ChainState, Health, HealthView};
use domain::id::{HostId, UserId};
use domain::list::ListQuery;
use domain::name::{ChainName, UserName};
use domain::permission::{Grant, Role};
use domain::pool::ApplySpec;
use domain::template::TemplateName;
use domain::user::UserState;
use serde_json::json;

use super::{chain, on_both, spec};
use crate::{
    CANDIDATES_MAX, ChainRecord, ClaimSpec, Claimed, GiveRefusal, QueueRecord, Store, StoreError, Tenure,
    TransactionRecord, UserRecord, UserRefusal,
};

fn record(name: &str) -> ChainRecord {
    ChainRecord {
        name: chain(name),
        spec: spec(),
        plan: serde_json::Value::Null.into(),
        state: ChainState::Running,
        health: HealthView { health: Health::Ok, ..HealthView::default() },
        owner: None,
        tenure: Tenure::default(),
        pool: TemplateName::parse("small").ok(),
        host: HostId::new("h"),
        created_ms: 1,
        operation: None,
    }
}

async fn filled(store: &Store, count: usize) {
    for number in 0..count {
        store.chain_create(&record(&format!("c{number}"))).await.unwrap();
    }
}

/// Somebody whose id is their name.
fn person(name: &str) -> UserRecord {
    UserRecord::new(UserId::new(name), UserName::parse(name).unwrap(), Role::User, String::new(), 1)
}

async fn people(store: &Store, names: &[&str]) {
    for name in names {
        store.user_create(&person(name)).await.unwrap();
    }
}

async fn free(store: &Store) -> Vec<ChainName> {
    store.pool_free().await.unwrap().into_iter().map(|free| free.name).collect()
}

fn wants<'a>(user: &'a UserId, key: &'a str, free: &'a [ChainName], own: &'a [ChainName]) -> ClaimSpec<'a> {
    ClaimSpec { user, key, free, own, chains_max: 2, now_ms: 5, expires_ms: Some(9), wish: "any" }
}

/// Looks until there is a chain, or none left to look for.
async fn claim(store: &Store, user: &UserId, turn: usize) -> Claimed {
    loop {
        let mut open = free(store).await;
        if !open.is_empty() {
            let by = turn % open.len();
            open.rotate_left(by);
        }
        let key = format!("key-of-{turn}");
        match store.pool_claim(&wants(user, &key, &open, &[])).await {
            Ok(Claimed::Gone) if !open.is_empty() => {}
            other => return other.unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_want_one_of_twenty() {
    on_both(async |store| {
        filled(&store, 20).await;
        for turn in 0..50 {
            people(&store, &[format!("u{turn}").as_str()]).await;
        }
        let tries: Vec<_> = (0..50)
            .map(|turn| {
                let store = store.clone();
                tokio::spawn(async move { claim(&store, &UserId::new(format!("u{turn}")), turn).await })
            })
            .collect();
        let (mut got, mut told) = (BTreeSet::new(), 0);
        for handle in tries {
            match handle.await.unwrap() {
                Claimed::Chain { name, again: false } => assert!(got.insert(name), "two have one chain"),
                Claimed::Gone => told += 1,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((got.len(), told), (20, 30));
        let owners: BTreeSet<_> =
            store.chain_list().await.unwrap().into_iter().map(|chain| chain.owner.unwrap()).collect();
        assert_eq!(owners.len(), 20, "each has an owner of its own");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claims_of_one_person_never_pass_the_quota_together() {
    on_both(async |store| {
        filled(&store, 8).await;
        people(&store, &["uma"]).await;
        let tries: Vec<_> = (0..8)
            .map(|turn| {
                let store = store.clone();
                tokio::spawn(async move { claim(&store, &UserId::new("uma"), turn).await })
            })
            .collect();
        let mut got = 0;
        for handle in tries {
            match handle.await.unwrap() {
                Claimed::Chain { again: false, .. } => got += 1,
                Claimed::Quota => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((got, store.pool_owned(&UserId::new("uma")).await.unwrap().len()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn the_same_key_and_a_chain_that_fits_lead_to_the_same_chain() {
    on_both(async |store| {
        filled(&store, 3).await;
        people(&store, &["uma", "eve"]).await;
        let (uma, open) = (UserId::new("uma"), free(&store).await);
        let first = store.pool_claim(&wants(&uma, "one", &open, &[])).await.unwrap();
        assert_eq!(first, Claimed::Chain { name: chain("c0"), again: false });
        let again = Claimed::Chain { name: chain("c0"), again: true };
        assert_eq!(store.pool_claim(&wants(&uma, "one", &open, &[])).await.unwrap(), again);
        assert_eq!(store.pool_claim(&wants(&uma, "two", &open, &[chain("c0")])).await.unwrap(), again);
        // What fits and is somebody else's is not theirs.
        let other =
            store.pool_claim(&wants(&UserId::new("eve"), "two", &open, &[chain("c0")])).await.unwrap();
        assert_eq!(other, Claimed::Chain { name: chain("c1"), again: false });
        let kept = store.chain_read(&chain("c0")).await.unwrap().unwrap();
        assert_eq!(
            (kept.owner, kept.tenure.claimed_ms, kept.tenure.expires_ms),
            (Some(uma), Some(5), Some(9))
        );
    })
    .await;
}

#[tokio::test]
async fn only_what_runs_and_is_well_and_of_the_pool_is_free() {
    on_both(async |store| {
        let sick = HealthView { health: Health::Degraded, ..HealthView::default() };
        for other in [
            ChainRecord { state: ChainState::Stopped, ..record("stopped") },
            ChainRecord { health: sick, ..record("sick") },
            ChainRecord { health: HealthView::default(), ..record("unknown") },
            ChainRecord { pool: None, ..record("made-by-hand") },
            ChainRecord { owner: Some(UserId::new("eve")), ..record("taken") },
        ] {
            store.chain_create(&other).await.unwrap();
        }
        assert_eq!(free(&store).await, Vec::new());
        let all: Vec<_> = store.chain_list().await.unwrap().into_iter().map(|chain| chain.name).collect();
        let uma = UserId::new("uma");
        people(&store, &["uma"]).await;
        assert_eq!(store.pool_claim(&wants(&uma, "one", &all, &[])).await.unwrap(), Claimed::Gone);
        filled(&store, CANDIDATES_MAX + 4).await;
        assert_eq!(free(&store).await.len(), CANDIDATES_MAX + 4);
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_back_leaves_nothing_of_its_owner() {
    on_both(async |store| {
        filled(&store, 1).await;
        people(&store, &["uma"]).await;
        let (uma, name) = (UserId::new("uma"), chain("c0"));
        store.pool_claim(&wants(&uma, "one", std::slice::from_ref(&name), &[])).await.unwrap();
        store.grant_put(&name, &UserId::new("eve"), Grant::Use).await.unwrap();
        store.document_put(&name, "genesis", &[1]).await.unwrap();
        let view = json!({
            "id": "tx", "chain": "c0", "channel": "mychannel", "chaincode": "example02", "function": "move",
            "arguments": [], "state": "valid", "created_ms": 1,
        });
        let sent = TransactionRecord {
            view: serde_json::from_value(view).unwrap(),
            user: uma.clone(),
            idempotency_key: "one".to_owned(),
            asked: None,
        };
        store.transaction_create(&sent).await.unwrap();
        let counted = async || {
            let names = std::slice::from_ref(&name);
            store.transactions_daily(Some(names), 0).await.unwrap().len()
        };
        assert_eq!(counted().await, 1);
        store.pool_take_back(&name, "op", 7).await.unwrap();
        assert_eq!(counted().await, 0, "how much was done is nobody's business either");
        let taken = store.chain_read(&name).await.unwrap().unwrap();
        assert_eq!((taken.owner, taken.state), (None, ChainState::Deleting));
        assert_eq!((taken.tenure, taken.pool), (Tenure::default(), None));
        assert_eq!(store.grant_list(&name).await.unwrap(), Vec::new());
        assert_eq!(store.document_read(&name, "genesis").await.unwrap(), None);
        // What the template says by now.
        let other = domain::chain::ChainSpec { name: name.clone(), batch_timeout_ms: 777, ..spec() };
        store.pool_begin_anew(&other).await.unwrap();
        let anew = store.chain_read(&name).await.unwrap().unwrap();
        assert_eq!((anew.state, anew.plan.is_null(), anew.created_ms), (ChainState::Creating, true, 7));
        assert_eq!((anew.spec, anew.health), (other, HealthView::default()));
        // How it did before is not what lists find it by.
        let well = ListQuery {
            filters: [("health".to_owned(), "ok".to_owned())].into_iter().collect(),
            ..ListQuery::default()
        };
        assert!(store.chain_page(&well, None, 5).await.unwrap().rows.is_empty());
        let small = TemplateName::parse("small").unwrap();
        store.pool_return(&name, &small).await.unwrap();
        assert_eq!(store.chain_read(&name).await.unwrap().unwrap().pool, Some(small));
    })
    .await;
}

#[tokio::test]
async fn what_is_set_free_is_restored_with_its_grants() {
    on_both(async |store| {
        filled(&store, 1).await;
        people(&store, &["uma"]).await;
        let (uma, eve, name) = (UserId::new("uma"), UserId::new("eve"), chain("c0"));
        store.pool_claim(&wants(&uma, "one", std::slice::from_ref(&name), &[])).await.unwrap();
        store.grant_put(&name, &eve, Grant::Use).await.unwrap();
        let before = store.chain_read(&name).await.unwrap().unwrap();
        store.pool_set_free(&name, 7).await.unwrap();
        let free = store.chain_read(&name).await.unwrap().unwrap();
        assert_eq!((free.owner, free.state, free.tenure.inherited_ms), (None, ChainState::Updating, Some(7)));
        assert_eq!(store.grant_read(&name, &eve).await.unwrap(), None);
        let grants = [(eve.clone(), Grant::Use)];
        store.pool_restore(&name, None, Some(&uma), &before.tenure, &grants).await.unwrap();
        assert_eq!(store.chain_read(&name).await.unwrap().unwrap(), before);
        assert_eq!(store.grant_read(&name, &eve).await.unwrap(), Some(Grant::Use));
    })
    .await;
}

#[tokio::test]
async fn ends_are_told_in_their_order_and_only_of_what_has_one() {
    on_both(async |store| {
        filled(&store, 3).await;
        people(&store, &["uma"]).await;
        let uma = UserId::new("uma");
        for (name, end_ms) in [("c0", Some(30)), ("c1", Some(20)), ("c2", None)] {
            assert_eq!(store.pool_give(&chain(name), &uma, 5, end_ms).await.unwrap(), Ok(()));
        }
        assert_eq!(store.pool_ending(19, 9).await.unwrap(), Vec::new());
        assert_eq!(store.pool_ending(30, 9).await.unwrap(), [chain("c1"), chain("c0")]);
        store.pool_warned(&chain("c1"), 18).await.unwrap();
        store.pool_extend(&chain("c1"), 50).await.unwrap();
        let extended = store.chain_read(&chain("c1")).await.unwrap().unwrap().tenure;
        assert_eq!((extended.expires_ms, extended.warned_ms), (Some(50), None));
        assert_eq!(store.pool_ending(30, 9).await.unwrap(), [chain("c0")]);
        store.pool_take_back(&chain("c0"), "op", 31).await.unwrap();
        let unowned = store.pool_extend(&chain("c0"), 60).await;
        assert!(matches!(unowned, Err(StoreError::Conflict { .. })), "{unowned:?}");
    })
    .await;
}

#[tokio::test]
async fn whoever_waits_keeps_their_place_until_they_are_served_or_leave() {
    on_both(async |store| {
        let entry = |user: &str, at_ms| QueueRecord {
            user: UserId::new(user),
            wish: "any".to_owned(),
            spec: ApplySpec { key: "12345678".to_owned(), ..ApplySpec::default() },
            created_ms: at_ms,
        };
        people(&store, &["uma", "eve"]).await;
        for (user, at_ms) in [("uma", 2), ("eve", 1), ("uma", 9)] {
            store.pool_queue_put(&entry(user, at_ms)).await.unwrap();
        }
        assert_eq!(store.pool_queue(9).await.unwrap(), [entry("eve", 1), entry("uma", 2)]);
        assert!(store.pool_queue_leave(&UserId::new("eve"), "any").await.unwrap());
        assert!(!store.pool_queue_leave(&UserId::new("eve"), "any").await.unwrap());
        filled(&store, 1).await;
        let uma = UserId::new("uma");
        store.pool_claim(&wants(&uma, "one", &[chain("c0")], &[])).await.unwrap();
        assert_eq!(store.pool_queue(9).await.unwrap(), Vec::new());
    })
    .await;
}

#[tokio::test]
async fn a_chain_is_handed_over_once_and_goes_back_whole() {
    on_both(async |store| {
        filled(&store, 1).await;
        people(&store, &["uma", "eve", "ian"]).await;
        let (uma, eve, ian, name) = (UserId::new("uma"), UserId::new("eve"), UserId::new("ian"), chain("c0"));
        store.pool_claim(&wants(&uma, "one", std::slice::from_ref(&name), &[])).await.unwrap();
        for user in [&uma, &eve, &ian] {
            store.grant_put(&name, user, Grant::Use).await.unwrap();
        }
        let before = store.chain_read(&name).await.unwrap().unwrap();
        let grants = store.grant_list(&name).await.unwrap();
        // Without its owner's loss it is not given.
        assert_eq!(store.pool_give(&name, &eve, 7, None).await.unwrap(), Err(GiveRefusal::Owned));
        let hand_over = async |user: &str, now_ms| {
            store.pool_hand_over(&name, &uma, &UserId::new(user), now_ms, Some(99)).await.unwrap()
        };
        assert_eq!(hand_over("nobody", 7).await, Err(GiveRefusal::Nobody));
        assert_eq!(hand_over("eve", 7).await, Ok(()));
        assert_eq!(hand_over("eve", 8).await, Ok(()), "done again it changes nothing");
        assert_eq!(hand_over("ian", 8).await, Err(GiveRefusal::Owned));
        let given = store.chain_read(&name).await.unwrap().unwrap();
        assert_eq!((given.owner.as_ref(), given.state), (Some(&eve), ChainState::Updating));
        let tenure = (given.tenure.claimed_ms, given.tenure.expires_ms, given.tenure.inherited_ms);
        assert_eq!(tenure, (Some(7), Some(99), Some(7)));
        // Neither of both needs a grant any more; somebody else keeps theirs.
        assert_eq!(store.grant_list(&name).await.unwrap(), [(ian.clone(), Grant::Use)]);
        store.pool_restore(&name, Some(&ian), Some(&uma), &before.tenure, &grants).await.unwrap();
        assert_eq!(store.chain_read(&name).await.unwrap().unwrap(), given, "ian does not have it");
        store.pool_restore(&name, Some(&eve), Some(&uma), &before.tenure, &grants).await.unwrap();
        assert_eq!(store.chain_read(&name).await.unwrap().unwrap(), before);
        assert_eq!(store.grant_list(&name).await.unwrap(), grants);
        // Whoever had it may be gone by now: it goes back to nobody who is not there.
        store.pool_hand_over(&name, &uma, &eve, 9, None).await.unwrap().unwrap();
        assert_eq!(store.user_delete(&person("uma"), &[]).await.unwrap(), Ok(()));
        let gone = store.pool_restore(&name, Some(&eve), Some(&uma), &before.tenure, &grants).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
        assert_eq!(store.chain_read(&name).await.unwrap().unwrap().owner, Some(eve));
    })
    .await;
}

#[tokio::test]
async fn whoever_is_gone_or_disabled_gets_no_chain_and_no_place() {
    on_both(async |store| {
        filled(&store, 1).await;
        people(&store, &["uma", "eve"]).await;
        let (uma, eve, open) = (UserId::new("uma"), UserId::new("eve"), free(&store).await);
        assert_eq!(store.user_delete(&person("uma"), &[]).await.unwrap(), Ok(()));
        let disabled = UserRecord { state: UserState::Disabled, ..person("eve") };
        assert_eq!(store.user_save(&person("eve"), &disabled, true, None, None).await.unwrap(), Ok(()));
        for user in [&uma, &eve] {
            assert_eq!(store.pool_claim(&wants(user, "one", &open, &[])).await.unwrap(), Claimed::Nobody);
        }
        assert_eq!(store.pool_give(&open[0], &uma, 5, None).await.unwrap(), Err(GiveRefusal::Nobody));
        let waits = store.pool_queue_put(&waiting("uma")).await;
        assert!(matches!(waits, Err(StoreError::NotFound)), "{waits:?}");
        assert_eq!((free(&store).await, store.pool_queue(9).await.unwrap()), (open, Vec::new()));
    })
    .await;
}

fn waiting(user: &str) -> QueueRecord {
    QueueRecord {
        user: UserId::new(user),
        wish: "any".to_owned(),
        spec: ApplySpec { key: "12345678".to_owned(), ..ApplySpec::default() },
        created_ms: 1,
    }
}

/// None of them ever claimed anything: there is no guard yet that a deletion could delete.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_and_the_removal_of_who_claims_are_one_after_the_other() {
    on_both(async |store| {
        const PAIRS: usize = 24;
        filled(&store, PAIRS).await;
        let mut tries = Vec::new();
        for pair in 0..PAIRS {
            let name = format!("u{pair}");
            people(&store, &[name.as_str()]).await;
            let (removing, claiming, queueing) = (store.clone(), store.clone(), store.clone());
            let (user, free) = (UserId::new(name.as_str()), [chain(&format!("c{pair}"))]);
            let (gone, waits) = (person(&name), waiting(&name));
            tries.push((
                tokio::spawn(async move { removing.user_delete(&gone, &[]).await.unwrap() }),
                tokio::spawn(
                    async move { claiming.pool_claim(&wants(&user, "one", &free, &[])).await.unwrap() },
                ),
                tokio::spawn(async move { queueing.pool_queue_put(&waits).await.is_ok() }),
            ));
        }
        let mut left = Vec::new();
        for (pair, (removed, claimed, queued)) in tries.into_iter().enumerate() {
            queued.await.unwrap();
            match (removed.await.unwrap(), claimed.await.unwrap()) {
                (Ok(()), Claimed::Nobody) => {}
                (Err(UserRefusal::OwnsChains), Claimed::Chain { .. }) => left.push(format!("u{pair}")),
                other => panic!("{other:?}"),
            }
        }
        for one in store.chain_list().await.unwrap() {
            assert!(one.owner.is_none_or(|owner| left.contains(&owner.to_string())), "{}", one.name);
        }
        for one in store.pool_queue(99).await.unwrap() {
            assert!(left.contains(&one.user.to_string()), "{} waits", one.user);
        }
    })
    .await;
}
