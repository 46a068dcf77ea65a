//! How somebody gets in for the first time, or again: by a link that is good once, or by a password that the portal makes
//! and that has to be replaced. Both are good for a day, and shown to the admin once; a link is sent by mail as well where
//! mail is sent.
//!
//! A link is 32 random bytes. Only their SHA-256 is stored, so that the database lets nobody in; a signature would add
//! nothing to it, because nobody can make up a token whose hash is stored. The link begins with the portal's own address,
//! never with what a request calls it: else whoever asks could have a link sent that leads to them.

use domain::id::UserId;
use domain::permission::{Action, Noun};
use domain::user::{FIRST_SIGN_IN_MS, FirstSignIn, Invitation, UserState};
use domain::{Code, Error, ErrorKind};
use sha2::{Digest, Sha256};
use store::{LinkPurpose, LinkRecord, NewMail, UserRecord};

use super::keep::{Decided, in_state, not_own};
use super::{DELAY_FIRST_MS, DELAY_LONGEST_MS, FREE_FAILURES_ADDRESS};
use super::{account_key, address_key, name_taken, new_record};
use crate::ControlPlane;
use crate::audit::neighbourhood;
use crate::caller::Caller;
use crate::mail::Matter;
use crate::policy::{self, Resource};
use crate::secrets::random;

/// Letters of generated passwords: none that is taken for another one. 32 of them, so that each is five random bits.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Letters of a generated password: a hundred bits.
const GENERATED: usize = 20;

/// What a token stands behind in a link.
const TOKEN: &str = "/welcome?token=";

/// A fresh token: what stands in a link, and its hash, which is stored.
fn token() -> Result<(String, String), Error> {
    let token = hex::encode(random::<32>().map_err(|_| Error::internal())?);
    let hash = token_hash(&token);
    Ok((token, hash))
}

fn token_hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.trim()))
}

/// What is stored of a link.
pub(crate) fn link_hash(link: &str) -> String {
    token_hash(link.split_once(TOKEN).map_or(link, |(_, token)| token))
}

/// A password to be read out or typed off: letters and digits in groups of five.
fn generated() -> Result<String, Error> {
    let bytes = random::<GENERATED>().map_err(|_| Error::internal())?;
    let mut password = String::with_capacity(GENERATED + GENERATED / 5);
    for (n, byte) in bytes.into_iter().enumerate() {
        if n > 0 && n.is_multiple_of(5) {
            password.push('-');
        }
        let letter = LETTERS.get(usize::from(byte & 31)).copied().unwrap_or(b'x');
        password.push(char::from(letter));
    }
    Ok(password)
}

/// One refusal, whatever is wrong with a link.
fn unusable() -> Error {
    Error::new(ErrorKind::Forbidden, Code::LinkUnusable)
}

impl ControlPlane {
    /// Makes an account without a password, and the link by which its owner sets one.
    pub async fn user_invite(&self, caller: &Caller, new: Invitation) -> Result<FirstSignIn, Error> {
        let what = format!("user-invite-{}", new.role.as_str());
        let object = format!("user/{}", new.name);
        let result = async {
            policy::authorize(caller, Action::Create, Resource::any(Noun::User))?;
            let record = self.invited(new, String::new(), UserState::Invited)?;
            let (link, mut shown) = self.new_link(&record)?;
            let mail = self.link_mail(caller, &record, &mut shown).await?;
            self.audit.begin(caller, &what, &object).await;
            let made = self.services.store.user_create_linked(&record, &link, mail.as_ref()).await;
            made.map_err(name_taken)?;
            self.services.changed("user", &record.id);
            self.services.mail_wake.notify_one();
            Ok(shown)
        }
        .await;
        self.audit.record(caller, &what, &object, &result).await;
        result
    }

    /// Makes an account with a password that nobody has chosen. It is good for a day and for nothing but choosing another
    /// one.
    pub async fn user_generate(&self, caller: &Caller, new: Invitation) -> Result<FirstSignIn, Error> {
        let what = format!("user-create-{}", new.role.as_str());
        let object = format!("user/{}", new.name);
        let result = async {
            policy::authorize(caller, Action::Create, Resource::any(Noun::User))?;
            let password = generated()?;
            let hash = self.passwords.hash(password.clone(), new.role).await?;
            let mut record = self.invited(new, hash, UserState::Active)?;
            let expires_ms = record.created_ms.saturating_add(FIRST_SIGN_IN_MS);
            (record.password_until_ms, record.password_must_change) = (Some(expires_ms), true);
            self.audit.begin(caller, &what, &object).await;
            self.services.store.user_create(&record).await.map_err(name_taken)?;
            self.services.changed("user", &record.id);
            Ok(FirstSignIn { id: record.id, secret: password, expires_ms, mailed_to: None })
        }
        .await;
        self.audit.record(caller, &what, &object, &result).await;
        result
    }

    /// Takes somebody's password and sessions away, and makes the link by which they set another one; for whoever was
    /// invited, another link instead of the one before.
    pub async fn user_reset_password(&self, caller: &Caller, id: &UserId) -> Result<FirstSignIn, Error> {
        let (mut object, mut changes) = (format!("user/{id}"), Vec::new());
        let result = async {
            policy::authorize(caller, Action::Edit, Resource::any(Noun::User))?;
            let before = self.user_named(id, &mut object).await?;
            not_own(caller, &before)?;
            in_state(&before, &[UserState::Active, UserState::Invited])?;
            self.stepped_up(caller)?;
            let (link, mut shown) = self.new_link(&before)?;
            let mail = self.link_mail(caller, &before, &mut shown).await?;
            let after = before.clone();
            let decided = Decided {
                what: "user-reset-password",
                before,
                after,
                ends_sessions: true,
                link: Some(&link),
                mail: mail.as_ref(),
            };
            self.user_decided(caller, decided, &object, &mut changes).await?;
            self.services.mail_wake.notify_one();
            Ok(shown)
        }
        .await;
        self.audit.record_change(caller, "user-reset-password", &object, changes, &result).await;
        result
    }

