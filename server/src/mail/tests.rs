//! Letters to a server that keeps what it is told.

use clap::Parser;
use rustls::ServerConfig;
use rustls_pki_types::PrivateKeyDer;
use smtp::Peer;

use super::*;

#[path = "../../tests/portal/smtp.rs"]
mod smtp;

/// What sends mail to a URL.
fn mailer_to(url: &str, more: &[String]) -> Mailer {
    let fixed = ["heddle", "--public-url=https://p.example", "--mail-from=portal@p.example", "--smtp-url"];
    let all = fixed.map(str::to_owned).into_iter().chain([url.to_owned()]).chain(more.iter().cloned());
    mailer(&Config::try_parse_from(all).unwrap()).unwrap().unwrap()
}

fn letter(name: &str, subject: &str, text: &str) -> Letter {
    Letter {
        id: "00ff".to_owned(),
        to: domain::user::Email::parse("uma@example.org").unwrap(),
        name: name.to_owned(),
        subject: subject.to_owned(),
        text: text.to_owned(),
    }
}

/// Names of the headers of a letter, and its body.
fn parts(letter: &str) -> (Vec<String>, String) {
    let (head, body) = letter.split_once("\r\n\r\n").unwrap();
    let is_new = |line: &&str| !line.starts_with([' ', '\t']);
    let names = head.split("\r\n").filter(is_new).map(|line| line.split(':').next().unwrap_or_default());
    let mut names: Vec<String> = names.map(str::to_ascii_lowercase).collect();
    names.sort();
    (names, body.to_owned())
}

#[tokio::test]
async fn a_letter_arrives_as_it_is_and_no_name_becomes_a_header() {
    let peer = Peer::start("250 fine", None);
    let mailer = mailer_to(&format!("smtp://127.0.0.1:{}", peer.port), &[]);
    assert_eq!(mailer.sender.server, format!("127.0.0.1:{}", peer.port));
    let link = "https://p.example/welcome?token=00ff";
    let hostile = "Uma\r\nBcc: all@example.org\r\n\r\nmore";
    for one in [
        letter("Uma", "Your account", &format!("Here:\n\n{link}\n.\nend")),
        letter(hostile, hostile, &format!("{link}\n")),
        letter("乌玛", "您的 Heddle 账户", &format!("链接：{link}")),
    ] {
        (mailer.post)(one).await.unwrap();
    }
    let letters = peer.letters();
    assert_eq!(letters.len(), 3);
    for letter in &letters {
        let wanted = [
            "auto-submitted",
            "content-transfer-encoding",
            "content-type",
            "date",
            "from",
            "message-id",
            "mime-version",
            "subject",
            "to",
        ];
        assert_eq!(parts(letter).0, wanted, "{letter}");
        assert!(letter.is_ascii() && letter.contains("<00ff@p.example>"), "{letter}");
        assert!(letter.contains("portal@p.example") && letter.contains("<uma@example.org>"), "{letter}");
        assert!(letter.contains("text/plain") && !letter.contains("text/html"), "{letter}");
    }
    // A line of a single dot comes with two, as the protocol wants it.
    assert!(parts(&letters[0]).1.starts_with(&format!("Here:\r\n\r\n{link}\r\n..\r\nend")), "{}", letters[0]);
    assert!(!letters[2].contains(link), "what is not ASCII is encoded: {}", letters[2]);
    let recipients: Vec<String> =
        peer.commands().into_iter().filter(|line| line.starts_with("RCPT")).collect();
    assert_eq!(recipients, ["RCPT TO:<uma@example.org>"; 3]);
}

#[tokio::test]
async fn who_refuses_is_told_apart_from_who_is_away() {
    let send = async |url: &str| (mailer_to(url, &[]).post)(letter("Uma", "Hello", "text")).await;
    let refuses = Peer::start("550 no such mailbox", None);
    let refused = send(&format!("smtp://127.0.0.1:{}", refuses.port)).await;
    assert!(
        matches!(&refused, Err(Undelivered::Refused(said)) if said.contains("550") && said.contains("no such mailbox")),
        "{refused:?}"
    );
    assert!(refuses.letters().is_empty());
    let busy = Peer::start("451 try later", None);
    let later = send(&format!("smtp://127.0.0.1:{}", busy.port)).await;
    assert!(matches!(&later, Err(Undelivered::Later(said)) if said.contains("451")), "{later:?}");
    // Nobody listens there any more.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = send(&format!("smtp://127.0.0.1:{free}")).await;
    assert!(matches!(away, Err(Undelivered::Later(_))), "{away:?}");
    // Without the TLS that is wanted neither the letter nor a password is said.
    let plain = Peer::start("250 fine", None);
    let insisted = send(&format!("smtp://u:p@127.0.0.1:{}?tls=required", plain.port)).await;
    assert!(matches!(insisted, Err(Undelivered::Later(_))), "{insisted:?}");
    let said = plain.commands();
    assert!(said.iter().all(|line| line.starts_with("EHLO") || line == "QUIT"), "{said:?}");
}

#[tokio::test]
async fn with_tls_only_a_known_authority_is_believed() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let peer = Peer::start("250 fine", Some(Arc::new(config)));
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let url = format!("smtps://portal%40p.example:pass%3Aword@localhost:{}", peer.port);
    let unknown = (mailer_to(&url, &[]).post)(letter("Uma", "Hello", "text")).await;
    assert!(matches!(unknown, Err(Undelivered::Later(_))), "{unknown:?}");
    assert!(peer.commands().is_empty());
    let known = mailer_to(&url, &[format!("--smtp-ca={}", ca.display())]);
    (known.post)(letter("Uma", "Hello", "text")).await.unwrap();
    assert_eq!(peer.letters().len(), 1);
    // `\0portal@p.example\0pass:word`
    let login = "AUTH PLAIN AHBvcnRhbEBwLmV4YW1wbGUAcGFzczp3b3Jk";
    assert!(peer.commands().iter().any(|line| line == login), "{:?}", peer.commands());
    std::fs::write(&ca, "nothing").unwrap();
    let fixed = ["heddle", "--public-url=https://p.example", "--mail-from=portal@p.example"];
    let more = [format!("--smtp-url={url}"), format!("--smtp-ca={}", ca.display())];
    let refused = mailer(&Config::try_parse_from(fixed.map(str::to_owned).into_iter().chain(more)).unwrap());
    assert!(matches!(refused, Err(MailError::CaMalformed(_))));
}
