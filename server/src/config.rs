//! Every option: by flag, by environment, from one file, with its default. Read once, at the start; nothing reads the
//! environment later.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use axum::http::Uri;
use clap::{Parser, Subcommand};
use domain::network::Network;
use domain::user::Email;
use tracing_subscriber::EnvFilter;

pub mod environment;
pub mod read;
pub mod smtp;

use smtp::{Smtp, SmtpRefused, SmtpText};

/// How much may be logged, from nothing to everything.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Minutes that a session may be made to last: long enough to read a page, and at most a day.
const SESSION_MINUTES: std::ops::RangeInclusive<i64> = 5..=24 * 60;

/// Raises, runs and uses permissioned blockchains from the browser.
///
/// Each option can be given as a flag, by its environment variable or in a TOML file, where its name is the key:
/// `listen = "127.0.0.1:3000"`. A flag wins over the environment, the environment over the file, the file over the
/// default.
#[derive(Clone, Debug, Parser)]
#[command(name = "heddle", version)]
pub struct Config {
    /// TOML file with options, such as `behind-proxy = ["10.0.0.0/8"]`. An unknown key is refused.
    #[arg(long, env = "HEDDLE_CONFIG", global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Address and port to listen on. An address that is not loopback needs --public-url, and either TLS or
    /// --behind-proxy.
    #[arg(long, env = "HEDDLE_LISTEN", global = true, default_value = "127.0.0.1:3000")]
    pub listen: SocketAddr,

    /// Address of the portal in browsers, such as `https://portal.example`. Links are made with it, and requests for
    /// other hosts are refused.
    #[arg(long, env = "HEDDLE_PUBLIC_URL", global = true, value_name = "URL", value_parser = public_url)]
    pub public_url: Option<Uri>,

    /// PEM file with the certificate of the portal and those between it and its root. Read again when it changes.
    #[arg(long, env = "HEDDLE_TLS_CERT", global = true, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// PEM file with the private key of --tls-cert. Read again when it changes.
    #[arg(long, env = "HEDDLE_TLS_KEY", global = true, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Addresses or networks of the proxies in front of the portal, such as `10.0.0.2,10.1.0.0/16`. What they forward
    /// about the caller is believed, from nobody else.
    #[arg(
        long,
        env = "HEDDLE_BEHIND_PROXY",
        global = true,
        value_name = "ADDR[,ADDR…]",
        value_delimiter = ','
    )]
    pub behind_proxy: Vec<Network>,

    /// Folder of the embedded database.
    #[arg(long, env = "HEDDLE_DATA", global = true, default_value = "data")]
    pub data: PathBuf,

    /// File with the key that seals every secret; made at the first start. Back it up, apart from the data folder.
    /// Default: the data folder's name with `.key` behind it.
    #[arg(long, env = "HEDDLE_KEY_FILE", global = true)]
    pub key_file: Option<PathBuf>,

    /// Socket of the container engine on this machine, such as `unix:///var/run/docker.sock`. Without it no local
    /// engine can be added as a host.
    #[arg(long, env = "HEDDLE_LOCAL_ENGINE", global = true)]
    pub local_engine: Option<String>,

    /// Networks in which the portal may call container engines, clusters and the nodes on them, such as `10.0.0.0/8`.
    /// Without it, every network but this machine's own and those of metadata services. A cluster on this machine is
    /// called where its own network, `127.0.0.0/8`, is named.
    #[arg(
        long,
        env = "HEDDLE_ENGINE_NETWORKS",
        global = true,
        value_name = "ADDR[,ADDR…]",
        value_delimiter = ','
    )]
    pub engine_networks: Vec<Network>,

    /// File with the names of images that are being built for the local engine, one in a line. Whoever starts the portal
    /// and builds them keeps it.
    #[arg(long, env = "HEDDLE_IMAGES_BEING_BUILT", global = true, hide = true)]
    pub images_being_built: Option<PathBuf>,

    /// Folder with the built pages.
    #[arg(long, env = "HEDDLE_SITE", global = true, default_value = "target/site")]
    pub site: PathBuf,

    /// Minutes without a request after which a session ends, from 5 to 1440.
    #[arg(
        long,
        env = "HEDDLE_SESSION_IDLE",
        global = true,
        value_name = "MINUTES",
        default_value = "30",
        value_parser = clap::value_parser!(u16).range(SESSION_MINUTES)
    )]
    pub session_idle: u16,

    /// Minutes after which a session ends in any case, from 5 to 1440.
    #[arg(
        long,
        env = "HEDDLE_SESSION_MAX",
        global = true,
        value_name = "MINUTES",
        default_value = "720",
        value_parser = clap::value_parser!(u16).range(SESSION_MINUTES)
    )]
    pub session_max: u16,

    /// The same for the sessions of admins.
    #[arg(
        long,
        env = "HEDDLE_SESSION_MAX_ADMIN",
        global = true,
        value_name = "MINUTES",
        default_value = "480",
        value_parser = clap::value_parser!(u16).range(SESSION_MINUTES)
    )]
    pub session_max_admin: u16,

    /// Server that takes mail: `smtps://user:password@mail.example:465`, or `smtp://…` for STARTTLS, and without TLS only
    /// on this machine. Links to set a password, and ends of chains, are then sent to people as well. It may hold a
    /// password: give it by the environment or the file rather than as a flag. Needs --mail-from and --public-url.
    #[arg(long, env = "HEDDLE_SMTP_URL", global = true, value_name = "URL", hide_env_values = true)]
    pub smtp_url: Option<SmtpText>,

    /// Address that mail comes from.
    #[arg(long, env = "HEDDLE_MAIL_FROM", global = true, value_name = "ADDRESS", value_parser = mail_from)]
    pub mail_from: Option<Email>,

    /// PEM file with the certificate of the authority that signed that of the server of --smtp-url. Without it, the
    /// authorities that everybody knows.
    #[arg(long, env = "HEDDLE_SMTP_CA", global = true, value_name = "FILE")]
    pub smtp_ca: Option<PathBuf>,

    /// What is logged: a level, or a level for each part, such as `info,control=debug`.
    #[arg(long, env = "HEDDLE_LOG", global = true, default_value = "info,surrealdb=warn,surrealkv=warn", value_parser = log_levels)]
    pub log: String,

    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What is done instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// The options of the portal.
    Config {
        #[command(subcommand)]
        what: ConfigCommand,
    },
    /// The record of who did what.
    Audit {
        #[command(subcommand)]
        what: AuditCommand,
    },
    /// The key that seals every secret.
    Key {
        #[command(subcommand)]
        what: KeyCommand,
    },
    /// Fills an empty data folder and measures its lists.
    #[cfg(feature = "bench")]
    #[command(hide = true)]
    BenchLists {
        /// Records of the audit.
        #[arg(long)]
        rows: u32,
    },
}

