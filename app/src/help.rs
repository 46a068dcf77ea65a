//! The manual: one section for each kind of page, in both languages, built into the binary. The browser gets a section as
//! its parts; what is written in it is never markup.

use serde::{Deserialize, Serialize};

#[cfg(any(test, feature = "ssr"))]
mod sections;
#[cfg(any(test, feature = "ssr"))]
mod written;

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// The first one is the title.
    Heading(u8, String),
    Paragraph(Vec<Span>),
    List {
        is_ordered: bool,
        items: Vec<Vec<Span>>,
    },
    Code(String),
}

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Span {
    Text(String),
    Strong(String),
    Code(String),
    /// Words and a path of the portal.
    Link(String, String),
}

/// The section that tells of the page of a path.
pub fn section_of(path: &str) -> &'static str {
    let mut parts = path.trim_matches('/').split('/');
    let (first, _, third) =
        (parts.next().unwrap_or_default(), parts.next(), parts.next().unwrap_or_default());
    match (first, third) {
        ("hosts", _) => "hosts",
        ("chains", "channels") => "channels",
        ("chains", "chaincode") => "chaincode",
        ("chains", "invoke" | "transactions" | "blocks") => "calls",
        ("chains", _) => "chains",
        ("operations", _) => "operations",
        ("users" | "settings", _) => "people",
        ("audit", _) => "audit",
        ("account" | "profile" | "sessions" | "tokens", _) => "account",
        ("pool" | "templates" | "apply", _) => "pool",
        _ => "overview",
    }
}

/// A section for whoever is signed in.
#[cfg(feature = "ssr")]
pub fn read(
    caller: &control::caller::Caller,
    section: &str,
    lang: &str,
) -> Result<Vec<Block>, domain::Error> {
    caller.require_user()?;
    let lang = crate::text::Lang::parse(lang).unwrap_or(crate::text::Lang::En);
    sections::text(section, lang).map(written::parsed).ok_or_else(domain::Error::not_found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::sections::{ALL, text};
    use super::written::parsed;
    use super::*;
    use crate::text::Lang;

    /// The paths of the pages, as the route table writes them.
    fn pages() -> Vec<String> {
        let source = include_str!("lib.rs");
        let mut parent = String::new();
        let mut pages = Vec::new();
        for line in source.lines() {
            let Some((_, rest)) = line.split_once("path!(\"") else { continue };
            let path = rest.split('"').next().unwrap_or_default();
            if line.contains("<ParentRoute") {
                parent = path.to_owned();
            } else if path.starts_with('/') {
                pages.push(path.to_owned());
            } else {
                let path = format!("{parent}/{path}");
                let trimmed = path.trim_end_matches('/');
                pages.push(if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() });
            }
        }
        pages
    }

    fn links(blocks: &[Block]) -> Vec<String> {
        let spans = blocks.iter().flat_map(|block| match block {
            Block::Paragraph(spans) => spans.clone(),
            Block::List { items, .. } => items.concat(),
            Block::Heading(..) | Block::Code(_) => Vec::new(),
        });
        spans
            .filter_map(|span| match span {
                Span::Link(_, address) => Some(address),
                Span::Text(_) | Span::Strong(_) | Span::Code(_) => None,
            })
            .collect()
    }

    /// Where a page stands at the place of a name, nothing new is called like it.
    #[test]
    fn no_chain_or_template_is_called_like_a_page() {
        let pages = pages();
        let mut found = 0;
        for page in &pages {
            let Some((parent, last)) = page.rsplit_once('/') else { continue };
            if !last.starts_with(':') && pages.contains(&format!("{parent}/:name")) {
                found += 1;
                assert!(domain::name::check_address(last).is_err(), "{page}");
            }
        }
        assert!(found > 1, "{pages:?}");
    }

    #[test]
    fn u52_every_page_has_a_section_in_both_languages() {
        let pages = pages();
        assert!(pages.len() > 20, "{pages:?}");
        for page in &pages {
            for lang in Lang::ALL {
                assert!(text(section_of(page), lang).is_some(), "{page} in {}", lang.tag());
            }
        }
        let told: BTreeSet<&str> = pages.iter().map(|page| section_of(page)).collect();
        assert!(told.len() > 7, "{told:?}");
    }

    #[test]
    fn u52_links_of_the_manual_lead_somewhere() {
        let pages = pages();
        for lang in Lang::ALL {
            for section in ALL {
                let blocks = parsed(text(section, lang).unwrap());
                assert!(matches!(blocks.first(), Some(Block::Heading(1, _))), "{section} has no title");
                for link in links(&blocks) {
                    let known = match link.strip_prefix("/help/") {
                        Some(section) => ALL.contains(&section),
                        None => link == "/" || pages.contains(&link),
                    };
                    assert!(known, "{link} in {section}, {}", lang.tag());
                }
            }
        }
    }

    #[test]
    fn both_languages_have_the_same_parts() {
        for section in ALL {
            let kinds = |lang| {
                let blocks = parsed(text(section, lang).unwrap());
                let kind = |block: &Block| match block {
                    Block::Heading(level, _) => format!("h{level}"),
                    Block::Paragraph(_) => "p".to_owned(),
                    Block::List { is_ordered, items } => format!("list {is_ordered} {}", items.len()),
                    Block::Code(_) => "code".to_owned(),
                };
                blocks.iter().map(kind).collect::<Vec<_>>()
            };
            assert_eq!(kinds(Lang::En), kinds(Lang::Zh), "{section}");
        }
    }

    #[test]
    fn each_page_has_the_section_that_tells_of_it() {
        for (path, section) in [
            ("/", "overview"),
            ("/hosts/1f/edit", "hosts"),
            ("/chains", "chains"),
            ("/chains/demo/channels/mychannel", "channels"),
            ("/chains/demo/blocks/mychannel/1", "calls"),
            ("/chains/demo/nodes/peer0-org1", "chains"),
            ("/users", "people"),
            ("/nowhere", "overview"),
        ] {
            assert_eq!(section_of(path), section, "{path}");
        }
    }
}