    /// Sets the password of whoever follows a link; afterwards they sign in with it. Guessing is slowed down as at the
    /// sign-in, and all that is ever said is that a link is not good.
    pub async fn user_welcome(&self, caller: &Caller, token: &str, password: String) -> Result<(), Error> {
        let mut object = "user".to_owned();
        let result = self.user_welcome_checked(caller, token, password, &mut object).await;
        self.audit.record(caller, "user-welcome", &object, &result).await;
        result
    }

    async fn user_welcome_checked(
        &self,
        caller: &Caller,
        token: &str,
        password: String,
        object: &mut String,
    ) -> Result<(), Error> {
        policy::authorize(caller, Action::SignIn, Resource::any(Noun::Session))?;
        let store = &self.services.store;
        let address = address_key(&neighbourhood(&caller.address));
        self.not_delayed(&[(address.as_str(), FREE_FAILURES_ADDRESS)]).await?;
        let hash = token_hash(token);
        let Some(user) = self.behind_link(&hash).await? else {
            let now_ms = self.services.clock.now_ms();
            store
                .delay_failed(&address, now_ms, FREE_FAILURES_ADDRESS, DELAY_FIRST_MS, DELAY_LONGEST_MS)
                .await
                .map_err(crate::error::store)?;
            return Err(unusable());
        };
        *object = format!("user/{}", user.name);
        // A password that is refused does not use the link up.
        let password_hash = self.passwords.hash(password, user.role).await?;
        self.audit.begin(caller, "user-welcome", object).await;
        let now_ms = self.services.clock.now_ms();
        if !store.link_use(&hash, now_ms, &password_hash).await.map_err(crate::error::store)? {
            return Err(unusable());
        }
        store.delay_clear(&account_key(user.name.as_str())).await.map_err(crate::error::store)?;
        self.services.changed("user", &user.id);
        Ok(())
    }

    /// Whose link it is, if it is good.
    async fn behind_link(&self, hash: &str) -> Result<Option<UserRecord>, Error> {
        let store = &self.services.store;
        let now_ms = self.services.clock.now_ms();
        let Some(link) = store.link_read(hash, now_ms).await.map_err(crate::error::store)? else {
            return Ok(None);
        };
        let user = store.user_read(&link.user).await.map_err(crate::error::store)?;
        Ok(user.filter(|user| matches!(user.state, UserState::Active | UserState::Invited)))
    }

    fn invited(&self, new: Invitation, hash: String, state: UserState) -> Result<UserRecord, Error> {
        let record = new_record(new.name, new.role, hash, self.services.clock.now_ms())?;
        Ok(UserRecord { state, email: new.email, ..record })
    }

    /// A link for somebody: what is stored of it, and what is shown once.
    fn new_link(&self, user: &UserRecord) -> Result<(LinkRecord, FirstSignIn), Error> {
        let (token, hash) = token()?;
        let expires_ms = self.services.clock.now_ms().saturating_add(FIRST_SIGN_IN_MS);
        let purpose = match user.state {
            UserState::Invited => LinkPurpose::Invite,
            UserState::Active | UserState::Waiting | UserState::Disabled => LinkPurpose::Reset,
        };
        let secret = format!("{}{TOKEN}{token}", self.services.origin);
        let shown = FirstSignIn { id: user.id.clone(), secret, expires_ms, mailed_to: None };
        Ok((LinkRecord { hash, user: user.id.clone(), purpose, expires_ms }, shown))
    }

    /// The mail that brings a link to its person, if one does; whoever is shown the link is told so.
    async fn link_mail(
        &self,
        caller: &Caller,
        user: &UserRecord,
        shown: &mut FirstSignIn,
    ) -> Result<Option<NewMail>, Error> {
        let (link, until_ms) = (shown.secret.clone(), shown.expires_ms);
        let matter = match user.state {
            UserState::Invited => Matter::Invite { link, until_ms },
            UserState::Active | UserState::Waiting | UserState::Disabled => Matter::Reset { link, until_ms },
        };
        let mail = self.services.mail_about(user, caller.user.as_ref(), matter).await?;
        shown.mailed_to = mail.as_ref().map(|mail| mail.record.to.clone());
        Ok(mail)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::permission::Role;
    use domain::user::check_password;

    use super::*;

    #[test]
    fn generated_passwords_are_long_enough_and_never_the_same() {
        let made: BTreeSet<String> = (0..100).map(|_| generated().unwrap()).collect();
        assert_eq!(made.len(), 100);
        for password in &made {
            assert_eq!(check_password(password, Role::Admin), Ok(()));
            assert_eq!(password.split('-').map(str::len).collect::<Vec<_>>(), vec![5; 4]);
        }
    }

    #[test]
    fn a_token_is_not_what_is_stored() {
        let (token, hash) = token().unwrap();
        assert_eq!((token.len(), hash.len()), (64, 64));
        assert_ne!(token, hash);
        assert_eq!(token_hash(&format!(" {token}\n")), hash, "white space of a copied line does not matter");
        assert_eq!(link_hash(&format!("https://portal.example{TOKEN}{token}")), hash);
    }
}