/// What is done with the audit.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum AuditCommand {
    /// Reads the audit of a portal that is stopped, and names the first record that was altered or is missing.
    Verify,
}

/// What is done with the key.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum KeyCommand {
    /// Puts a new key in the place of the one of a portal that is stopped, and seals every secret with it. Backups of
    /// the data folder from before need the former key: keep it with them. The data folder, too, keeps for a while what
    /// was sealed with the former key, until the database clears up: whoever has both can read that.
    Rotate,
}

/// What is done with the options.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Shows every option with its value, and where the value came from.
    Print,
}

/// A combination of options that would be unsafe or cannot work.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("--tls-cert and --tls-key belong together: give both or neither")]
    HalfTls,
    #[error(
        "{0} is not a loopback address: give --tls-cert and --tls-key, or --behind-proxy with the address of the proxy that speaks TLS"
    )]
    Open(SocketAddr),
    #[error(
        "{0} is not a loopback address: say with --public-url under which address browsers reach the portal"
    )]
    NoPublicUrl(SocketAddr),
    #[error("--public-url must begin with https:// unless its host is localhost: passwords pass through it")]
    PlainPublicUrl,
    #[error("--public-url begins with http://, but the portal has TLS: write https://")]
    TlsPublicUrl,
    #[error("--smtp-url and --mail-from belong together: give both or neither")]
    HalfMail,
    #[error("mail holds links: say with --public-url under which address browsers reach the portal")]
    MailNoPublicUrl,
    #[error("--smtp-ca is about the server of --smtp-url: give both, or --smtp-url alone")]
    CaNoMail,
    #[error(transparent)]
    Smtp(#[from] SmtpRefused),
}

