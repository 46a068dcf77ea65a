//! Variables of the environment that look like options and are none: a mistyped one would be without effect.

use std::ffi::OsString;

use clap::CommandFactory;

use super::Config;
use super::read::nearest;

/// What every variable of the portal begins with.
const PREFIX: &str = "HEDDLE_";
/// Variables of the tools and tests around the portal.
const OTHERS: [&str; 6] = ["TEST_", "FABRIC_", "STORE_CHILD_", "GOLDEN", "BIN", "CHROMIUM"];

/// A variable whose name is nearly that of an option: with it left out, the portal would start as if nothing had been
/// said, with another data folder for one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no option reads the variable {name} of the environment; did you mean {near}? Correct it or unset it"
)]
pub struct Mistyped {
    name: String,
    near: String,
}

/// A warning for each variable that no option reads. Nearly an option's name is refused; any other may be of somebody
/// else, such as those that Kubernetes makes of the names of services.
pub fn check(names: impl Iterator<Item = OsString>) -> Result<Vec<String>, Mistyped> {
    let command = Config::command();
    let known = command.get_arguments().filter_map(|argument| argument.get_env());
    let known: Vec<String> = known.filter_map(|name| Some(bare(name.to_str()?)?.to_owned())).collect();
    let mut warnings = Vec::new();
    for name in names.filter_map(|name| name.into_string().ok()) {
        let Some(rest) = bare(&name).filter(|rest| !is_other(rest) && !known.iter().any(|one| one == rest))
        else {
            continue;
        };
        if !is_of_service(&name)
            && let Some(near) = nearest(rest, &known)
        {
            let near = format!("{PREFIX}{near}");
            return Err(Mistyped { name, near });
        }
        warnings.push(format!("warning: no option reads {name}"));
    }
    Ok(warnings)
}

/// What stands behind the beginning of the portal's variables.
fn bare(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

fn is_other(rest: &str) -> bool {
    OTHERS.iter().any(|other| rest.starts_with(other))
}

/// Whether Kubernetes makes such a name of that of a service: no option's name looks so.
fn is_of_service(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut after_port = name.split("_PORT_").skip(1);
    name.ends_with("_PORT")
        || name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || after_port.any(|rest| rest.split('_').next().is_some_and(is_number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(names: &[&str]) -> Result<Vec<String>, Mistyped> {
        check(names.iter().map(OsString::from))
    }

    #[test]
    fn a_mistyped_variable_is_refused_with_the_nearest_right_one() {
        let cases = [
            ("HEDDLE_LISEN", "HEDDLE_LISTEN"),
            ("HEDDLE_DATTA", "HEDDLE_DATA"),
            ("HEDDLE_DTAA", "HEDDLE_DATA"),
            ("HEDDLE_data", "HEDDLE_DATA"),
            ("HEDDLE_LOGS", "HEDDLE_LOG"),
            ("HEDDLE_TLS_CERTT", "HEDDLE_TLS_CERT"),
            ("HEDDLE_PUBLICURL", "HEDDLE_PUBLIC_URL"),
        ];
        for (name, near) in cases {
            let refused = Mistyped { name: name.to_owned(), near: near.to_owned() };
            assert_eq!(checked(&["HEDDLE_SITE", name]), Err(refused));
        }
    }

    #[test]
    fn no_option_looks_like_a_service() {
        let command = Config::command();
        let names = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str());
        assert_eq!(names.filter(|name| is_of_service(name)).count(), 0);
    }

    #[test]
    fn what_others_set_is_no_reason_to_refuse() {
        let known = [
            "HEDDLE_LISTEN",
            "HEDDLE_TEST_DOCKER",
            "HEDDLE_FABRIC_BIN",
            "HEDDLE_GOLDEN_WRITE",
            "HEDDLE_BIN",
            "HEDDLE_SITE",
            "HEDDLE_CHROMIUM",
            "HEDDLES",
            "PATH",
        ];
        assert_eq!(checked(&known), Ok(Vec::new()));
        let strange = [
            "HEDDLE_PORT",
            "HEDDLE_PORT_3000_TCP",
            "HEDDLE_PORT_3000_TCP_ADDR",
            "HEDDLE_PORT_3000_TCP_PROTO",
            "HEDDLE_SERVICE_HOST",
            "HEDDLE_SERVICE_PORT",
            "HEDDLE_SERVICE_PORT_HTTP",
            "HEDDLE_TLS_PORT",
            "HEDDLE_TLS_PORT_443_TCP",
            "HEDDLE_PUBLIC_PORT",
            "HEDDLE_HOST",
            "HEDDLE_TAG",
        ];
        assert_eq!(
            checked(&strange),
            Ok(strange.map(|name| format!("warning: no option reads {name}")).to_vec())
        );
    }
}
