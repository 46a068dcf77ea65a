//! Signing in, from inside: what it costs the portal, whoever it is.

use std::sync::atomic::Ordering;

use domain::Code;
use domain::name::UserName;
use domain::permission::Role;
use domain::user::{Invitation, NewUser, PASSWORD_MAX};

use crate::caller::Caller;
use crate::host::tests::{Bed, admin};

const PASSWORD: &str = "a few plain words together";

/// How long an answer takes tells nothing of whether there is such a person: the portal compares one password each time,
/// with a hash that costs the same.
#[tokio::test]
async fn v6_3_8_every_sign_in_compares_one_password() {
    let plane = Bed::new().await.plane;
    let name = |text: &str| UserName::parse(text).unwrap();
    for user in ["ada", "dora"] {
        let new = NewUser { name: name(user), role: Role::User, password: PASSWORD.to_owned() };
        let made = plane.user_create(&admin(), new).await.unwrap();
        if user == "dora" {
            plane.user_disable(&admin(), &made.id).await.unwrap();
        }
    }
    let invitation = Invitation { name: name("ivy"), role: Role::User, email: None };
    plane.user_invite(&admin(), invitation).await.unwrap();
    let too_long = "x".repeat(PASSWORD_MAX + 1);
    let tried = [
        ("ada", PASSWORD, None),
        ("ada", "a wrong one", Some(Code::SignInFailed)),
        ("ada", too_long.as_str(), Some(Code::SignInFailed)),
        ("ada", "", Some(Code::SignInFailed)),
        ("nobody", PASSWORD, Some(Code::SignInFailed)),
        ("not a name!", PASSWORD, Some(Code::SignInFailed)),
        ("", PASSWORD, Some(Code::SignInFailed)),
        ("dora", PASSWORD, Some(Code::SignInFailed)),
        ("ivy", "", Some(Code::SignInFailed)),
    ];
    for (at, (user, password, expected)) in tried.into_iter().enumerate() {
        let before = plane.passwords.compared.load(Ordering::Relaxed);
        let caller = Caller::anonymous("r", &format!("192.0.2.{at}"));
        let result = plane.sign_in(&caller, user, password.to_owned()).await;
        assert_eq!(result.err().map(|error| error.code), expected, "{user}");
        assert_eq!(plane.passwords.compared.load(Ordering::Relaxed) - before, 1, "{user}");
    }
}
