//! Mail to people: what is written to whom, and how admins see whether it works. How it is sent nobody here knows: the
//! composition root brings what sends it. Without that no mail is written, and links are handed over by whoever made them.
//!
//! Nobody waits for mail: it is stored with what it is about, and sent from there ([`outbox`]).

use std::fmt;
use std::sync::Arc;

use domain::Error;
use domain::mail::{MailKind, MailSender, MailSetting, MailState, MailTest};
use domain::name::ChainName;
use domain::permission::{Action, Noun};
use domain::user::Email;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use store::{ChainRecord, MailRecord, NewMail, UserRecord};

use crate::ControlPlane;
use crate::caller::{Caller, CallerUser};
use crate::error::store as store_error;
use crate::policy::{self, Resource};
use crate::secrets::random;
use crate::services::Services;
use text::Tongue;

pub(crate) mod outbox;
mod text;

/// What the audit says that a test is about.
const OBJECT: &str = "setting/mail";
/// Letters of what a server says that are kept.
const SAID_MAX: usize = 300;

/// A letter as it is sent. Whoever sends it lets no part of it become a header of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// The same for each try of one letter, and no other one's.
    pub id: String,
    pub to: Email,
    /// How whoever gets it is called.
    pub name: String,
    pub subject: String,
    /// Plain text.
    pub text: String,
}

impl fmt::Debug for Letter {
    /// Without the text, in which a link may stand.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({} to {})", self.id, self.to)
    }
}

/// Why a letter was not taken, in the words of whoever did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undelivered {
    /// The same letter will not be taken.
    Refused(String),
    /// It may be taken another time.
    Later(String),
}

/// Sends a letter, within half a minute.
pub type Post = Arc<dyn Fn(Letter) -> BoxFuture<'static, Result<(), Undelivered>> + Send + Sync>;

/// What mail is sent with.
#[derive(Clone)]
pub struct Mailer {
    pub sender: MailSender,
    pub post: Post,
}

/// What a letter is about. It is sealed where it is stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Matter {
    /// The link by which somebody sets their first password, and until when it is good.
    Invite { link: String, until_ms: i64 },
    /// The link by which they set another one.
    Reset { link: String, until_ms: i64 },
    /// When a chain of theirs is released.
    Ending { chain: ChainName, end_ms: i64 },
    /// To see whether mail arrives.
    Test,
}

/// What is sealed of a letter.
#[derive(Serialize, Deserialize)]
struct Content {
    name: String,
    tongue: Tongue,
    matter: Matter,
}

impl Content {
    /// The letter, for a portal that people reach by an address.
    fn letter(&self, id: &str, to: Email, user: &UserRecord, origin: &str) -> Letter {
        let (subject, text) = self.tongue.words(&self.matter, user.name.as_str(), origin);
        Letter { id: id.to_owned(), to, name: self.name.clone(), subject, text }
    }
}

/// What a server said, in one line of bounded length.
fn shortened(said: &str) -> String {
    let line = said.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    line.take(SAID_MAX).collect()
}

impl Services {
    /// A letter for somebody as it is stored, and who is told if it cannot be sent; none where no mail is sent or they have
    /// no address.
    pub(crate) async fn mail_about(
        &self,
        user: &UserRecord,
        sender: Option<&CallerUser>,
        matter: Matter,
    ) -> Result<Option<NewMail>, Error> {
        let (Some(_), Some(to)) = (&self.mail, user.email.clone()) else { return Ok(None) };
        let (kind, about, expires_ms) = match &matter {
            Matter::Invite { until_ms, .. } => (MailKind::Invite, "link".to_owned(), *until_ms),
            Matter::Reset { until_ms, .. } => (MailKind::Reset, "link".to_owned(), *until_ms),
            Matter::Ending { chain, end_ms } => (MailKind::Ending, format!("ending/{chain}"), *end_ms),
            Matter::Test => return Ok(None),
        };
        let content = self.mail_content(user, sender, matter).await?;
        let now_ms = self.clock.now_ms();
        let record = MailRecord {
            slot: format!("{}/{about}", user.id),
            secret: format!("mail/{}", random_id()?),
            user: user.id.clone(),
            sender: sender.map(|sender| sender.id.clone()),
            kind,
            to,
            state: MailState::Waiting,
            tries: 0,
            due_ms: now_ms,
            expires_ms,
            at_ms: now_ms,
            said: None,
        };
        let sealed = self.seal(&record.secret, &content)?;
        Ok(Some(NewMail { record, sealed }))
    }

