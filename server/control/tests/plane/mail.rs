//! What is written to people: links and ends of chains, to whom, in which language, and what becomes of it when nobody takes
//! it. What takes letters here keeps them.

use std::sync::{Arc, Mutex};

use control::ControlPlane;
use control::caller::Caller;
use control::mail::{Letter, Mailer, Undelivered};
use control::operations::chain_create::ChainCreate;
use domain::Code;
use domain::id::UserId;
use domain::mail::{MailSender, MailState, MailTest, MailView};
use domain::name::UserName;
use domain::notice::NoticeKind;
use domain::permission::Role;
use domain::profile::Profile;
use domain::user::{Email, FirstSignIn, Invitation, NewUser, UserEdit};
use futures::FutureExt;
use store::{Look, Store};

use crate::bed::Bed;
use crate::plane;
use crate::rights::caller;
use crate::sign_in::PASSWORD;

const HOUR_MS: u64 = 60 * 60 * 1_000;
/// Pause between the first two tries.
const PAUSE_MS: u64 = 30_000;

/// Takes letters, unless it is told not to.
#[derive(Clone, Default)]
struct Letterbox {
    taken: Arc<Mutex<Vec<Letter>>>,
    refusal: Arc<Mutex<Option<Undelivered>>>,
}

impl Letterbox {
    fn mailer(&self) -> Mailer {
        let own = self.clone();
        let post: control::mail::Post = Arc::new(move |letter: Letter| {
            let own = own.clone();
            async move {
                let refusal = own.refusal.lock().unwrap().clone();
                match refusal {
                    Some(refusal) => Err(refusal),
                    None => {
                        own.taken.lock().unwrap().push(letter);
                        Ok(())
                    }
                }
            }
            .boxed()
        });
        Mailer { sender: MailSender { from: email("portal"), server: "mail.example:465".to_owned() }, post }
    }

    fn says(&self, refusal: Option<Undelivered>) {
        *self.refusal.lock().unwrap() = refusal;
    }

    fn taken(&self) -> Vec<Letter> {
        self.taken.lock().unwrap().clone()
    }
}

fn later() -> Option<Undelivered> {
    Some(Undelivered::Later("busy".to_owned()))
}

fn email(local: &str) -> Email {
    Email::parse(&format!("{local}@p.example")).unwrap()
}

fn root() -> Caller {
    caller("root", Role::Admin, "r")
}

async fn portal() -> (Bed, Arc<ControlPlane>, Letterbox) {
    let mut bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let letters = Letterbox::default();
    let services = Arc::get_mut(&mut bed.services).unwrap();
    services.mail = Some(letters.mailer());
    services.origin = "https://p.example".to_owned();
    let plane = plane(bed.services.clone());
    (bed, plane, letters)
}

async fn invite(plane: &ControlPlane, text: &str) -> FirstSignIn {
    let name = UserName::parse(text).unwrap();
    let new = Invitation { name, role: Role::User, email: Some(email(text)) };
    plane.user_invite(&root(), new).await.unwrap()
}

async fn mail(plane: &ControlPlane, id: &UserId) -> Option<MailView> {
    plane.user_read(&root(), id).await.unwrap().mail
}

/// What is sealed of letters.
async fn sealed(bed: &Bed) -> usize {
    bed.services.store.secret_keys_prefix("mail/").await.unwrap().len()
}

async fn welcome(plane: &ControlPlane, link: &str) {
    let token = link.split_once("/welcome?token=").unwrap().1;
    let from = Caller::anonymous("r", "192.0.2.2");
    plane.user_welcome(&from, token, PASSWORD.to_owned()).await.unwrap();
}

#[tokio::test]
async fn an_invitation_arrives_with_a_link_that_lets_in() {
    let (bed, plane, letters) = portal().await;
    let shown = invite(&plane, "ivy").await;
    assert_eq!(shown.mailed_to, Some(email("ivy")));
    // Nobody waits for it, and whoever reads the database reads no link.
    assert!(letters.taken().is_empty());
    let waits = mail(&plane, &shown.id).await.unwrap();
    assert_eq!((waits.state, waits.to, sealed(&bed).await), (MailState::Waiting, email("ivy"), 1));
    plane.reconcile().await;
    let taken = letters.taken();
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].to.as_str(), taken[0].name.as_str()), ("ivy@p.example", "ivy"));
    let link = taken[0].text.lines().find(|line| line.starts_with("https://p.example/welcome?")).unwrap();
    assert_eq!(link, shown.secret);
    assert!(!format!("{taken:?}").contains(link));
    assert_eq!(mail(&plane, &shown.id).await.map(|mail| mail.state), Some(MailState::Sent));
    assert_eq!(sealed(&bed).await, 0);
    welcome(&plane, link).await;
    let from = Caller::anonymous("r", "192.0.2.1");
    plane.sign_in(&from, "ivy", PASSWORD.to_owned()).await.unwrap();
    plane.reconcile().await;
    assert_eq!(letters.taken().len(), 1, "it is sent once");
}

