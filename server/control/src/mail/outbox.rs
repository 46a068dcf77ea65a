//! Sends what waits: one letter after the other, tried again after pauses that double, until a server takes it or it is of
//! no use any more. Whether it still is of use is looked at before each try: a link that was followed, replaced or taken
//! back is not sent after all.
//!
//! A portal that dies between a server's "taken" and its own note sends the letter once more, under the same id.

use domain::Error;
use domain::mail::MailState;
use domain::notice::{NoticeKind, NoticeView};
use store::{MailRecord, NoticeRecord, UserRecord};
use tokio::time::timeout;

use super::{Content, Mailer, Matter, Undelivered, shortened};
use crate::ControlPlane;
use crate::error::store as store_error;
use crate::reconcile::EVERY;
use crate::user::link_hash;

/// Letters of one round.
const ROUND: u32 = 20;
/// Tries of a letter.
const TRIES_MAX: u32 = 10;
/// First pause between two tries; it doubles up to the longest.
const PAUSE_FIRST_MS: i64 = 30_000;
const PAUSE_LONGEST_MS: i64 = 60 * 60 * 1_000;
/// How long it is remembered what became of a letter.
const REMEMBERED_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// Now and then, and whenever a letter was written.
pub(crate) async fn drive(plane: &ControlPlane) {
    if plane.services.mail.is_none() {
        return;
    }
    loop {
        plane.reconcile_mail().await;
        let _woken = timeout(EVERY, plane.services.mail_wake.notified()).await.is_ok();
    }
}

/// The pause after so many tries.
fn pause_ms(tries: u32) -> i64 {
    let doublings = tries.saturating_sub(1).min(20);
    PAUSE_FIRST_MS.saturating_mul(1_i64 << doublings).min(PAUSE_LONGEST_MS)
}

/// What becomes of a letter by what came of a try.
fn after(mail: MailRecord, tried: Result<(), Undelivered>, now_ms: i64) -> MailRecord {
    let tries = mail.tries.saturating_add(1);
    let due_ms = now_ms.saturating_add(pause_ms(tries));
    let (state, said) = match tried {
        Ok(()) => (MailState::Sent, None),
        Err(Undelivered::Later(said)) if tries < TRIES_MAX && due_ms < mail.expires_ms => {
            let said = Some(shortened(&said));
            return MailRecord { tries, due_ms, said, ..mail };
        }
        Err(Undelivered::Refused(said) | Undelivered::Later(said)) => {
            (MailState::Failed, Some(shortened(&said)))
        }
    };
    let expires_ms = now_ms.saturating_add(REMEMBERED_MS);
    MailRecord { state, tries, expires_ms, at_ms: now_ms, said, ..mail }
}

impl ControlPlane {
    /// One round.
    pub(crate) async fn reconcile_mail(&self) {
        let Some(mailer) = &self.services.mail else { return };
        let now_ms = self.services.clock.now_ms();
        let due = match self.services.store.mail_due(now_ms, ROUND).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "mail cannot be looked for now");
                return;
            }
        };
        for mail in due {
            let slot = mail.slot.clone();
            // One that cannot be sent holds up no other.
            if let Err(error) = self.send(mailer, mail).await {
                tracing::warn!(%error, slot, "a mail cannot be sent now");
            }
        }
    }

    async fn send(&self, mailer: &Mailer, mail: MailRecord) -> Result<(), Error> {
        let store = &self.services.store;
        let content: Option<Content> = self.services.secret(&mail.secret).await?;
        let user = store.user_read(&mail.user).await.map_err(store_error)?;
        let (Some(content), Some(user)) = (content, user) else {
            return store.mail_drop(&mail).await.map_err(store_error);
        };
        if !self.is_of_use(&content.matter, &mail).await? {
            return store.mail_drop(&mail).await.map_err(store_error);
        }
        let id = mail.secret.rsplit('/').next().unwrap_or(&mail.secret);
        let letter = content.letter(id, mail.to.clone(), &user, &self.services.origin);
        let tried = (mailer.post)(letter).await;
        let mail = after(mail, tried, self.services.clock.now_ms());
        store.mail_save(&mail).await.map_err(store_error)?;
        self.services.changed("user", &mail.user);
        if mail.state == MailState::Failed {
            tracing::warn!(slot = mail.slot, said = mail.said, "a mail was not sent");
            self.notify_undelivered(&mail, &user).await;
        }
        Ok(())
    }

    /// Whether what a letter says still holds.
    async fn is_of_use(&self, matter: &Matter, mail: &MailRecord) -> Result<bool, Error> {
        let store = &self.services.store;
        let now_ms = self.services.clock.now_ms();
        Ok(match matter {
            Matter::Invite { link, .. } | Matter::Reset { link, .. } => {
                store.link_read(&link_hash(link), now_ms).await.map_err(store_error)?.is_some()
            }
            Matter::Ending { chain, end_ms } => {
                let found = store.chain_read(chain).await.map_err(store_error)?;
                found.is_some_and(|chain| {
                    chain.owner.as_ref() == Some(&mail.user) && chain.tenure.expires_ms == Some(*end_ms)
                })
            }
            Matter::Test => false,
        })
    }

    /// Tells whoever a letter goes back to that it was not sent.
    async fn notify_undelivered(&self, mail: &MailRecord, to: &UserRecord) {
        let Some(sender) = mail.sender.clone() else { return };
        let view = NoticeView {
            at_ms: mail.at_ms,
            kind: NoticeKind::MailFailed,
            subject: format!("user/{}", to.id),
            operation: None,
            name: to.name.to_string(),
            is_read: false,
        };
        self.services.notify(&NoticeRecord { key: mail.secret.clone(), user: sender, view }).await;
    }
}

#[cfg(test)]
mod tests {
    use domain::id::UserId;
    use domain::mail::MailKind;
    use domain::user::Email;

    use super::*;

    fn waiting(expires_ms: i64) -> MailRecord {
        MailRecord {
            slot: "u/link".to_owned(),
            secret: "mail/1".to_owned(),
            user: UserId::new("u"),
            sender: None,
            kind: MailKind::Invite,
            to: Email::parse("uma@example.org").unwrap(),
            state: MailState::Waiting,
            tries: 0,
            due_ms: 0,
            expires_ms,
            at_ms: 0,
            said: None,
        }
    }

    #[test]
    fn a_letter_is_tried_again_for_a_while_and_not_for_ever() {
        let later = || Err(Undelivered::Later("busy\r\nnow".to_owned()));
        let (mut mail, mut pauses) = (waiting(i64::MAX), Vec::new());
        while mail.state == MailState::Waiting {
            let now_ms = mail.due_ms;
            mail = after(mail, later(), now_ms);
            pauses.push((mail.due_ms - now_ms) / 1_000);
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 0]);
        assert_eq!((mail.state, mail.tries), (MailState::Failed, TRIES_MAX));
        assert_eq!(mail.said.as_deref(), Some("busy  now"));
        // What would come too late is not tried.
        assert_eq!(after(waiting(30_000), later(), 0).state, MailState::Failed);
        assert_eq!(after(waiting(30_001), later(), 0).state, MailState::Waiting);
        let refused = Err(Undelivered::Refused("no such mailbox".to_owned()));
        assert_eq!(after(waiting(i64::MAX), refused, 0).state, MailState::Failed);
        let sent = after(waiting(90), Ok(()), 50);
        assert_eq!((sent.state, sent.at_ms, sent.said), (MailState::Sent, 50, None));
        assert_eq!(sent.expires_ms, 50 + REMEMBERED_MS);
    }
}
