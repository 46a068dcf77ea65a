//! Puts flags, environment and file together. The file's values are given to the same parser as the flags, so that
//! each is checked in one way only.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use toml::de::{DeTable, DeValue};

use super::Config;
use super::smtp::shown;

/// Larger files are no lists of options.
const FILE_MAX: u64 = 64 * 1_024;

/// Why the options cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Flags(#[from] clap::Error),
    #[error("the file of options {0} cannot be read: {1}")]
    File(PathBuf, std::io::Error),
    #[error("the file of options {0} is not TOML: {1}")]
    Toml(PathBuf, String),
    #[error("the file of options {file}: there is no option `{key}`{hint}")]
    Unknown { file: PathBuf, key: String, hint: String },
    #[error("the file of options {0}: `{1}` must be a text, a whole number or a list of texts")]
    Shape(PathBuf, String),
}

/// The options, and where each came from.
#[derive(Debug)]
pub struct Read {
    pub config: Config,
    matches: ArgMatches,
    from_file: Vec<String>,
}

/// Reads everything once.
pub fn read(arguments: Vec<OsString>) -> Result<Read, ReadError> {
    let first = Config::command().try_get_matches_from(&arguments)?;
    let Some(path) = first.get_one::<PathBuf>("config") else {
        let config = Config::from_arg_matches(&first)?;
        return Ok(Read { config, matches: first, from_file: Vec::new() });
    };
    let mut all = arguments;
    let mut from_file = Vec::new();
    let at = all.len().min(1);
    for (key, value) in file(path)? {
        let id = key.replace('-', "_");
        if matches!(first.value_source(&id), Some(ValueSource::CommandLine | ValueSource::EnvVariable)) {
            continue;
        }
        all.insert(at, format!("--{key}={value}").into());
        from_file.push(id);
    }
    let matches = Config::command().try_get_matches_from(&all)?;
    Ok(Read { config: Config::from_arg_matches(&matches)?, matches, from_file })
}

/// Keys that a file may hold.
fn keys() -> Vec<String> {
    let command = Config::command();
    let longs = command.get_arguments().filter_map(|argument| argument.get_long());
    longs.filter(|long| !matches!(*long, "config" | "help" | "version")).map(str::to_owned).collect()
}

fn file(path: &Path) -> Result<BTreeMap<String, String>, ReadError> {
    let fail = |error| ReadError::File(path.to_owned(), error);
    if std::fs::metadata(path).map_err(fail)?.len() > FILE_MAX {
        return Err(fail(std::io::ErrorKind::FileTooLarge.into()));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    let table = DeTable::parse(&text)
        .map_err(|error| ReadError::Toml(path.to_owned(), error.to_string()))?
        .into_inner();
    let keys = keys();
    let mut found = BTreeMap::new();
    for (key, value) in table {
        let key = key.into_inner().into_owned();
        if !keys.contains(&key) {
            let hint =
                nearest(&key, &keys).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(ReadError::Unknown { file: path.to_owned(), key, hint });
        }
        let value = plain(value.get_ref()).ok_or_else(|| ReadError::Shape(path.to_owned(), key.clone()))?;
        found.insert(key, value);
    }
    Ok(found)
}

fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Array(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(|item| item.get_ref().as_str()).collect();
            texts.filter(|texts| !texts.is_empty()).map(|texts| texts.join(","))
        }
        _ => None,
    }
}

/// The key that needs the fewest changes, when these are few.
pub(super) fn nearest<'a>(key: &str, keys: &'a [String]) -> Option<&'a str> {
    let plain = |text: &str| text.replace('_', "-").to_ascii_lowercase();
    let key = plain(key);
    let best = keys.iter().map(|known| (distance(&key, &plain(known)), known)).min()?;
    (best.0 <= 3.min(key.len() / 2)).then_some(best.1.as_str())
}