    /// What a letter to somebody says: in their language, or in that of who sends it where they never chose one.
    async fn mail_content(
        &self,
        user: &UserRecord,
        sender: Option<&CallerUser>,
        matter: Matter,
    ) -> Result<Content, Error> {
        let mut look = self.store.look_read(&user.id).await.map_err(store_error)?;
        if let (None, Some(sender)) = (&look.language, sender) {
            look = self.store.look_read(&sender.id).await.map_err(store_error)?;
        }
        let profile = self.store.profile_read(&user.id).await.map_err(store_error)?;
        let shown = profile.map(|profile| profile.display_name).filter(|name| !name.is_empty());
        Ok(Content {
            name: shown.unwrap_or_else(|| user.name.to_string()),
            tongue: Tongue::of(look.language.as_deref()),
            matter,
        })
    }
}

/// A letter's own id.
fn random_id() -> Result<String, Error> {
    random::<16>().map(hex::encode).map_err(|_| Error::internal())
}

impl ControlPlane {
    /// Whether mail is sent, and how.
    pub async fn mail_read(&self, caller: &Caller) -> Result<MailSetting, Error> {
        policy::authorize(caller, Action::Read, Resource::any(Noun::Setting))?;
        let sender = self.services.mail.as_ref().map(|mail| mail.sender.clone());
        Ok(MailSetting { sender })
    }

    /// Sends the caller a mail at once, and tells what came of it.
    ///
    /// # Errors
    /// [`domain::Code::NotFound`] where no mail is sent.
    pub async fn mail_test(&self, caller: &Caller) -> Result<MailTest, Error> {
        let result = self.mail_test_checked(caller).await;
        self.audit.record(caller, "mail-test", OBJECT, &result).await;
        result
    }

    async fn mail_test_checked(&self, caller: &Caller) -> Result<MailTest, Error> {
        policy::authorize(caller, Action::Edit, Resource::any(Noun::Setting))?;
        let mailer = self.services.mail.as_ref().ok_or_else(Error::not_found)?;
        let user = self.services.store.user_read(&caller.require_user()?.id).await.map_err(store_error)?;
        let user = user.ok_or_else(Error::not_found)?;
        let Some(to) = user.email.clone() else { return Ok(MailTest::NoAddress) };
        let content = self.services.mail_content(&user, None, Matter::Test).await?;
        let letter = content.letter(&random_id()?, to.clone(), &user, &self.services.origin);
        self.audit.begin(caller, "mail-test", OBJECT).await;
        Ok(match (mailer.post)(letter).await {
            Ok(()) => MailTest::Sent(to),
            Err(Undelivered::Refused(said) | Undelivered::Later(said)) => MailTest::Failed(shortened(&said)),
        })
    }

    /// Writes to the owner of a chain that it is released at `end_ms`. They are told on their pages in any case: a letter
    /// that cannot be written is noted.
    pub(crate) async fn mail_ending(&self, chain: &ChainRecord, end_ms: i64) {
        if let Err(error) = self.mail_ending_checked(chain, end_ms).await {
            tracing::warn!(%error, chain = %chain.name, "an owner cannot be written to");
        }
    }

    async fn mail_ending_checked(&self, chain: &ChainRecord, end_ms: i64) -> Result<(), Error> {
        let (Some(_), Some(owner)) = (&self.services.mail, &chain.owner) else { return Ok(()) };
        let store = &self.services.store;
        let Some(user) = store.user_read(owner).await.map_err(store_error)? else { return Ok(()) };
        let matter = Matter::Ending { chain: chain.name.clone(), end_ms };
        let Some(mail) = self.services.mail_about(&user, None, matter).await? else { return Ok(()) };
        store.mail_put(&mail).await.map_err(store_error)?;
        self.services.mail_wake.notify_one();
        Ok(())
    }
}
