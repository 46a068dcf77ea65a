//! One's own account over the façade: how long a proof counts, codes of a second factor, what stands before everything
//! else, and whose sessions are whose. The clock is moved, nobody waits.

use std::sync::Arc;

use control::ControlPlane;
use control::caller::Caller;
use control::second_factor::shown_by_app;
use control::session::Half;
use domain::Code;
use domain::id::{HostId, UserId};
use domain::name::UserName;
use domain::permission::Role;
use domain::profile::Profile;
use domain::user::{NewUser, Wall};
use store::{SessionRecord, Store};

use crate::bed::Bed;
use crate::plane;
use crate::rights::caller;
use crate::sign_in::PASSWORD;

const MINUTE_MS: u64 = 60_000;

/// A portal with a user, and their caller, who has just proved who they are.
async fn with_ada(role: Role) -> (Bed, Arc<ControlPlane>, Caller) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let plane = plane(bed.services.clone());
    let new = NewUser { name: UserName::parse("ada").unwrap(), role, password: PASSWORD.to_owned() };
    let made = plane.user_create(&caller("root", Role::Admin, "r"), new).await.unwrap();
    let mut ada = caller("ada", role, "r");
    let user = ada.user.as_mut().unwrap();
    user.id = made.id;
    ada.proved_ms = Some(plane.now_ms());
    (bed, plane, ada)
}

fn id(ada: &Caller) -> UserId {
    ada.user.as_ref().unwrap().id.clone()
}

/// Sets a second factor up; the secret as the app has it, and the recovery codes.
async fn enrolled(bed: &Bed, plane: &ControlPlane, ada: &mut Caller) -> (String, Vec<String>) {
    ada.proved_ms = Some(plane.now_ms());
    plane.second_factor_begin(ada).await.unwrap();
    let enrolment = plane.second_factor_read(ada).await.unwrap().enrolment.unwrap();
    assert!(enrolment.picture.path.starts_with("M4 4") && enrolment.recovery.len() == 10);
    let wrong = plane.second_factor_confirm(ada, "000000").await.unwrap_err();
    assert_eq!(wrong.code, Code::CodeWrong);
    let code = shown_by_app(&enrolment.secret, plane.now_ms()).unwrap();
    plane.second_factor_confirm(ada, &code).await.unwrap();
    let view = plane.second_factor_read(ada).await.unwrap();
    assert!(view.enrolment.is_none() && view.recovery_left == 10);
    // The code that confirmed it is used up.
    assert_eq!(signs_in(plane, ada, &code).await, Err(Code::CodeWrong));
    bed.services.clock.sleep(MINUTE_MS).await;
    (enrolment.secret, enrolment.recovery)
}

/// Signs in with the password and then a code.
async fn signs_in(plane: &ControlPlane, ada: &Caller, code: &str) -> Result<(), Code> {
    let nobody = Caller::anonymous("r", "192.0.2.9");
    let first = plane.sign_in(&nobody, "ada", PASSWORD.to_owned()).await.map_err(|error| error.code)?;
    assert!(first.needs_code);
    let half = Half { user: id(ada), since_ms: plane.now_ms() };
    plane.sign_in_code(&nobody, Some(half), code).await.map(drop).map_err(|error| error.code)
}

#[tokio::test]
async fn a_proof_counts_for_five_minutes() {
    let (bed, plane, mut ada) = with_ada(Role::Admin).await;
    let none = HostId::new("none");
    // Behind the right and the existence: a proof is asked for what can be done only.
    assert_eq!(plane.host_remove(&ada, &none).await.unwrap_err().code, Code::NotFound);
    let told = |result: Result<(), domain::Error>| result.map_err(|error| error.code);
    assert_eq!(told(plane.stepped_up(&ada)), Ok(()));
    bed.services.clock.sleep(5 * MINUTE_MS - 1).await;
    assert_eq!(told(plane.stepped_up(&ada)), Ok(()));
    bed.services.clock.sleep(1).await;
    assert_eq!(told(plane.stepped_up(&ada)), Err(Code::PasswordAgain));
    assert_eq!(told(plane.host_remove(&ada, &bed.host).await), Err(Code::PasswordAgain));
    let name = bed.chain_spec().name;
    let hidden = plane.chain_delete(&ada, &name, name.as_str(), false).await.unwrap_err();
    assert_eq!(hidden.code, Code::NotFound);
    let wrong = plane.session_prove(&ada, "a wrong one".to_owned(), None).await.unwrap_err();
    assert_eq!(wrong.code, Code::SignInFailed);
    ada.proved_ms = Some(plane.session_prove(&ada, PASSWORD.to_owned(), None).await.unwrap());
    assert_eq!(told(plane.host_remove(&ada, &bed.host).await), Ok(()));
    // A session that never proved anything.
    ada.proved_ms = None;
    assert_eq!(told(plane.stepped_up(&ada)), Err(Code::PasswordAgain));
    assert_eq!(told(plane.second_factor_begin(&ada).await), Err(Code::PasswordAgain));
    assert_eq!(told(plane.second_factor_roles_save(&ada, Vec::new()).await), Err(Code::PasswordAgain));
    // What somebody else may ask is not asked for by a guess without end.
    for _ in 0..4 {
        assert!(plane.session_prove(&ada, "a wrong one".to_owned(), None).await.is_err());
    }
    let delayed = plane.session_prove(&ada, PASSWORD.to_owned(), None).await.unwrap_err();
    assert_eq!(delayed.code, Code::SignInDelayed);
}