/// Letters to add, to leave out or to change until two words are the same.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (line, one) in left.chars().enumerate() {
        let mut before = line;
        let mut last = line + 1;
        let mut next = vec![last];
        for (other, above) in right.chars().zip(row.iter().skip(1)) {
            last = (before + usize::from(one != other)).min(above + 1).min(last + 1);
            next.push(last);
            before = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

impl Read {
    /// Every option with its value and origin, as a file of options. There are no secrets in it: only where they are, or an
    /// ellipsis instead.
    pub fn print(&self) -> String {
        let mut text = String::new();
        for argument in Config::command().get_arguments() {
            let (Some(long), id) = (argument.get_long(), argument.get_id().as_str()) else { continue };
            if matches!(id, "help" | "version") {
                continue;
            }
            let raw = self.matches.get_raw(id).map(|values| {
                let values = values.map(|value| value.to_string_lossy().into_owned());
                let values = values.map(|value| if id == "smtp_url" { shown(&value) } else { value });
                values.collect::<Vec<_>>().join(",")
            });
            let origin = match self.matches.value_source(id) {
                _ if self.from_file.iter().any(|key| key == id) => "file",
                Some(ValueSource::CommandLine) => "flag",
                Some(ValueSource::EnvVariable) => "environment",
                _ => "default",
            };
            let written = match raw {
                Some(value) => writeln!(text, "{long} = {value:?}  # {origin}"),
                None if id == "key_file" => {
                    let path = self.config.key_path().to_string_lossy().into_owned();
                    writeln!(text, "{long} = {path:?}  # default")
                }
                None => writeln!(text, "# {long} is not set"),
            };
            // Writing to a text cannot fail.
            let _done = written;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(file: &str, arguments: &[&str]) -> Result<Read, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heddle.toml");
        std::fs::write(&path, file).unwrap();
        let mut all: Vec<OsString> = vec!["heddle".into(), "--config".into(), path.into()];
        all.extend(arguments.iter().map(OsString::from));
        read(all)
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let file =
            "listen = \"127.0.0.1:1\"\nsite = \"/pages\"\nbehind-proxy = [\"10.0.0.1\", \"10.1.0.0/16\"]\n";
        let read = options(file, &["--listen", "127.0.0.1:2", "config", "print"]).unwrap();
        assert_eq!(read.config.listen.port(), 2);
        assert_eq!(read.config.site, PathBuf::from("/pages"));
        assert_eq!(read.config.behind_proxy.len(), 2);
        let printed = read.print();
        assert!(printed.contains("listen = \"127.0.0.1:2\"  # flag"), "{printed}");
        assert!(printed.contains("site = \"/pages\"  # file"), "{printed}");
        assert!(printed.contains("data = \"data\"  # default"), "{printed}");
        assert!(printed.contains("# tls-cert is not set"), "{printed}");
    }

    #[test]
    fn a_password_is_in_no_list_and_in_no_help() {
        let read =
            options("smtp-url = \"smtps://portal:secret@mail.example\"\n", &["config", "print"]).unwrap();
        let printed = read.print();
        assert!(printed.contains("smtp-url = \"smtps://portal:…@mail.example\"  # file"), "{printed}");
        assert!(!printed.contains("secret") && !format!("{:?}", read.config).contains("secret"), "{printed}");
        let command = Config::command();
        let hides = command.get_arguments().find(|argument| argument.get_id().as_str() == "smtp_url");
        assert!(hides.is_some_and(clap::Arg::is_hide_env_values_set));
    }

    #[test]
    fn a_number_needs_no_quotes() {
        let read = options("session-idle = 45\nsession-max = \"90\"\n", &[]).unwrap();
        assert_eq!((read.config.session_idle, read.config.session_max), (45, 90));
    }

    #[test]
    fn the_environment_is_told_apart_from_the_default() {
        // The parser reads the environment of the process: cargo's own variable is there in every test.
        let known = Config::command().mut_arg("site", |argument| argument.env("CARGO_MANIFEST_DIR"));
        let matches = known.try_get_matches_from(["heddle"]).unwrap();
        assert_eq!(matches.value_source("site"), Some(ValueSource::EnvVariable));
        assert_eq!(matches.get_one::<PathBuf>("site"), Some(&PathBuf::from(env!("CARGO_MANIFEST_DIR"))));
    }

    #[test]
    fn every_option_has_a_variable_and_a_text() {
        let mut command = Config::command();
        let help = command.render_long_help().to_string();
        for argument in command.get_arguments() {
            let long = argument.get_long().unwrap();
            if matches!(long, "help" | "version") {
                continue;
            }
            let name = long.replace('-', "_");
            assert_eq!(argument.get_id().as_str(), name);
            let variable = format!("HEDDLE_{}", name.to_uppercase());
            let read = argument.get_env().map(|variable| variable.to_string_lossy().into_owned());
            assert_eq!(read.as_ref(), Some(&variable), "{long}");
            assert!(argument.get_help().is_some(), "{long}");
            assert_eq!(keys().iter().any(|key| key == long), long != "config", "{long}");
            let told = help.contains(&format!("--{long} <")) && help.contains(&format!("[env: {variable}"));
            assert_eq!(told, !argument.is_hide_set(), "{long}: {help}");
        }
    }

    #[test]
    fn every_option_may_stand_in_the_file() {
        for key in keys() {
            let value = match key.as_str() {
                "listen" => "127.0.0.1:1",
                "public-url" => "https://p.example/",
                "behind-proxy" | "engine-networks" => "10.0.0.0/8",
                "log" => "warn",
                "session-idle" | "session-max" | "session-max-admin" => "45",
                "smtp-url" => "smtp://localhost",
                "mail-from" => "portal@p.example",
                _ => "/a/path",
            };
            let line = format!("{key} = {value:?}");
            let printed = options(&line, &["config", "print"]).unwrap().print();
            assert!(printed.contains(&format!("{line}  # file\n")), "{printed}");
        }
    }

    #[test]
    fn mistakes_are_answered_with_the_nearest_right_word() {
        let text = |file| options(file, &[]).unwrap_err().to_string();
        assert!(text("lisen = \"x\"").contains("did you mean `listen`?"), "{}", text("lisen = \"x\""));
        assert!(text("public_url = \"x\"").contains("`public-url`?"));
        assert!(!text("colour = \"x\"").contains("did you mean"));
        assert!(text("listen = true").contains("must be a text"));
        assert!(text("listen = 3000").contains("--listen"));
        assert!(text("listen = ").contains("is not TOML"));
        assert!(text("listen = \"nowhere\"").contains("--listen"));
        let flag = options("", &["--publc-url=https://p.example"]).unwrap_err().to_string();
        assert!(flag.contains("--public-url"), "{flag}");
    }
}
