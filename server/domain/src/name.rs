//! Validated names. A chain, organization, node, channel or chaincode name is legal at once as DNS label,
//! Docker name, channel id and chaincode name: lower-case letters, digits and single hyphens, a letter first.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error};

/// Longest name of a chain, in characters.
pub const CHAIN_NAME_MAX: usize = 24;
/// Longest name of an organization, in characters.
pub const ORGANIZATION_NAME_MAX: usize = 20;
/// Longest name of a template, in characters: a chain made from it has a number behind that.
pub const TEMPLATE_NAME_MAX: usize = 18;
/// Longest name of anything else, in characters.
pub const NAME_MAX: usize = 40;

/// Checks `[a-z][a-z0-9]*(-[a-z0-9]+)*` and the length.
fn check(text: &str, max: usize) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::invalid(Code::NameEmpty));
    }
    if text.len() > max {
        return Err(Error::invalid(Code::NameTooLong).with("max", max));
    }
    let starts_with_letter = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let legal = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !starts_with_letter || !legal || text.ends_with('-') || text.contains("--") {
        return Err(Error::invalid(Code::NameMalformed).with("name", text));
    }
    Ok(())
}

/// What stands in the address of a page at the place of a chain's or a template's name: `/chains/new`.
const ADDRESSES: [&str; 1] = ["new"];

/// Refuses a name for a new chain or template by which nobody would come to its page. It is no matter of parsing: what has
/// such a name already keeps it.
pub fn check_address(name: &str) -> Result<(), Error> {
    if ADDRESSES.contains(&name) {
        return Err(Error::invalid(Code::NameReserved).with("name", name).on("name"));
    }
    Ok(())
}

/// Declares a validated name; it can only be made by parsing.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses a name; the error says what is wrong with it.
            pub fn parse(text: &str) -> Result<Self, Error> {
                check(text, $max)?;
                Ok(Self(text.to_owned()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// Name of a chain, unique in the portal.
    ChainName,
    CHAIN_NAME_MAX
);
name!(
    /// Name of an organization, unique in its chain.
    OrganizationName,
    ORGANIZATION_NAME_MAX
);
name!(
    /// Short name of a node: `peer0-org1`, `orderer0`.
    NodeName,
    NAME_MAX
);
name!(
    /// Name of a host, unique in the portal.
    HostName,
    NAME_MAX
);
name!(
    /// Name of a channel, unique in its chain.
    ChannelName,
    NAME_MAX
);
name!(
    /// Name of a chaincode, unique on its channel.
    ChaincodeName,
    NAME_MAX
);
name!(
    /// Name of a template, unique in the portal.
    TemplateName,
    TEMPLATE_NAME_MAX
);
name!(
    /// Name under which a person signs in; always lower case.
    UserName,
    NAME_MAX
);

impl OrganizationName {
    /// The MSP ID under which the organization is known on its channels: `org1` → `Org1MSP`.
    pub fn msp_id(&self) -> String {
        let mut parts = String::new();
        for word in self.0.split('-') {
            let mut letters = word.chars();
            if let Some(first) = letters.next() {
                parts.push(first.to_ascii_uppercase());
                parts.push_str(letters.as_str());
            }
        }
        parts.push_str("MSP");
        parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_every_system_takes() {
        for good in ["a", "org1", "my-chain-2", "x9"] {
            assert!(ChainName::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(25);
        for bad in ["", "1a", "-a", "a-", "a--b", "A", "a_b", "a.b", "ä", "a b", long.as_str()] {
            assert!(ChainName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_that_is_the_address_of_another_page_is_read_and_not_given() {
        assert!(ChainName::parse("new").is_ok());
        let refused = check_address("new").unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), (Code::NameReserved, Some("name")));
        assert_eq!(check_address("newer"), Ok(()));
    }

    #[test]
    fn a_name_from_json_is_checked() {
        assert!(serde_json_like("Org").is_err());
        assert!(serde_json_like("org").is_ok());
    }

    fn serde_json_like(text: &str) -> Result<ChainName, Error> {
        ChainName::try_from(text.to_owned())
    }

    #[test]
    fn msp_ids_are_distinct_for_names_that_users_choose() {
        assert_eq!(OrganizationName::parse("org1").unwrap().msp_id(), "Org1MSP");
        assert_eq!(OrganizationName::parse("big-bank").unwrap().msp_id(), "BigBankMSP");
    }
}
