//! People: pages of them, one-time links, and changes that need the others to be as they were.

use domain::chain::{ChainState, HealthView};
use domain::id::{HostId, UserId};
use domain::list::ListQuery;
use domain::permission::{Grant, Role};
use domain::profile::Profile;
use domain::user::{Email, Quota, UserState};
use serde_json::{Value, json};

use super::{chain, on_both, spec, user};
use crate::{
    ChainRecord, LinkPurpose, LinkRecord, SealedSecret, SecondFactorRecord, SessionRecord, Store, Tenure,
    UserRecord, UserRefusal,
};

/// People of the list.
const PEOPLE: i64 = 30;
/// Rows of a page of it: the last page of the whole list is shorter, and so are those of most filters.
const ROWS: usize = 7;

fn link(hash: &str, id: &str, expires_ms: i64) -> LinkRecord {
    LinkRecord { hash: hash.to_owned(), user: UserId::new(id), purpose: LinkPurpose::Reset, expires_ms }
}

fn session(id: &str, user: &UserId) -> SessionRecord {
    SessionRecord {
        id_hash: id.to_owned(),
        user: Some(user.clone()),
        data: json!({}),
        created_ms: 1,
        last_seen_ms: 1,
        expires_ms: 1_000,
        absolute_expires_ms: 1_000,
        address: String::new(),
        agent: String::new(),
    }
}

/// Where somebody stands in a list.
type Key = fn(&UserRecord) -> (i64, String);

/// People of every role and state, the later made the earlier signed in.
async fn fill(store: &Store) {
    for n in 0..PEOPLE {
        let mut one = user(&format!("p{n:03}"));
        one.role = Role::ALL[usize::try_from(n % 3).unwrap()];
        one.state = if n % 5 == 0 { UserState::Disabled } else { UserState::Active };
        one.email = (n % 7 == 0).then(|| Email::parse(&format!("seven{n}@example.org")).unwrap());
        one.created_ms = 1_700_000_000_000 + n;
        one.last_sign_in_ms = (n % 2 == 0).then_some(1_800_000_000_000 - n);
        store.user_create(&one).await.unwrap();
    }
}

/// Everybody that a query finds, page by page; no page is longer than asked for.
async fn walk(store: &Store, mut query: ListQuery) -> Vec<UserRecord> {
    query.rows = u32::try_from(ROWS).unwrap();
    let mut all = Vec::new();
    loop {
        let page = store.user_page(&query).await.unwrap();
        assert!(page.rows.len() <= ROWS);
        all.extend(page.rows);
        assert!(all.len() <= usize::try_from(PEOPLE).unwrap(), "without an end: {query:?}");
        match page.next {
            Some(next) => query.after = next,
            None => return all,
        }
    }
}

fn query(sort: &str, descending: bool, filters: &[(&str, &str)]) -> ListQuery {
    let filters = filters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ListQuery { sort: sort.to_owned(), descending, filters, ..ListQuery::default() }
}

const SORTS: [(&str, Key); 4] = [
    ("name", |user| (0, user.name.to_string())),
    ("role", |user| (0, format!("{} {}", user.role.as_str(), user.name))),
    ("created", |user| (user.created_ms, user.name.to_string())),
    ("last_sign_in", |user| (user.last_sign_in_ms.unwrap_or(0), user.name.to_string())),
];
const FILTERS: [&[(&str, &str)]; 4] =
    [&[], &[("role", "operator")], &[("state", "disabled")], &[("role", "user"), ("state", "active")]];

/// Walks through a list and checks that it holds everybody it shall, in order.
async fn check_walk(store: &Store, (sort, key): (&str, Key), filter: &[(&str, &str)], descending: bool) {
    let found = walk(store, query(sort, descending, filter)).await;
    let fits = |n: &i64| {
        filter.iter().all(|(name, value)| match *name {
            "role" => Role::ALL[usize::try_from(n % 3).unwrap()].as_str() == *value,
            _ => (n % 5 == 0) == (*value == "disabled"),
        })
    };
    assert_eq!(found.len(), (0..PEOPLE).filter(fits).count(), "{sort} {filter:?}");
    let mut keys: Vec<_> = found.iter().map(key).collect();
    if descending {
        keys.reverse();
    }
    assert!(keys.is_sorted_by(|one, next| one < next), "{sort} {descending} {filter:?}");
}

#[tokio::test]
async fn every_page_goes_on_behind_the_one_before() {
    let store = Store::open("mem://").await.unwrap();
    fill(&store).await;
    for sort in SORTS {
        for filter in FILTERS {
            for descending in [false, true] {
                check_walk(&store, sort, filter, descending).await;
            }
        }
    }
}

