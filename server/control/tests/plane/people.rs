//! How an admin keeps people: who can be kept out and removed, and how somebody gets in for the first time.

use std::sync::Arc;

use control::ControlPlane;
use control::caller::Caller;
use control::operations::chain_create::ChainCreate;
use domain::id::UserId;
use domain::list::ListQuery;
use domain::name::UserName;
use domain::permission::{Grant, Role};
use domain::user::{Email, Invitation, NewUser, Quota, Registration, UserEdit, UserState};
use domain::{Code, Error};
use serde_json::json;
use store::{SessionRecord, Store, UserRecord};

use crate::bed::Bed;
use crate::plane;
use crate::rights::caller;
use crate::sign_in::PASSWORD;

/// Another good password.
const OTHER: &str = "some other plain words";
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Whoever is admin without being among the people of the test.
fn root() -> Caller {
    caller("root", Role::Admin, "r")
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn code<T>(result: Result<T, Error>) -> Option<Code> {
    result.err().map(|error| error.code)
}

async fn portal() -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let plane = plane(bed.services.clone());
    (bed, plane)
}

async fn made(plane: &ControlPlane, text: &str, role: Role) -> UserId {
    let new = NewUser { name: name(text), role, password: PASSWORD.to_owned() };
    plane.user_create(&root(), new).await.unwrap().id
}

fn invitation(text: &str) -> Invitation {
    Invitation { name: name(text), role: Role::User, email: None }
}

/// The same person as the one who asks.
fn as_oneself(id: &UserId, text: &str) -> Caller {
    let mut caller = caller(text, Role::Admin, "r");
    if let Some(user) = &mut caller.user {
        user.id = id.clone();
    }
    caller
}

async fn sign_in(plane: &ControlPlane, text: &str, password: &str) -> Option<Code> {
    let from = Caller::anonymous("r", "192.0.2.1");
    code(plane.sign_in(&from, text, password.to_owned()).await)
}

async fn welcome(plane: &ControlPlane, secret: &str, password: &str) -> Option<Code> {
    let token = secret.split_once("token=").map_or(secret, |(_, token)| token);
    let from = Caller::anonymous("r", "192.0.2.2");
    code(plane.user_welcome(&from, token, password.to_owned()).await)
}

fn edit(role: Role) -> UserEdit {
    UserEdit { role, email: None, quota: None }
}

#[tokio::test]
async fn the_last_admin_and_the_own_account_stay() {
    let (_bed, plane) = portal().await;
    let (ada, bea) = (made(&plane, "ada", Role::Admin).await, made(&plane, "bea", Role::Admin).await);
    let own = as_oneself(&ada, "ada");
    assert_eq!(code(plane.user_disable(&own, &ada).await), Some(Code::OwnAccount));
    assert_eq!(code(plane.user_edit(&own, &ada, edit(Role::User)).await), Some(Code::OwnAccount));
    assert_eq!(code(plane.user_delete(&own, &ada).await), Some(Code::OwnAccount));
    assert_eq!(code(plane.user_reset_password(&own, &ada).await), Some(Code::OwnAccount));
    // What takes no right may be changed of oneself, too.
    plane.user_edit(&own, &ada, edit(Role::Admin)).await.unwrap();
    plane.user_disable(&root(), &bea).await.unwrap();
    assert!(plane.user_read(&root(), &ada).await.unwrap().is_last_admin);
    assert_eq!(code(plane.user_disable(&root(), &ada).await), Some(Code::LastAdmin));
    assert_eq!(code(plane.user_edit(&root(), &ada, edit(Role::Operator)).await), Some(Code::LastAdmin));
    assert_eq!(code(plane.user_delete(&root(), &ada).await), Some(Code::LastAdmin));
    plane.user_enable(&root(), &bea).await.unwrap();
    plane.user_delete(&root(), &ada).await.unwrap();
    assert_eq!(code(plane.user_read(&root(), &ada).await), Some(Code::NotFound));
    assert_eq!(sign_in(&plane, "ada", PASSWORD).await, Some(Code::SignInFailed));
}

