//! The sections as they are written.

use crate::text::Lang;

/// Every section, in the order of the contents.
#[cfg(test)]
pub const ALL: [&str; 12] = [
    "overview",
    "hosts",
    "clusters",
    "chains",
    "channels",
    "chaincode",
    "calls",
    "operations",
    "pool",
    "people",
    "account",
    "audit",
];

macro_rules! section {
    ($name:literal, $lang:expr) => {
        match $lang {
            Lang::En => include_str!(concat!("../../help/en/", $name, ".md")),
            Lang::Zh => include_str!(concat!("../../help/zh/", $name, ".md")),
        }
    };
}

/// The text of a section; none where there is no such section.
pub fn text(section: &str, lang: Lang) -> Option<&'static str> {
    Some(match section {
        "overview" => section!("overview", lang),
        "hosts" => section!("hosts", lang),
        "clusters" => section!("clusters", lang),
        "chains" => section!("chains", lang),
        "channels" => section!("channels", lang),
        "chaincode" => section!("chaincode", lang),
        "calls" => section!("calls", lang),
        "operations" => section!("operations", lang),
        "pool" => section!("pool", lang),
        "people" => section!("people", lang),
        "account" => section!("account", lang),
        "audit" => section!("audit", lang),
        _ => return None,
    })
}
