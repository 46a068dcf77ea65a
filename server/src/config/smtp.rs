//! The server that takes mail, as one URL: how it is spoken to, where it is, and who signs in there. It may hold a password,
//! so that no error, no log and no list of options quotes it.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::is_loopback_name;

/// The URL as it was given.
#[derive(Clone)]
pub struct SmtpText(Zeroizing<String>);

impl FromStr for SmtpText {
    type Err = Infallible;

    /// Takes anything: whoever parses options would quote what is wrong.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(Zeroizing::new(text.trim().to_owned())))
    }
}

impl fmt::Debug for SmtpText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.0))
    }
}

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// From the first byte.
    Wrapped,
    /// From the command STARTTLS on; without it nothing is said.
    Started,
    /// Not at all: the server is this machine.
    Absent,
}

/// A server that takes mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    pub tls: SmtpTls,
    /// A name or an address, the latter without brackets.
    pub host: String,
    pub port: u16,
    /// User and password.
    pub login: Option<(String, Zeroizing<String>)>,
}

/// Why a URL leads to no server that takes mail. Nothing of it is quoted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpRefused {
    #[error("--smtp-url begins with smtps:// (TLS from the start) or smtp:// (STARTTLS)")]
    Scheme,
    #[error("--smtp-url names no server: write it as smtps://user:password@mail.example:465")]
    Host,
    #[error("the port of --smtp-url is no number from 1 to 65535")]
    Port,
    #[error(
        "--smtp-url has a user name or a password that cannot be read: write user:password@ before the server, with %40 for @, %3A for :, %2F for / and %25 for %"
    )]
    Login,
    #[error(
        "behind the server --smtp-url may hold nothing but ?tls=required: mail is sent with TLS, and without it only to this machine"
    )]
    Rest,
}

impl Smtp {
    /// Host and port in one text.
    pub fn place(&self) -> String {
        let (host, port) = (&self.host, self.port);
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// A URL with its password left out.
pub fn shown(url: &str) -> String {
    let Some((before, server)) = url.rsplit_once('@') else { return url.to_owned() };
    let (scheme, login) = before.split_once("://").unwrap_or(("", before));
    let scheme = if scheme.is_empty() { String::new() } else { format!("{scheme}://") };
    match login.split_once(':') {
        Some((user, _)) => format!("{scheme}{user}:…@{server}"),
        None => format!("{scheme}{login}@{server}"),
    }
}

impl SmtpText {
    /// Reads it.
    pub fn parse(&self) -> Result<Smtp, SmtpRefused> {
        let (scheme, rest) = self.0.split_once("://").ok_or(SmtpRefused::Scheme)?;
        let is_wrapped = match scheme.to_ascii_lowercase().as_str() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(SmtpRefused::Scheme),
        };
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(self::login(login)?), rest),
            None => (None, rest),
        };
        let (server, query) = rest.split_once('?').unwrap_or((rest, ""));
        let is_required = match query {
            "" => false,
            "tls=required" => true,
            _ => return Err(SmtpRefused::Rest),
        };
        let (host, port) = placed(server.strip_suffix('/').unwrap_or(server))?;
        let tls = match is_wrapped {
            true => SmtpTls::Wrapped,
            false if is_required || !is_loopback_name(host) => SmtpTls::Started,
            false => SmtpTls::Absent,
        };
        let usual = match tls {
            SmtpTls::Wrapped => 465,
            SmtpTls::Started => 587,
            SmtpTls::Absent => 25,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        Ok(Smtp { tls, host, port: port.unwrap_or(usual), login })
    }
}

/// Host and port of `mail.example:465` or `[::1]:25`.
fn placed(server: &str) -> Result<(&str, Option<u16>), SmtpRefused> {
    if server.contains('/') {
        return Err(SmtpRefused::Rest);
    }
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (server, None),
    };
    let is_address = host.starts_with('[') && host.ends_with(']');
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || ".-".contains(letter);
    if host.is_empty() || !(is_address || host.chars().all(is_name)) {
        return Err(SmtpRefused::Host);
    }
    let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or(SmtpRefused::Port));
    Ok((host, port.transpose()?))
}