#[tokio::test]
async fn whoever_is_disabled_is_signed_out_and_stays_out() {
    let (bed, plane) = portal().await;
    let (uma, ben) = (made(&plane, "uma", Role::User).await, made(&plane, "ben", Role::User).await);
    let store = &bed.services.store;
    for id in [&uma, &ben] {
        let record = SessionRecord {
            id_hash: id.to_string(),
            user: Some(id.clone()),
            data: json!({}),
            created_ms: 1,
            last_seen_ms: 1,
            expires_ms: i64::MAX,
            absolute_expires_ms: i64::MAX,
            address: String::new(),
            agent: String::new(),
        };
        store.session_create(&record).await.unwrap();
    }
    let has_session = async |id: &UserId| store.session_read(id.as_str(), 1).await.unwrap().is_some();
    plane.user_disable(&root(), &uma).await.unwrap();
    assert_eq!((has_session(&uma).await, has_session(&ben).await), (false, true));
    assert_eq!(plane.session_user(&uma).await.unwrap(), None);
    assert_eq!(sign_in(&plane, "uma", PASSWORD).await, Some(Code::SignInFailed));
    assert_eq!(code(plane.user_disable(&root(), &uma).await), Some(Code::UserState));
    plane.user_enable(&root(), &uma).await.unwrap();
    assert_eq!(sign_in(&plane, "uma", PASSWORD).await, None);
    // Another role is another session.
    plane.user_edit(&root(), &ben, edit(Role::Operator)).await.unwrap();
    assert!(!has_session(&ben).await);
    assert_eq!(plane.session_user(&ben).await.unwrap().map(|(user, _)| user.role), Some(Role::Operator));
}

#[tokio::test]
async fn whoever_owns_a_chain_is_not_removed() {
    let (bed, plane) = portal().await;
    let uma = made(&plane, "uma", Role::User).await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (store, demo) = (&bed.services.store, bed.chain_spec().name);
    let mut record = store.chain_read(&demo).await.unwrap().unwrap();
    store.chain_delete(&demo).await.unwrap();
    record.owner = Some(uma.clone());
    store.chain_create(&record).await.unwrap();
    let refused = plane.user_delete(&root(), &uma).await.unwrap_err();
    assert_eq!(refused.code, Code::UserOwnsChains);
    assert_eq!(refused.values.get("chains").map(String::as_str), Some("demo"));
    assert_eq!(plane.user_read(&root(), &uma).await.unwrap().chains, vec![demo.clone()]);
    let page = plane.user_page(&root(), &ListQuery::default()).await.unwrap();
    assert_eq!(page.rows.iter().map(|user| user.chains).collect::<Vec<_>>(), vec![1]);
    store.chain_delete(&demo).await.unwrap();
    record.owner = None;
    store.chain_create(&record).await.unwrap();
    store.grant_put(&demo, &uma, Grant::Manage).await.unwrap();
    plane.user_delete(&root(), &uma).await.unwrap();
    assert_eq!(store.grant_list(&demo).await.unwrap(), vec![]);
}

#[tokio::test]
async fn a_link_is_good_once_and_for_a_day() {
    let (bed, plane) = portal().await;
    let first = plane.user_invite(&root(), invitation("ivy")).await.unwrap();
    assert_eq!(sign_in(&plane, "ivy", "").await, Some(Code::SignInFailed));
    assert_eq!(first.expires_ms, bed.services.clock.now_ms() + i64::try_from(DAY_MS).unwrap());
    bed.services.clock.sleep(DAY_MS).await;
    assert_eq!(welcome(&plane, &first.secret, PASSWORD).await, Some(Code::LinkUnusable));
    let second = plane.user_reset_password(&root(), &first.id).await.unwrap();
    assert_ne!(first.secret, second.secret);
    bed.services.clock.sleep(DAY_MS - 60_000).await;
    assert_eq!(welcome(&plane, &second.secret, "short").await, Some(Code::PasswordTooShort));
    assert_eq!(welcome(&plane, &second.secret, PASSWORD).await, None);
    assert_eq!(welcome(&plane, &second.secret, OTHER).await, Some(Code::LinkUnusable));
    assert_eq!(sign_in(&plane, "ivy", PASSWORD).await, None);
    // A reset takes the password away before another one is set.
    let third = plane.user_reset_password(&root(), &first.id).await.unwrap();
    assert_eq!(sign_in(&plane, "ivy", PASSWORD).await, Some(Code::SignInFailed));
    // Nor does a link let in who is kept out meanwhile.
    plane.user_disable(&root(), &first.id).await.unwrap();
    assert_eq!(welcome(&plane, &third.secret, OTHER).await, Some(Code::LinkUnusable));
}

