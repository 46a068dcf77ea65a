//! Variables of the environment that look like options and are none: a mistyped one would be silently without effect.

use std::ffi::OsString;

use clap::CommandFactory;

use super::Config;
use super::read::nearest;

/// What every variable of the portal begins with.
const PREFIX: &str = "HEDDLE_";
/// Variables of the tools and tests around the portal.
const OTHERS: [&str; 6] = ["TEST_", "FABRIC_", "STORE_CHILD_", "GOLDEN", "BIN", "CHROMIUM"];

/// A warning for each variable that no option reads.
pub fn warnings(names: impl Iterator<Item = OsString>) -> Vec<String> {
    let command = Config::command();
    let known = command.get_arguments().filter_map(|argument| argument.get_env());
    let known: Vec<String> = known.map(|name| name.to_string_lossy().into_owned()).collect();
    let names = names.filter_map(|name| name.into_string().ok());
    let unknown = names.filter(|name| is_ours(name) && !known.contains(name));
    let warning = |name: String| match nearest(&name, &known) {
        Some(near) => format!("warning: no option reads {name}; did you mean {near}?"),
        None => format!("warning: no option reads {name}"),
    };
    unknown.map(warning).collect()
}

fn is_ours(name: &str) -> bool {
    name.strip_prefix(PREFIX).is_some_and(|rest| !OTHERS.iter().any(|other| rest.starts_with(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_variable_is_named_with_the_nearest_right_one() {
        let names = [
            "HEDDLE_LISEN",
            "HEDDLE_LISTEN",
            "HEDDLE_TLS_CERTT",
            "HEDDLE_SOMETHING_ELSE",
            "HEDDLE_TEST_DOCKER",
            "HEDDLE_FABRIC_BIN",
            "HEDDLE_GOLDEN_WRITE",
            "HEDDLE_BIN",
            "HEDDLE_SITE",
            "HEDDLE_CHROMIUM",
            "HEDDLES",
            "PATH",
        ];
        assert_eq!(
            warnings(names.iter().map(OsString::from)),
            [
                "warning: no option reads HEDDLE_LISEN; did you mean HEDDLE_LISTEN?",
                "warning: no option reads HEDDLE_TLS_CERTT; did you mean HEDDLE_TLS_CERT?",
                "warning: no option reads HEDDLE_SOMETHING_ELSE",
            ]
        );
    }
}