/// The other engine walks along the same indexes: each order and each filter once.
#[tokio::test]
async fn every_page_goes_on_behind_the_one_before_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("surrealkv://{}", folder.path().join("db").display());
    let store = Store::open(&url).await.unwrap();
    fill(&store).await;
    for (turn, (sort, filter)) in SORTS.into_iter().zip(FILTERS).enumerate() {
        check_walk(&store, sort, filter, turn % 2 == 1).await;
    }
}

#[tokio::test]
async fn a_part_of_a_name_or_of_an_address_is_enough() {
    let store = Store::open("mem://").await.unwrap();
    fill(&store).await;
    let found = async |text: &str| {
        walk(&store, ListQuery { text: text.to_owned(), ..ListQuery::default() }).await.len()
    };
    assert_eq!(found("P01").await, 10);
    assert_eq!(found("seven").await, 5);
    assert_eq!(found(" p029 ").await, 1);
    assert_eq!(found("'] OR true --").await, 0);
}

#[tokio::test]
async fn what_is_kept_of_a_person_is_read_back() {
    on_both(async |store| {
        let mut ann = user("ann");
        ann.state = UserState::Invited;
        ann.email = Some(Email::parse("ann@example.org").unwrap());
        ann.quota = Some(Quota { chains: 7, lifetime_hours: None, invocations_per_minute: Some(9) });
        (ann.password_until_ms, ann.password_must_change) = (Some(5), true);
        store.user_create(&ann).await.unwrap();
        assert_eq!(store.user_read(&ann.id).await.unwrap().unwrap(), ann);
        store.user_signed_in(&ann.id, 1_800_000_000_000).await.unwrap();
        let seen = walk(&store, query("last_sign_in", true, &[])).await;
        assert_eq!(seen.first().and_then(|user| user.last_sign_in_ms), Some(1_800_000_000_000));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_good_once_for_eight_who_follow_it() {
    on_both(async |store| {
        store.user_create(&user("ann")).await.unwrap();
        for round in 0..8 {
            let hash = format!("hash{round}");
            let ann = store.user_by_name("ann").await.unwrap().unwrap();
            let saved = store.user_save(&ann, &ann, true, Some(&link(&hash, "id-ann", 100)), None).await;
            assert_eq!(saved.unwrap(), Ok(()));
            let tries = (0..8).map(|n| {
                let (store, hash) = (store.clone(), hash.clone());
                tokio::spawn(async move { store.link_use(&hash, 99, &format!("{hash} by {n}")).await })
            });
            let mut won = Vec::new();
            for (n, handle) in tries.collect::<Vec<_>>().into_iter().enumerate() {
                if handle.await.unwrap().unwrap() {
                    won.push(format!("{hash} by {n}"));
                }
            }
            let ann = store.user_by_name("ann").await.unwrap().unwrap();
            assert_eq!(won, vec![ann.password_hash], "round {round}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_ends_by_the_clock_by_the_next_one_and_with_the_account() {
    let store = Store::open("mem://").await.unwrap();
    let mut ann = user("ann");
    ann.state = UserState::Invited;
    store.user_create_linked(&ann, &link("first", "id-ann", 100), None).await.unwrap();
    assert!(store.link_read("first", 99).await.unwrap().is_some());
    assert!(store.link_read("first", 100).await.unwrap().is_none());
    assert!(!store.link_use("first", 100, "hash").await.unwrap(), "it has expired");
    assert_eq!(
        store.user_save(&ann, &ann, false, Some(&link("second", "id-ann", 100)), None).await.unwrap(),
        Ok(())
    );
    assert!(!store.link_use("first", 1, "hash").await.unwrap(), "there is a newer one");
    assert_eq!(store.link_expiry(&ann.id, 1).await.unwrap(), Some(100));
    let mut disabled = ann.clone();
    disabled.state = UserState::Disabled;
    assert_eq!(store.user_save(&ann, &disabled, false, None, None).await.unwrap(), Ok(()));
    assert!(!store.link_use("second", 1, "hash").await.unwrap(), "the account is disabled");
    assert_eq!(store.user_save(&disabled, &ann, false, None, None).await.unwrap(), Ok(()));
    assert!(store.link_use("second", 1, "hash").await.unwrap());
    let now = store.user_read(&ann.id).await.unwrap().unwrap();
    assert_eq!((now.state, now.password_hash.as_str()), (UserState::Active, "hash"));
    store.user_save(&now, &now, false, Some(&link("third", "id-ann", 100)), None).await.unwrap().unwrap();
    store.link_purge(100).await.unwrap();
    assert_eq!(store.link_expiry(&ann.id, 1).await.unwrap(), None);
}

#[tokio::test]
async fn a_change_is_of_what_was_seen_and_ends_sessions_with_it() {
    on_both(async |store| {
        let (ann, ben) = (user("ann"), user("ben"));
        for one in [&ann, &ben] {
            store.user_create(one).await.unwrap();
            store.session_create(&session(one.name.as_str(), &one.id)).await.unwrap();
        }
        let mut lower = ann.clone();
        lower.role = Role::User;
        assert_eq!(store.user_save(&lower, &ann, true, None, None).await.unwrap(), Err(UserRefusal::Changed));
        assert_eq!(store.user_save(&ann, &lower, true, None, None).await.unwrap(), Ok(()));
        let held = async |name: &str| store.session_read(name, 1).await.unwrap().is_some();
        assert_eq!((held("ann").await, held("ben").await), (false, true));
        let nobody = user("nobody");
        assert_eq!(
            store.user_save(&nobody, &nobody, true, None, None).await.unwrap(),
            Err(UserRefusal::Absent)
        );
        assert!(store.user_is_last_admin(&ben).await.unwrap());
        assert_eq!(store.user_delete(&ben, &[]).await.unwrap(), Err(UserRefusal::LastAdmin));
        assert!(held("ben").await, "what is refused changes nothing");
    })
    .await;
}

#[tokio::test]
async fn whoever_owns_a_chain_stays_and_all_that_is_theirs_goes_along() {
    on_both(async |store| {
        for name in ["ann", "ben"] {
            store.user_create(&user(name)).await.unwrap();
        }
        let ann = user("ann");
        let mut record = ChainRecord {
            name: chain("demo"),
            spec: spec(),
            plan: Value::Null.into(),
            state: ChainState::Running,
            health: HealthView::default(),
            owner: Some(ann.id.clone()),
            host: HostId::new("h"),
            created_ms: 1,
            operation: None,
            pool: None,
            tenure: Tenure::default(),
        };
        store.chain_create(&record).await.unwrap();
        assert_eq!(store.user_delete(&ann, &[]).await.unwrap(), Err(UserRefusal::OwnsChains));
        assert_eq!(store.chains_of_owner(&ann.id).await.unwrap(), vec![chain("demo")]);
        let counts = store.chain_counts(&[ann.id.clone(), UserId::new("id-ben")]).await.unwrap();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), vec![(ann.id.clone(), 1)]);
        store.chain_delete(&record.name).await.unwrap();
        record.owner = None;
        store.chain_create(&record).await.unwrap();
        store.grant_put(&record.name, &ann.id, Grant::Use).await.unwrap();
        store.grant_put(&record.name, &UserId::new("id-ben"), Grant::Read).await.unwrap();
        let profile = Profile { bio: "weaves".to_owned(), ..Profile::default() };
        for name in ["ann", "ben"] {
            let id = user(name).id;
            let key = format!("user/{id}/second-factor");
            let sealed = SealedSecret { key, sealed: vec![1], key_version: 1, created_ms: 1 };
            let factor = SecondFactorRecord { since_ms: 1, last_step: 1, recovery: Vec::new() };
            store.second_factor_create(&id, &factor, &sealed, "draft").await.unwrap();
            store.profile_save(&id, &profile).await.unwrap();
        }
        let secrets = ["user/id-ann/second-factor".to_owned(), "user/id-ann/none".to_owned()];
        assert_eq!(store.user_delete(&ann, &secrets).await.unwrap(), Ok(()));
        assert_eq!(store.user_read(&ann.id).await.unwrap(), None);
        assert_eq!(store.profile_read(&ann.id).await.unwrap(), None);
        assert_eq!(store.second_factor_read(&ann.id).await.unwrap(), None);
        let left = store.secret_list_prefix("user/").await.unwrap();
        let left: Vec<&str> = left.iter().map(|secret| secret.key.as_str()).collect();
        assert_eq!(left, ["user/id-ben/second-factor"], "what is somebody else's stays");
        assert_eq!(store.profile_read(&user("ben").id).await.unwrap(), Some(profile));
        let grants = store.grant_list(&record.name).await.unwrap();
        assert_eq!(grants, vec![(UserId::new("id-ben"), Grant::Read)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_admins_do_not_take_the_rights_of_each_other_at_once() {
    let store = Store::open("mem://").await.unwrap();
    for round in 0..20 {
        let tries = ["ann", "ben"].map(|name| user(&format!("{name}{round}")));
        let former: Vec<UserRecord> = walk(&store, ListQuery::default()).await;
        for admin in &tries {
            store.user_create(admin).await.unwrap();
        }
        // Whoever stayed in the round before.
        for admin in &former {
            assert_eq!(store.user_delete(admin, &[]).await.unwrap(), Ok(()));
        }
        let tries = tries.map(|admin| {
            let store = store.clone();
            tokio::spawn(async move { store.user_delete(&admin, &[]).await.unwrap() })
        });
        let mut gone = 0;
        for handle in tries {
            match handle.await.unwrap() {
                Ok(()) => gone += 1,
                Err(refusal) => assert_eq!(refusal, UserRefusal::LastAdmin),
            }
        }
        assert_eq!(gone, 1, "round {round}");
    }
}