#[tokio::test]
async fn a_code_counts_once_and_beside_its_own_half_minute() {
    let (bed, plane, mut ada) = with_ada(Role::User).await;
    let (secret, _) = enrolled(&bed, &plane, &mut ada).await;
    let now = plane.now_ms();
    let code = |seconds: i64| shown_by_app(&secret, now + seconds * 1_000).unwrap();
    assert_eq!(signs_in(&plane, &ada, &code(-60)).await, Err(Code::CodeWrong));
    assert_eq!(signs_in(&plane, &ada, &code(-30)).await, Ok(()), "a clock that is behind");
    assert_eq!(signs_in(&plane, &ada, &code(-30)).await, Err(Code::CodeWrong), "used");
    assert_eq!(signs_in(&plane, &ada, &code(30)).await, Ok(()), "a clock that is ahead");
    assert_eq!(signs_in(&plane, &ada, &code(0)).await, Err(Code::CodeWrong), "older than one that was used");
    bed.services.clock.sleep(2 * MINUTE_MS).await;
    let spaced = shown_by_app(&secret, plane.now_ms()).unwrap();
    let (left, right) = spaced.split_at(3);
    assert_eq!(signs_in(&plane, &ada, &format!("{left} {right}")).await, Ok(()));
    // A code proves who somebody is, too; without the password.
    bed.services.clock.sleep(MINUTE_MS).await;
    let code = shown_by_app(&secret, plane.now_ms()).unwrap();
    let proved = plane.session_prove(&ada, String::new(), Some(code)).await.unwrap();
    assert_eq!(proved, plane.now_ms());
}

#[tokio::test]
async fn the_password_waits_for_its_code_for_five_minutes() {
    let (bed, plane, mut ada) = with_ada(Role::User).await;
    let (secret, _) = enrolled(&bed, &plane, &mut ada).await;
    let nobody = Caller::anonymous("r", "192.0.2.9");
    let half = Half { user: id(&ada), since_ms: plane.now_ms() };
    bed.services.clock.sleep(5 * MINUTE_MS).await;
    let code = shown_by_app(&secret, plane.now_ms()).unwrap();
    for half in [Some(half), None] {
        let late = plane.sign_in_code(&nobody, half, &code).await.unwrap_err();
        assert_eq!(late.code, Code::SignInExpired);
    }
    // It was not used up.
    assert_eq!(signs_in(&plane, &ada, &code).await, Ok(()));
}