fn login(text: &str) -> Result<(String, Zeroizing<String>), SmtpRefused> {
    let (user, password) = text.split_once(':').ok_or(SmtpRefused::Login)?;
    let (user, password) = (decoded(user)?, Zeroizing::new(decoded(password)?));
    if user.is_empty() || text.contains('/') {
        return Err(SmtpRefused::Login);
    }
    Ok((user, password))
}

/// `%40` as `@`.
fn decoded(text: &str) -> Result<String, SmtpRefused> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend(parts.next().unwrap_or_default().bytes());
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or(SmtpRefused::Login)?;
        bytes.extend(hex::decode(digits).map_err(|_| SmtpRefused::Login)?);
        bytes.extend(rest.bytes());
    }
    let text = String::from_utf8(bytes).map_err(|_| SmtpRefused::Login)?;
    // A line would end there.
    if text.chars().any(char::is_control) { Err(SmtpRefused::Login) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Smtp, SmtpRefused> {
        text.parse::<SmtpText>().unwrap().parse()
    }

    #[test]
    fn a_url_says_how_and_where_and_as_whom() {
        let check = |text: &str, tls, host: &str, port| {
            let smtp = parsed(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((smtp.tls, smtp.host.as_str(), smtp.port), (tls, host, port), "{text}");
        };
        check("smtps://mail.example", SmtpTls::Wrapped, "mail.example", 465);
        check("smtps://u:p@Mail.example:4465/", SmtpTls::Wrapped, "mail.example", 4_465);
        check("smtp://mail.example", SmtpTls::Started, "mail.example", 587);
        check("smtp://mail.example:25?tls=required", SmtpTls::Started, "mail.example", 25);
        check("smtp://localhost", SmtpTls::Absent, "localhost", 25);
        check("smtp://127.0.0.1:2525", SmtpTls::Absent, "127.0.0.1", 2_525);
        check("smtp://[::1]:2525", SmtpTls::Absent, "::1", 2_525);
        check("smtp://[::1]?tls=required", SmtpTls::Started, "::1", 587);
        check("smtps://[2001:db8::1]", SmtpTls::Wrapped, "2001:db8::1", 465);
        let (user, password) =
            parsed("smtps://portal%40p.example:a%3Ab%2f%25%40c@mail.example").unwrap().login.unwrap();
        assert_eq!((user.as_str(), password.as_str()), ("portal@p.example", "a:b/%@c"));
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for (text, refused) in [
            ("mail.example", SmtpRefused::Scheme),
            ("http://mail.example", SmtpRefused::Scheme),
            ("smtps://", SmtpRefused::Host),
            ("smtps://:465", SmtpRefused::Host),
            ("smtps://mail example", SmtpRefused::Host),
            ("smtps://mail.example:0", SmtpRefused::Port),
            ("smtps://mail.example:x", SmtpRefused::Port),
            ("smtps://user@mail.example", SmtpRefused::Login),
            ("smtps://:p@mail.example", SmtpRefused::Login),
            ("smtps://u:p%4@mail.example", SmtpRefused::Login),
            ("smtps://u:p%0d%0aQUIT@mail.example", SmtpRefused::Login),
            ("smtp://mail.example?tls=none", SmtpRefused::Rest),
            ("smtp://localhost?tls=opportunistic", SmtpRefused::Rest),
            ("smtps://mail.example/name", SmtpRefused::Rest),
        ] {
            assert_eq!(parsed(text).err(), Some(refused), "{text}");
        }
    }

    #[test]
    fn a_password_is_shown_nowhere() {
        for (text, told) in [
            ("smtps://portal:secret@mail.example:465", "smtps://portal:…@mail.example:465"),
            ("smtps://portal:se:cr@et@mail.example", "smtps://portal:…@mail.example"),
            ("portal:secret@mail.example", "portal:…@mail.example"),
            ("smtp://localhost", "smtp://localhost"),
        ] {
            assert_eq!(shown(text), told);
            assert_eq!(format!("{:?}", text.parse::<SmtpText>().unwrap()), told);
        }
    }
}