#[tokio::test]
async fn a_letter_is_in_the_language_of_whoever_gets_it() {
    let (bed, plane, letters) = portal().await;
    let store = &bed.services.store;
    let speaks = async |who: &str, tag: &str| {
        let look = Look { language: Some(tag.to_owned()), theme: None };
        store.look_save(&UserId::new(who), &look).await.unwrap();
    };
    // Whoever is new has chosen none: the admin who invites them will know.
    speaks("root", "zh-CN").await;
    let ivy = invite(&plane, "ivy").await;
    plane.reconcile().await;
    speaks(ivy.id.as_str(), "en").await;
    let profile = Profile { display_name: "Ivy Lee".to_owned(), ..Profile::default() };
    store.profile_save(&ivy.id, &profile).await.unwrap();
    plane.user_reset_password(&root(), &ivy.id).await.unwrap();
    plane.reconcile().await;
    let told: Vec<_> = letters.taken().into_iter().map(|letter| (letter.subject, letter.name)).collect();
    let pair = |subject: &str, name: &str| (subject.to_owned(), name.to_owned());
    assert_eq!(told, [pair("您的 Heddle 账户", "ivy"), pair("Your account on Heddle", "Ivy Lee")]);
}

#[tokio::test]
async fn whoever_is_away_is_tried_again_after_a_pause() {
    let (bed, plane, letters) = portal().await;
    letters.says(later());
    let shown = invite(&plane, "ivy").await;
    plane.reconcile().await;
    let waits = mail(&plane, &shown.id).await.unwrap();
    assert_eq!((waits.state, waits.said.as_deref()), (MailState::Waiting, Some("busy")));
    letters.says(None);
    bed.services.clock.sleep(PAUSE_MS - 1).await;
    plane.reconcile().await;
    assert!(letters.taken().is_empty(), "it is tried too early");
    bed.services.clock.sleep(1).await;
    plane.reconcile().await;
    assert_eq!(letters.taken().len(), 1);
    assert!(plane.notice_list(&root()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_letter_that_is_refused_is_told_to_whoever_sent_it() {
    let (bed, plane, letters) = portal().await;
    letters.says(Some(Undelivered::Refused("550 no such mailbox".to_owned())));
    let shown = invite(&plane, "ivy").await;
    plane.reconcile().await;
    let failed = mail(&plane, &shown.id).await.unwrap();
    assert_eq!((failed.state, failed.said.as_deref()), (MailState::Failed, Some("550 no such mailbox")));
    assert_eq!(sealed(&bed).await, 0);
    let notices = plane.notice_list(&root()).await.unwrap();
    let told: Vec<_> = notices.iter().map(|it| (it.kind, it.subject.as_str(), it.name.as_str())).collect();
    let subject = format!("user/{}", shown.id);
    assert_eq!(told, [(NoticeKind::MailFailed, subject.as_str(), "ivy")]);
    // The link is good all the same: the admin has seen it.
    welcome(&plane, &shown.secret).await;
    bed.services.clock.sleep(HOUR_MS).await;
    plane.reconcile().await;
    assert!(letters.taken().is_empty());
}

#[tokio::test]
async fn a_link_that_is_of_no_use_any_more_is_not_sent() {
    let (bed, plane, letters) = portal().await;
    // Replaced: only the newest one arrives.
    let first = invite(&plane, "ivy").await;
    let second = plane.user_reset_password(&root(), &first.id).await.unwrap();
    assert_eq!(sealed(&bed).await, 1);
    plane.reconcile().await;
    assert!(letters.taken()[0].text.contains(&second.secret) && letters.taken().len() == 1);
    // Handed over and used before the server comes back, taken away with the account's rights, or gone with it.
    letters.says(later());
    let (used, disabled, gone) =
        (invite(&plane, "uma").await, invite(&plane, "dan").await, invite(&plane, "gus").await);
    plane.reconcile().await;
    welcome(&plane, &used.secret).await;
    plane.user_disable(&root(), &disabled.id).await.unwrap();
    plane.user_delete(&root(), &gone.id).await.unwrap();
    assert_eq!(sealed(&bed).await, 2);
    letters.says(None);
    bed.services.clock.sleep(PAUSE_MS).await;
    plane.reconcile().await;
    assert_eq!((letters.taken().len(), sealed(&bed).await), (1, 0));
    assert_eq!(mail(&plane, &used.id).await, None);
}

#[tokio::test]
async fn the_end_of_a_chain_is_announced_by_mail_while_it_is_near() {
    let (bed, plane, letters) = portal().await;
    let uma = invite(&plane, "uma").await;
    bed.run(ChainCreate { spec: bed.chain_spec() }).await;
    let (store, demo) = (&bed.services.store, bed.chain_spec().name);
    plane.reconcile().await;
    assert_eq!(letters.taken().len(), 1, "the invitation");
    let now_ms = bed.services.clock.now_ms();
    let in_hours = |hours: u64| now_ms.saturating_add_unsigned(hours * HOUR_MS);
    store.pool_give(&demo, &uma.id, now_ms, Some(in_hours(1))).await.unwrap().unwrap();
    plane.reconcile().await;
    plane.reconcile().await;
    let taken = letters.taken();
    assert_eq!(taken.len(), 2, "it is said once");
    assert!(taken[1].text.contains("https://p.example/chains/demo"), "{}", taken[1].text);
    // One that was extended before the server came back is not announced after all.
    letters.says(later());
    store.pool_extend(&demo, in_hours(2)).await.unwrap();
    plane.reconcile().await;
    assert_eq!(sealed(&bed).await, 1);
    store.pool_extend(&demo, in_hours(9)).await.unwrap();
    letters.says(None);
    bed.services.clock.sleep(PAUSE_MS).await;
    plane.reconcile().await;
    assert_eq!((letters.taken().len(), sealed(&bed).await), (2, 0));
}

#[tokio::test]
async fn an_admin_sees_whether_mail_works() {
    let (_bed, plane, letters) = portal().await;
    let name = UserName::parse("ada").unwrap();
    let new = NewUser { name, role: Role::Admin, password: PASSWORD.to_owned() };
    let ada = plane.user_create(&root(), new).await.unwrap().id;
    let mut own = caller("ada", Role::Admin, "r");
    own.user.as_mut().unwrap().id = ada.clone();
    let sender = plane.mail_read(&own).await.unwrap().sender.unwrap();
    assert_eq!((sender.from, sender.server.as_str()), (email("portal"), "mail.example:465"));
    assert_eq!(plane.mail_test(&own).await.unwrap(), MailTest::NoAddress);
    let edit = UserEdit { role: Role::Admin, email: Some(email("ada")), quota: None };
    plane.user_edit(&root(), &ada, edit).await.unwrap();
    assert_eq!(plane.mail_test(&own).await.unwrap(), MailTest::Sent(email("ada")));
    assert_eq!(letters.taken().len(), 1);
    letters.says(later());
    assert_eq!(plane.mail_test(&own).await.unwrap(), MailTest::Failed("busy".to_owned()));
    for role in [Role::User, Role::Operator] {
        let who = caller("otto", role, "r");
        assert_eq!(plane.mail_read(&who).await.unwrap_err().code, Code::NotAllowed);
        assert_eq!(plane.mail_test(&who).await.unwrap_err().code, Code::NotAllowed);
    }
    let rows = plane.audit_list(&root(), None).await.unwrap();
    let tests = rows.iter().filter(|row| row.what == "mail-test" && row.object == "setting/mail");
    assert!(tests.count() >= 5);
}

#[tokio::test]
async fn without_mail_or_an_address_nothing_is_written() {
    let (bed, plane, letters) = portal().await;
    let name = UserName::parse("ben").unwrap();
    let new = Invitation { name, role: Role::User, email: None };
    let ben = plane.user_invite(&root(), new).await.unwrap();
    plane.reconcile().await;
    assert_eq!((ben.mailed_to, letters.taken().len(), sealed(&bed).await), (None, 0, 0));
    let bed = Bed::new(&Store::open("mem://").await.unwrap(), 0).await;
    let plane = crate::plane(bed.services.clone());
    let ivy = invite(&plane, "ivy").await;
    assert_eq!((ivy.mailed_to, mail(&plane, &ivy.id).await, sealed(&bed).await), (None, None, 0));
    assert_eq!(plane.mail_read(&root()).await.unwrap().sender, None);
    assert_eq!(plane.mail_test(&root()).await.unwrap_err().code, Code::NotFound);
}