fn public_url(text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| "not a URL".to_owned())?;
    let authority = uri.authority().ok_or("a URL begins with https:// and a host")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("it must begin with https://".to_owned());
    }
    if authority.as_str().contains('@') || uri.path() != "/" || uri.query().is_some() {
        return Err("nothing but scheme, host and port is allowed".to_owned());
    }
    Ok(uri)
}

fn mail_from(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|_| "not an e-mail address, such as portal@mail.example".to_owned())
}

/// A level, or a level for each part. A bare word that is no level would be taken for a part, and nothing else would be
/// logged any more.
fn log_levels(text: &str) -> Result<String, String> {
    for part in text.split(',') {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        if !LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
            let levels = LEVELS.join(", ");
            return Err(format!("`{part}` is no level ({levels}) and no `part=level`"));
        }
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Whether a host name means this machine, whatever a name server says.
pub fn is_loopback_name(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}

impl Config {
    /// Refuses what would be unsafe.
    pub fn check(&self) -> Result<(), Refused> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(Refused::HalfTls);
        }
        let tls = self.tls().is_some();
        if let Some(url) = self.public_url.as_ref().filter(|url| url.scheme_str() == Some("http")) {
            if tls {
                return Err(Refused::TlsPublicUrl);
            }
            if !url.host().is_some_and(is_loopback_name) {
                return Err(Refused::PlainPublicUrl);
            }
        }
        if !self.is_loopback() {
            if !tls && self.behind_proxy.is_empty() {
                return Err(Refused::Open(self.listen));
            }
            if self.public_url.is_none() {
                return Err(Refused::NoPublicUrl(self.listen));
            }
        }
        self.smtp().map(drop)
    }

    /// The server that takes mail; none: no mail is sent.
    pub fn smtp(&self) -> Result<Option<Smtp>, Refused> {
        if self.smtp_url.is_some() != self.mail_from.is_some() {
            return Err(Refused::HalfMail);
        }
        let Some(url) = &self.smtp_url else {
            return if self.smtp_ca.is_some() { Err(Refused::CaNoMail) } else { Ok(None) };
        };
        if self.public_url.is_none() {
            return Err(Refused::MailNoPublicUrl);
        }
        Ok(Some(url.parse()?))
    }

    /// Whether only this machine can connect.
    pub fn is_loopback(&self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }

    /// The files of certificate and key.
    pub fn tls(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls_cert.clone().zip(self.tls_key.clone())
    }

    /// Whether browsers reach the portal over TLS only, so that cookies may be bound to it.
    pub fn is_secure(&self) -> bool {
        self.tls().is_some() || self.public_url.as_ref().is_some_and(|url| url.scheme_str() == Some("https"))
    }

    /// Scheme, host and port for links, without a slash at the end.
    pub fn origin(&self) -> String {
        match &self.public_url {
            Some(url) => url.to_string().trim_end_matches('/').to_ascii_lowercase(),
            None if self.tls().is_some() => format!("https://{}", self.listen),
            None => format!("http://{}", self.listen),
        }
    }

    /// Whether what a peer forwards about others is believed.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.behind_proxy.iter().any(|network| network.contains(address))
    }

    /// Where the key is kept.
    pub fn key_path(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data.with_added_extension("key"))
    }

    /// Path of the local engine's socket.
    pub fn local_socket(&self) -> Option<String> {
        self.local_engine.as_ref().map(|text| text.strip_prefix("unix://").unwrap_or(text).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routes::Route;

    fn refused(arguments: &[&str]) -> Option<Refused> {
        let all = std::iter::once("heddle").chain(arguments.iter().copied());
        Config::try_parse_from(all).unwrap().check().err()
    }

    #[test]
    fn unsafe_combinations_are_refused() {
        let open = "0.0.0.0:3000".parse().unwrap();
        let url = "--public-url=https://p.example";
        assert_eq!(refused(&[]), None);
        assert_eq!(refused(&["--listen=0.0.0.0:3000"]), Some(Refused::Open(open)));
        assert_eq!(refused(&["--listen=0.0.0.0:3000", url]), Some(Refused::Open(open)));
        let proxy = "--behind-proxy=10.0.0.1,10.1.0.0/16";
        assert_eq!(refused(&["--listen=0.0.0.0:3000", proxy]), Some(Refused::NoPublicUrl(open)));
        assert_eq!(refused(&["--listen=0.0.0.0:3000", proxy, url]), None);
        assert_eq!(refused(&["--tls-cert=c"]), Some(Refused::HalfTls));
        assert_eq!(refused(&["--tls-key=c"]), Some(Refused::HalfTls));
        let tls = ["--tls-cert=c", "--tls-key=k", "--listen=0.0.0.0:3000"];
        assert_eq!(refused(&[&tls[..], &[url]].concat()), None);
        let plain = "--public-url=http://localhost:3000";
        assert_eq!(refused(&[&tls[..], &[plain]].concat()), Some(Refused::TlsPublicUrl));
        assert_eq!(refused(&["--public-url=http://p.example"]), Some(Refused::PlainPublicUrl));
        assert_eq!(refused(&[plain]), None);
    }

    #[test]
    fn mail_is_sent_only_by_options_that_fit() {
        let (url, server) = ("--public-url=https://p.example", "--smtp-url=smtps://u:p@mail.example");
        let from = "--mail-from=portal@p.example";
        assert_eq!(refused(&[url, server, from]), None);
        assert_eq!(refused(&[url, server]), Some(Refused::HalfMail));
        assert_eq!(refused(&[url, from]), Some(Refused::HalfMail));
        assert_eq!(refused(&[server, from]), Some(Refused::MailNoPublicUrl));
        assert_eq!(refused(&["--smtp-ca=ca.pem"]), Some(Refused::CaNoMail));
        let open = "--smtp-url=smtp://mail.example?tls=none";
        assert_eq!(refused(&[url, open, from]), Some(Refused::Smtp(SmtpRefused::Rest)));
        let wrong = Config::try_parse_from(["heddle", "--mail-from=portal"]).unwrap_err().to_string();
        assert!(wrong.contains("--mail-from") && wrong.contains("not an e-mail address"), "{wrong}");
    }

    /// What runs the portal in a cluster gives options that exist and are safe together, and asks where it answers.
    #[test]
    fn the_manifests_for_a_cluster_fit_the_portal() {
        let manifests = include_str!("../deploy/kubernetes/portal.yaml");
        let mut lines = manifests.lines().map(str::trim);
        let mut flags = Vec::new();
        while let Some(line) = lines.next() {
            let Some(name) = line.strip_prefix("- name: HEDDLE_") else { continue };
            let value = lines.next().unwrap().strip_prefix("value: ").unwrap().trim_matches('"');
            flags.push(format!("--{}={value}", name.to_lowercase().replace('_', "-")));
        }
        assert_eq!(flags.len(), 5, "{flags:?}");
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        assert_eq!(refused(&flags), None);
        for route in [Route::Health, Route::Ready] {
            assert!(manifests.contains(&format!("path: {}\n", route.path())), "{route:?}");
        }
    }

    #[test]
    fn what_is_logged_is_said_in_levels() {
        for good in ["warn", "INFO", "info,control=debug", "off,store::log=trace"] {
            assert_eq!(log_levels(good).as_deref(), Ok(good));
        }
        for bad in ["", "verbose", "info,control=loud", "info,", "control", "info,control="] {
            let error = Config::try_parse_from(["heddle", "--log", bad]).unwrap_err().to_string();
            assert!(error.contains("--log") && error.contains("no level"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_session_lasts_from_minutes_to_a_day() {
        let config =
            Config::try_parse_from(["heddle", "--session-idle=5", "--session-max-admin=1440"]).unwrap();
        assert_eq!((config.session_idle, config.session_max, config.session_max_admin), (5, 720, 1_440));
        for option in ["--session-idle", "--session-max", "--session-max-admin"] {
            for minutes in ["4", "1441", "0", "-30", "30m", ""] {
                let error = Config::try_parse_from(["heddle".to_owned(), format!("{option}={minutes}")]);
                assert!(error.unwrap_err().to_string().contains(option), "{option} {minutes}");
            }
        }
    }

    #[test]
    fn a_public_url_is_an_origin() {
        for bad in
            ["p.example", "ftp://p.example", "https://p.example/x", "https://u@p.example", "https://p?q"]
        {
            assert!(public_url(bad).is_err(), "{bad}");
        }
        let config = Config::try_parse_from(["heddle", "--public-url=https://P.example:8443/"]).unwrap();
        assert_eq!(config.origin(), "https://p.example:8443");
        assert!(config.is_secure());
    }
}