#[tokio::test]
async fn guessing_links_is_slowed_down() {
    let (_bed, plane) = portal().await;
    let shown = plane.user_invite(&root(), invitation("ivy")).await.unwrap();
    let mut tried = 0;
    while welcome(&plane, &format!("token={tried}"), PASSWORD).await != Some(Code::SignInDelayed) {
        tried += 1;
        assert!(tried < 20, "guessing goes on");
    }
    assert_eq!(welcome(&plane, &shown.secret, PASSWORD).await, Some(Code::SignInDelayed));
}

#[tokio::test]
async fn a_generated_password_is_to_be_replaced_within_a_day() {
    let (bed, plane) = portal().await;
    let shown = plane.user_generate(&root(), invitation("gina")).await.unwrap();
    let record = async || bed.services.store.user_read(&shown.id).await.unwrap().unwrap();
    assert!(record().await.password_must_change);
    assert_eq!(sign_in(&plane, "gina", &shown.secret).await, None);
    let detail = plane.user_read(&root(), &shown.id).await.unwrap();
    assert_eq!(detail.first_sign_in_until_ms, Some(shown.expires_ms));
    bed.services.clock.sleep(DAY_MS).await;
    assert_eq!(sign_in(&plane, "gina", &shown.secret).await, Some(Code::SignInFailed));
    let link = plane.user_reset_password(&root(), &shown.id).await.unwrap();
    assert_eq!(welcome(&plane, &link.secret, PASSWORD).await, None);
    let now = record().await;
    assert_eq!((now.password_must_change, now.password_until_ms), (false, None));
    assert_eq!(sign_in(&plane, "gina", PASSWORD).await, None);
}

#[tokio::test]
async fn who_registers_waits_and_learns_nothing() {
    let (_bed, plane) = portal().await;
    let uma = made(&plane, "uma", Role::User).await;
    let register = async |text: &str| {
        let email = Email::parse("new@example.org").unwrap();
        let new = Registration { name: name(text), email, password: OTHER.to_owned() };
        code(plane.user_register(&Caller::anonymous("r", "192.0.2.3"), new).await)
    };
    assert_eq!(register("nora").await, Some(Code::RegistrationClosed));
    let user = caller("uma", Role::User, "r");
    assert_eq!(code(plane.registration_set(&user, true).await), Some(Code::NotAllowed));
    plane.registration_set(&root(), true).await.unwrap();
    assert_eq!((register("nora").await, register("uma").await), (None, None), "both hear the same");
    assert_eq!(sign_in(&plane, "uma", PASSWORD).await, None, "whose name it is keeps it");
    assert_eq!(sign_in(&plane, "nora", OTHER).await, Some(Code::SignInFailed));
    let waiting =
        ListQuery { filters: [("state".to_owned(), "waiting".to_owned())].into(), ..ListQuery::default() };
    let page = plane.user_page(&root(), &waiting).await.unwrap();
    let [nora] = page.rows.as_slice() else { panic!("{:?}", page.rows) };
    assert_eq!((nora.name.as_str(), nora.role), ("nora", Role::User));
    plane.user_enable(&root(), &nora.id).await.unwrap();
    assert_eq!(sign_in(&plane, "nora", OTHER).await, None);
    assert_eq!(plane.user_read(&root(), &uma).await.unwrap().user.state, UserState::Active);
    let mut asked = 0;
    while register(&format!("more{asked}")).await != Some(Code::SignInDelayed) {
        asked += 1;
        assert!(asked < 20, "one address asks for ever");
    }
}

