//! Guessing passwords: how many guesses are looked at before a wait, also when they come all at once.

use std::sync::Arc;

use control::ControlPlane;
use control::caller::Caller;
use domain::Code;
use domain::name::UserName;
use domain::permission::Role;
use domain::user::NewUser;
use store::Store;

use crate::bed::Bed;
use crate::plane;
use crate::rights::caller;

pub const PASSWORD: &str = "a few plain words together";
/// Guesses at the same moment.
const GUESSES: usize = 100;

async fn with_people() -> (Bed, Arc<ControlPlane>) {
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let plane = plane(bed.services.clone());
    for name in ["ada", "ben"] {
        let (name, password) = (UserName::parse(name).unwrap(), PASSWORD.to_owned());
        let new = NewUser { name, role: Role::User, password };
        plane.user_create(&caller("root", Role::Admin, "r"), new).await.unwrap();
    }
    (bed, plane)
}

fn from(address: &str) -> Caller {
    Caller::anonymous("r", address)
}

/// How many guesses were looked at; all the others have to wait.
async fn looked_at(plane: &Arc<ControlPlane>, guess: fn(usize) -> (String, String)) -> usize {
    let guesses = (0..GUESSES).map(|n| {
        let (plane, (name, address)) = (plane.clone(), guess(n));
        tokio::spawn(async move { plane.sign_in(&from(&address), &name, "a wrong one".to_owned()).await })
    });
    let mut looked_at = 0;
    for guess in guesses.collect::<Vec<_>>() {
        match guess.await.unwrap().unwrap_err().code {
            Code::SignInFailed => looked_at += 1,
            code => assert_eq!(code, Code::SignInDelayed),
        }
    }
    looked_at
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_guesses_at_once_are_no_more_than_a_few() {
    let (bed, plane) = with_people().await;
    // Three are free, the next begins the wait, and one more may be under way beside it.
    let on_account = looked_at(&plane, |n| ("ada".to_owned(), format!("192.0.2.{n}"))).await;
    assert!((4..=5).contains(&on_account), "{on_account}");
    let right = plane.sign_in(&from("198.51.100.1"), "ada", PASSWORD.to_owned()).await;
    assert_eq!(right.unwrap_err().code, Code::SignInDelayed);
    // Of an address ten are free; of IPv6, one sender has everything with the same first half.
    let from_address = looked_at(&plane, |n| (format!("guessed{n}"), "203.0.113.1".to_owned())).await;
    assert!((11..=12).contains(&from_address), "{from_address}");
    let from_network = looked_at(&plane, |n| (format!("tried{n}"), format!("2001:db8::{n:x}"))).await;
    assert!((11..=12).contains(&from_network), "{from_network}");
    let other = plane.sign_in(&from("203.0.113.1"), "ben", PASSWORD.to_owned()).await;
    assert_eq!(other.unwrap_err().code, Code::SignInDelayed);
    bed.services.clock.sleep(60_000).await;
    plane.sign_in(&from("198.51.100.1"), "ada", PASSWORD.to_owned()).await.unwrap();
    plane.sign_in(&from("203.0.113.1"), "ben", PASSWORD.to_owned()).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_is_set_back_locks_nobody_out_and_lets_nobody_guess() {
    let (bed, plane) = with_people().await;
    let (store, clock) = (&bed.services.store, &bed.services.clock);
    let an_hour_ahead = clock.now_ms() + 3_600_000;
    for _ in 0..4 {
        store.delay_failed("account:ada", an_hour_ahead, 3, 1_000, 60_000).await.unwrap();
    }
    let sign_in = async |password: &str| {
        let tried = plane.sign_in(&from("192.0.2.1"), "ada", password.to_owned()).await;
        tried.map(drop).map_err(|error| error.code)
    };
    assert_eq!(sign_in("a wrong one").await, Err(Code::SignInFailed));
    // The failures before count on.
    assert_eq!(sign_in(PASSWORD).await, Err(Code::SignInDelayed));
    clock.sleep(60_000).await;
    assert_eq!(sign_in(PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn an_own_account_does_not_buy_further_guesses() {
    let (bed, plane) = with_people().await;
    let sign_in = async |name: &str, password: &str| {
        plane.sign_in(&from("192.0.2.1"), name, password.to_owned()).await.map_err(|error| error.code)
    };
    for _ in 0..3 {
        assert_eq!(sign_in("ada", "a wrong one").await.unwrap_err(), Code::SignInFailed);
    }
    let failures =
        async |key: &str| bed.services.store.delay_read(key).await.unwrap().map(|delay| delay.failures);
    assert_eq!((failures("account:ada").await, failures("address:192.0.2.1").await), (Some(3), Some(3)));
    sign_in("ben", PASSWORD).await.unwrap();
    assert_eq!((failures("account:ada").await, failures("address:192.0.2.1").await), (Some(3), Some(3)));
    sign_in("ada", PASSWORD).await.unwrap();
    assert_eq!((failures("account:ada").await, failures("address:192.0.2.1").await), (None, Some(3)));
}

#[tokio::test]
async fn a_stranger_does_not_keep_somebody_out() {
    let (bed, plane) = with_people().await;
    let sign_in = async |address: &str, password: &str| {
        plane.sign_in(&from(address), "ada", password.to_owned()).await.map(drop).map_err(|error| error.code)
    };
    let (own, elsewhere) = ("192.0.2.1", "203.0.113.1");
    sign_in(own, PASSWORD).await.unwrap();
    // Guesses from everywhere, one after each wait.
    for round in 0..3 {
        let mut guess = 0;
        while sign_in(&format!("198.51.100.{guess}"), "a wrong one").await != Err(Code::SignInDelayed) {
            guess += 1;
            assert!(guess < 10, "guessing goes on");
        }
        sign_in(own, PASSWORD).await.unwrap();
        assert_eq!(sign_in(elsewhere, PASSWORD).await, Err(Code::SignInDelayed), "{round}");
        bed.services.clock.sleep(60_000).await;
    }
    // Where somebody has signed in nobody guesses for ever, either.
    sign_in("198.51.100.1", "a wrong one").await.unwrap_err();
    for _ in 0..4 {
        assert_eq!(sign_in(own, "a wrong one").await, Err(Code::SignInFailed));
    }
    assert_eq!(sign_in(own, PASSWORD).await, Err(Code::SignInDelayed));
    bed.services.clock.sleep(60_000).await;
    sign_in(own, PASSWORD).await.unwrap();
    sign_in(elsewhere, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn a_neighbour_who_guesses_keeps_nobody_out_who_was_in_before() {
    let (bed, plane) = with_people().await;
    let sign_in = async |name: &str, password: &str| {
        let tried = plane.sign_in(&from("192.0.2.1"), name, password.to_owned()).await;
        tried.map(drop).map_err(|error| error.code)
    };
    sign_in("ada", PASSWORD).await.unwrap();
    for guess in 0..11 {
        let tried = sign_in(&format!("guessed{guess}"), "a wrong one").await;
        assert_eq!(tried, Err(Code::SignInFailed), "{guess}");
    }
    assert_eq!(sign_in("guessed11", "a wrong one").await, Err(Code::SignInDelayed));
    assert_eq!(sign_in("ben", PASSWORD).await, Err(Code::SignInDelayed), "new at this address");
    sign_in("ada", PASSWORD).await.unwrap();
    // Her own account is guarded there all the same, and what she mistypes is nobody else's failure.
    bed.services.clock.sleep(60_000).await;
    for _ in 0..4 {
        assert_eq!(sign_in("ada", "a wrong one").await, Err(Code::SignInFailed));
    }
    assert_eq!(sign_in("ada", PASSWORD).await, Err(Code::SignInDelayed));
    sign_in("ben", PASSWORD).await.unwrap();
}

/// A thousand guesses at one password, four in each second, from ever other addresses.
#[tokio::test]
async fn v6_3_1_of_a_thousand_guesses_a_few_in_a_minute_are_looked_at() {
    let (bed, plane) = with_people().await;
    let (clock, mut looked_at) = (&bed.services.clock, Vec::new());
    let begin_ms = clock.now_ms();
    let sign_in = async |address: &str, password: &str| {
        plane.sign_in(&from(address), "ada", password.to_owned()).await.map(drop).map_err(|error| error.code)
    };
    for guess in 0..1_000 {
        match sign_in(&format!("192.0.2.{}", guess % 250), "a wrong one").await {
            Err(Code::SignInFailed) => looked_at.push(clock.now_ms() - begin_ms),
            other => assert_eq!(other, Err(Code::SignInDelayed)),
        }
        clock.sleep(250).await;
    }
    // Three are free; the wait doubles from a second to a minute, and there it stays.
    let in_first = looked_at.iter().filter(|at_ms| **at_ms < 60_000).count();
    assert!((4..=10).contains(&in_first) && looked_at.len() - in_first <= 5, "{looked_at:?}");
    // Nobody is locked out for good: one wait later the right password counts, from wherever it comes.
    assert_eq!(sign_in("198.51.100.1", PASSWORD).await, Err(Code::SignInDelayed));
    clock.sleep(60_000).await;
    assert_eq!(sign_in("198.51.100.1", PASSWORD).await, Ok(()));
}
