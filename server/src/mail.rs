//! Sends letters by SMTP. One connection takes one letter: a portal writes few, and a connection that is kept is one that
//! may have died. What comes out of a letter's names never becomes a header: whatever breaks a line is a space here, and
//! everything else is encoded by the library.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use control::mail::{Letter, Mailer, Post, Undelivered};
use domain::mail::MailSender;
use futures::FutureExt;
use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::config::smtp::{Smtp, SmtpTls};
use crate::config::{Config, Refused};

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Longest wait until a letter is taken.
const SEND: Duration = Duration::from_secs(30);
/// Whom mail is from, beside the address.
const NAME: &str = "Heddle";
/// Tells programs that answer mail that nobody waits for their answer (RFC 3834).
const AUTO: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// Why mail cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("--mail-from is an address that mail cannot come from: {0}")]
    From(AddressError),
    #[error("the file of --smtp-ca {0} cannot be read: {1}")]
    Ca(PathBuf, std::io::Error),
    #[error("the file of --smtp-ca {0} holds no certificate in PEM")]
    CaMalformed(PathBuf),
    #[error("mail cannot be sent with TLS: {0}")]
    Tls(lettre::transport::smtp::Error),
}

/// What mail is sent with; none where the options name no server.
pub fn mailer(config: &Config) -> Result<Option<Mailer>, MailError> {
    let (Some(smtp), Some(from)) = (config.smtp()?, &config.mail_from) else { return Ok(None) };
    let address: Address = from.as_str().parse().map_err(MailError::From)?;
    let transport = transport(&smtp, certificate(config)?, address.domain())?;
    let sender = MailSender { from: from.clone(), server: smtp.place() };
    let mailbox = Mailbox::new(Some(NAME.to_owned()), address);
    let post: Post = Arc::new(move |letter: Letter| {
        let (transport, mailbox) = (transport.clone(), mailbox.clone());
        async move { send(&transport, &mailbox, &letter).await }.boxed()
    });
    Ok(Some(Mailer { sender, post }))
}

/// The authority that the options name beside the public ones.
fn certificate(config: &Config) -> Result<Option<Certificate>, MailError> {
    let Some(path) = &config.smtp_ca else { return Ok(None) };
    let pem = std::fs::read(path).map_err(|error| MailError::Ca(path.clone(), error))?;
    let malformed = || MailError::CaMalformed(path.clone());
    // A file without any certificate would read as one that holds none.
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(malformed());
    }
    Certificate::from_pem(&pem).map(Some).map_err(|_| malformed())
}

fn transport(smtp: &Smtp, ca: Option<Certificate>, hello: &str) -> Result<Transport, MailError> {
    let parameters = |ca: Option<Certificate>| {
        let builder = TlsParameters::builder(smtp.host.clone());
        let builder = match ca {
            Some(ca) => builder.add_root_certificate(ca),
            None => builder,
        };
        builder.build().map_err(MailError::Tls)
    };
    let tls = match smtp.tls {
        SmtpTls::Wrapped => Tls::Wrapper(parameters(ca)?),
        SmtpTls::Started => Tls::Required(parameters(ca)?),
        SmtpTls::Absent => Tls::None,
    };
    let builder = Transport::builder_dangerous(smtp.host.as_str())
        .port(smtp.port)
        .tls(tls)
        .timeout(Some(SEND))
        .hello_name(ClientId::Domain(hello.to_owned()));
    let builder = match &smtp.login {
        Some((user, password)) => {
            builder.credentials(Credentials::new(user.clone(), password.as_str().to_owned()))
        }
        None => builder,
    };
    Ok(builder.build())
}

async fn send(transport: &Transport, from: &Mailbox, letter: &Letter) -> Result<(), Undelivered> {
    let message = message(from, letter)?;
    match tokio::time::timeout(SEND, transport.send(message)).await {
        Ok(Ok(_taken)) => Ok(()),
        Ok(Err(error)) if error.is_permanent() => Err(Undelivered::Refused(error.to_string())),
        Ok(Err(error)) => Err(Undelivered::Later(error.to_string())),
        Err(_elapsed) => Err(Undelivered::Later(format!("no answer within {} s", SEND.as_secs()))),
    }
}

fn message(from: &Mailbox, letter: &Letter) -> Result<Message, Undelivered> {
    let refused = |error: &dyn std::error::Error| Undelivered::Refused(error.to_string());
    let to: Address = letter.to.as_str().parse().map_err(|error: AddressError| refused(&error))?;
    let message = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(Some(line(&letter.name)), to))
        .subject(line(&letter.subject))
        .message_id(Some(format!("<{}@{}>", line(&letter.id), from.email.domain())))
        .raw_header(HeaderValue::new(AUTO, "auto-generated".to_owned()))
        .singlepart(SinglePart::plain(letter.text.clone()));
    message.map_err(|error| refused(&error))
}

/// A text without whatever could end the line that it stands in.
fn line(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests;