#[tokio::test]
async fn requests_for_accounts_do_not_pile_up() {
    let (bed, plane) = portal().await;
    plane.registration_set(&root(), true).await.unwrap();
    for n in 0..200 {
        let id = UserId::new(format!("id-{n}"));
        let record = UserRecord::new(id, name(&format!("waits{n}")), Role::User, "none".to_owned(), 1);
        let record = UserRecord { state: UserState::Waiting, ..record };
        bed.services.store.user_create(&record).await.unwrap();
    }
    let register = async || {
        let email = Email::parse("new@example.org").unwrap();
        let new = Registration { name: name("nora"), email, password: OTHER.to_owned() };
        code(plane.user_register(&Caller::anonymous("r", "192.0.2.3"), new).await)
    };
    assert_eq!(register().await, Some(Code::RegistrationClosed));
    plane.user_delete(&root(), &UserId::new("id-7")).await.unwrap();
    assert_eq!(register().await, None);
}

#[tokio::test]
async fn what_becomes_of_somebody_is_recorded_and_no_secret_is() {
    let (_bed, plane) = portal().await;
    let uma = made(&plane, "uma", Role::User).await;
    let quota = Quota { chains: 5, lifetime_hours: None, invocations_per_minute: Some(9) };
    let change = UserEdit { role: Role::Operator, email: None, quota: Some(quota) };
    plane.user_edit(&root(), &uma, change).await.unwrap();
    assert_eq!(plane.user_read(&root(), &uma).await.unwrap().user.quota(), quota);
    plane.user_disable(&root(), &uma).await.unwrap();
    plane.user_enable(&root(), &uma).await.unwrap();
    let shown = plane.user_reset_password(&root(), &uma).await.unwrap();
    assert_eq!(welcome(&plane, &shown.secret, OTHER).await, None);
    let rows = plane.audit_list(&root(), None).await.unwrap();
    let told = |what: &str| {
        let row = rows.iter().find(|row| row.what == what && row.result == "ok");
        let row = row.unwrap_or_else(|| panic!("{what} is not recorded"));
        let changes: Vec<String> = row.changes.iter().map(ToString::to_string).collect();
        format!("{} {}", row.object, changes.join(", ")).trim_end().to_owned()
    };
    assert_eq!(told("user-edit"), "user/uma role user→operator, quota role's→5/-/9");
    assert_eq!(told("user-disable"), "user/uma state active→disabled");
    assert_eq!(told("user-enable"), "user/uma state disabled→active");
    assert_eq!([told("user-reset-password"), told("user-welcome")], ["user/uma", "user/uma"]);
    let all = format!("{rows:?}");
    let (_, token) = shown.secret.split_once("token=").unwrap();
    assert!(!all.contains(token) && !all.contains(OTHER) && !all.contains("$argon2"), "{all}");
}

#[tokio::test]
async fn a_wait_is_ended_by_an_admin() {
    let (_bed, plane) = portal().await;
    let uma = made(&plane, "uma", Role::User).await;
    let guess = async |n: u32| {
        let from = Caller::anonymous("r", &format!("198.51.100.{n}"));
        code(plane.sign_in(&from, "uma", "a wrong one".to_owned()).await)
    };
    let mut n = 0;
    while guess(n).await != Some(Code::SignInDelayed) {
        n += 1;
        assert!(n < 10, "guessing goes on");
    }
    assert!(plane.user_read(&root(), &uma).await.unwrap().locked_until_ms.is_some());
    plane.user_unlock(&root(), &uma).await.unwrap();
    assert_eq!(plane.user_read(&root(), &uma).await.unwrap().locked_until_ms, None);
    assert_eq!(sign_in(&plane, "uma", PASSWORD).await, None);
}

#[tokio::test]
async fn only_admins_keep_people() {
    let (_bed, plane) = portal().await;
    let uma = made(&plane, "uma", Role::User).await;
    for role in [Role::User, Role::Operator] {
        let who = caller("otto", role, "r");
        let codes = [
            code(plane.user_page(&who, &ListQuery::default()).await),
            code(plane.user_read(&who, &uma).await),
            code(plane.user_invite(&who, invitation("ivy")).await),
            code(plane.user_generate(&who, invitation("ivy")).await),
            code(plane.user_edit(&who, &uma, edit(Role::Admin)).await),
            code(plane.user_enable(&who, &uma).await),
            code(plane.user_disable(&who, &uma).await),
            code(plane.user_unlock(&who, &uma).await),
            code(plane.user_reset_password(&who, &uma).await),
            code(plane.user_delete(&who, &uma).await),
        ];
        assert_eq!(codes, [Some(Code::NotAllowed); 10]);
    }
}