#[tokio::test]
async fn guesses_of_codes_are_slowed_down() {
    let (bed, plane, mut ada) = with_ada(Role::User).await;
    let (secret, _) = enrolled(&bed, &plane, &mut ada).await;
    let mut guesses = 0;
    while signs_in(&plane, &ada, "not-a-code").await == Err(Code::CodeWrong) {
        guesses += 1;
        assert!(guesses < 10, "guessing goes on");
    }
    let code = shown_by_app(&secret, plane.now_ms()).unwrap();
    assert_eq!(signs_in(&plane, &ada, &code).await, Err(Code::SignInDelayed));
    let root = caller("root", Role::Admin, "r");
    let locked = async || plane.user_read(&root, &id(&ada)).await.unwrap().locked_until_ms;
    assert!(locked().await.is_some());
    plane.user_unlock(&root, &id(&ada)).await.unwrap();
    assert_eq!(locked().await, None);
    let code = shown_by_app(&secret, plane.now_ms()).unwrap();
    assert_eq!(signs_in(&plane, &ada, &code).await, Ok(()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recovery_code_signs_one_of_many_in() {
    let (bed, plane, mut ada) = with_ada(Role::User).await;
    let (_, recovery) = enrolled(&bed, &plane, &mut ada).await;
    let racers: Vec<_> = (0..3)
        .map(|_| {
            let (plane, ada, code) = (plane.clone(), ada.clone(), recovery[0].to_uppercase());
            tokio::spawn(async move { signs_in(&plane, &ada, &code).await })
        })
        .collect();
    let mut won = 0;
    for racer in racers {
        won += usize::from(racer.await.unwrap().is_ok());
    }
    assert_eq!(won, 1);
    assert_eq!(plane.second_factor_read(&ada).await.unwrap().recovery_left, 9);
    bed.services.clock.sleep(2 * MINUTE_MS).await;
    assert_eq!(signs_in(&plane, &ada, &recovery[0]).await, Err(Code::CodeWrong));
    assert_eq!(signs_in(&plane, &ada, &recovery[1]).await, Ok(()));
}

#[tokio::test]
async fn what_is_being_set_up_is_shown_to_who_proved_it_and_for_a_while() {
    let (bed, plane, mut ada) = with_ada(Role::User).await;
    plane.second_factor_begin(&ada).await.unwrap();
    let shown = async |ada: &Caller| plane.second_factor_read(ada).await.unwrap().enrolment;
    let secret = shown(&ada).await.unwrap().secret;
    let unproved = Caller { proved_ms: None, ..ada.clone() };
    assert!(shown(&unproved).await.is_none());
    bed.services.clock.sleep(10 * MINUTE_MS).await;
    ada.proved_ms = Some(plane.now_ms());
    assert!(shown(&ada).await.is_none());
    let code = shown_by_app(&secret, plane.now_ms()).unwrap();
    let late = plane.second_factor_confirm(&ada, &code).await.unwrap_err();
    assert_eq!(late.code, Code::EnrolmentExpired);
    assert_eq!(plane.second_factor_remove(&ada).await.unwrap_err().code, Code::SecondFactorNone);
}

#[tokio::test]
async fn an_admin_takes_a_lost_second_factor_away() {
    let (bed, plane, mut ada) = with_ada(Role::User).await;
    enrolled(&bed, &plane, &mut ada).await;
    let again = {
        ada.proved_ms = Some(plane.now_ms());
        plane.second_factor_begin(&ada).await.unwrap_err().code
    };
    assert_eq!(again, Code::SecondFactorThere);
    let (root, name) = (caller("root", Role::Admin, "r"), UserName::parse("ada").unwrap());
    assert_eq!(plane.user_reset_second_factor(&ada, &name).await.unwrap_err().code, Code::NotAllowed);
    let unproved = Caller { proved_ms: None, ..root.clone() };
    let refused = plane.user_reset_second_factor(&unproved, &name).await.unwrap_err();
    assert_eq!(refused.code, Code::PasswordAgain);
    let half = Half { user: id(&ada), since_ms: plane.now_ms() };
    plane.user_reset_second_factor(&root, &name).await.unwrap();
    let nobody = Caller::anonymous("r", "192.0.2.9");
    assert!(!plane.sign_in(&nobody, "ada", PASSWORD.to_owned()).await.unwrap().needs_code);
    // Whoever stood between password and code begins anew.
    let late = plane.sign_in_code(&nobody, Some(half), "000000").await.unwrap_err();
    assert_eq!(late.code, Code::SignInExpired);
    assert!(bed.services.store.secret_list_prefix("user/").await.unwrap().is_empty());
}

#[tokio::test]
async fn walls_stand_before_whoever_has_something_to_do() {
    let (bed, plane, mut ada) = with_ada(Role::Operator).await;
    let wall = async |ada: &Caller| plane.session_user(&id(ada)).await.unwrap().unwrap().1;
    assert_eq!(wall(&ada).await, None);
    let root = caller("root", Role::Admin, "r");
    plane.second_factor_roles_save(&root, vec![Role::Operator, Role::Operator]).await.unwrap();
    let view = plane.second_factor_read(&ada).await.unwrap();
    assert!(view.is_required && view.required_roles.is_none());
    let shown = plane.second_factor_read(&root).await.unwrap();
    assert_eq!((shown.is_required, shown.required_roles), (false, Some(vec![Role::Operator])));
    assert_eq!(wall(&ada).await, Some(Wall::SecondFactor));
    let walled = Caller { wall: Some(Wall::SecondFactor), ..ada.clone() };
    assert_eq!(plane.chain_list(&walled).await.unwrap_err().code, Code::SecondFactorNeeded);
    let session = plane.session(&walled).await.unwrap();
    assert!(session.offers.is_empty() && session.wall == Some(Wall::SecondFactor));
    enrolled(&bed, &plane, &mut ada).await;
    assert_eq!(wall(&ada).await, None);
    // A password that was made for them comes first.
    let store = &bed.services.store;
    let hash = store.user_read(&id(&ada)).await.unwrap().unwrap().password_hash;
    store.user_password_set(&id(&ada), &hash, true, None).await.unwrap();
    assert_eq!(wall(&ada).await, Some(Wall::Password));
    ada.wall = Some(Wall::Password);
    ada.proved_ms = Some(plane.now_ms());
    let told = plane.second_factor_remove(&ada).await.unwrap_err();
    assert_eq!(told.code, Code::PasswordMustChange, "only the password is changed");
    let change = async |old: &str, new: &str| {
        let changed = plane.password_change(&ada, old.to_owned(), new.to_owned()).await;
        changed.map(drop).map_err(|error| error.code)
    };
    assert_eq!(change(PASSWORD, PASSWORD).await, Err(Code::PasswordUnchanged));
    assert_eq!(change("a wrong one", "other plain words together").await, Err(Code::SignInFailed));
    assert_eq!(change(PASSWORD, "short").await, Err(Code::PasswordTooShort));
    assert_eq!(change(PASSWORD, "other plain words together").await, Ok(()));
    assert_eq!(wall(&ada).await, None);
}

fn session(hash: &str, user: &UserId, data: serde_json::Value, last_seen_ms: i64) -> SessionRecord {
    SessionRecord {
        id_hash: hash.to_owned(),
        user: Some(user.clone()),
        data,
        created_ms: 1,
        last_seen_ms,
        expires_ms: i64::MAX,
        absolute_expires_ms: i64::MAX,
        address: "192.0.2.1".to_owned(),
        agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned(),
    }
}

#[tokio::test]
async fn sessions_are_their_owners_and_a_new_password_ends_the_others() {
    let (bed, plane, mut ada) = with_ada(Role::User).await;
    let store = &bed.services.store;
    let data = |user: &UserId| serde_json::json!({ "user": user.as_str() });
    let half = serde_json::json!({ "half": { "user": id(&ada).as_str(), "since_ms": 1 } });
    let other = UserId::new("ben");
    for (hash, user, data, seen) in [
        ("aa", &id(&ada), data(&id(&ada)), 5),
        ("bb", &id(&ada), data(&id(&ada)), 9),
        ("cc", &id(&ada), half, 7),
        ("dd", &other, data(&other), 8),
    ] {
        store.session_create(&session(hash, user, data, seen)).await.unwrap();
    }
    ada.session = Some("aa".to_owned());
    let lines = plane.session_list(&ada).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.is_this).collect::<Vec<_>>(), [false, true]);
    assert_eq!(lines[0].device.browser.as_deref(), Some("Firefox"));
    assert!(lines.iter().all(|line| !["aa", "bb"].contains(&line.id.as_str())));
    let ben = {
        let mut ben = ada.clone();
        ben.user.as_mut().unwrap().id = other.clone();
        ben
    };
    let foreign = plane.session_list(&ben).await.unwrap()[0].id.clone();
    for unknown in [foreign.as_str(), "aa", "bb", ""] {
        assert_eq!(plane.session_end(&ada, unknown).await.unwrap_err().code, Code::NotFound, "{unknown}");
    }
    plane.session_end(&ada, &lines[0].id).await.unwrap();
    let left = async |hash: &str| store.session_read(hash, 1).await.unwrap().is_some();
    assert_eq!((left("aa").await, left("bb").await, left("cc").await), (true, false, true));
    plane.password_change(&ada, PASSWORD.to_owned(), "other plain words together".to_owned()).await.unwrap();
    assert_eq!((left("aa").await, left("cc").await, left("dd").await), (true, false, true));
}

#[tokio::test]
async fn a_profile_is_its_owners_and_comes_with_the_sign_in() {
    let (_bed, plane, ada) = with_ada(Role::User).await;
    assert_eq!(plane.profile_read(&ada).await.unwrap(), Profile::default());
    let profile = Profile { time_zone: "Europe/Berlin".to_owned(), shortcuts: false, ..Profile::default() };
    assert_eq!(plane.profile_save(&ada, profile.clone()).await.unwrap(), profile);
    let bad = Profile { time_zone: "no zone at all".to_owned(), ..Profile::default() };
    let refused = plane.profile_save(&ada, bad).await.unwrap_err();
    assert_eq!((refused.code, refused.field.as_deref()), (Code::TimeZoneMalformed, Some("time_zone")));
    assert!(!plane.session(&ada).await.unwrap().shortcuts);
    plane.look_save(&ada, None, Some("dark".to_owned())).await.unwrap();
    let wishes = plane.wishes(&id(&ada)).await.unwrap();
    assert_eq!((wishes.time_zone.as_str(), wishes.theme.as_deref()), ("Europe/Berlin", Some("dark")));
    let root = plane.profile_read(&caller("root", Role::Admin, "r")).await.unwrap();
    assert_eq!(root, Profile::default());
}
