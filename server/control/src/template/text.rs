//! Templates as YAML, to take to another portal. What is read is bounded, names no unknown field, and is checked like
//! what comes from a form.

use domain::template::{TEXT_BYTES_MAX, Template};
use domain::{Code, Error};

use crate::chain::yaml::document;
use crate::error::internal;

/// Longest part of the reader's words that is shown, in characters.
const WHY_MAX: usize = 200;

/// Writes a template.
pub(super) fn write(template: &Template) -> Result<String, Error> {
    let value = serde_json::to_value(template).map_err(|error| internal("write a template", error))?;
    Ok(document(&value))
}

/// Reads a template and checks it.
pub(super) fn read(text: &str) -> Result<Template, Error> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::invalid(Code::TemplateTooLarge).with("max", TEXT_BYTES_MAX).on("text"));
    }
    // Anchors and aliases are not taken: a few lines of them can unfold into gigabytes.
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_anchors: 0,
            max_aliases: 0,
            max_documents: 1,
            max_depth: 16,
            max_events: 4_000,
            max_nodes: 2_000,
        },
        merge_keys: serde_saphyr::MergeKeyPolicy::AsOrdinary,
        with_snippet: false,
    };
    let template: Template = serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let words = error.to_string();
        let why: String = words.lines().next().unwrap_or_default().chars().take(WHY_MAX).collect();
        Error::invalid(Code::TemplateMalformed)
            .with("line", line)
            .with("column", column)
            .with("why", why)
            .on("text")
    })?;
    template.check()?;
    Ok(template)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use domain::chain::{Consensus, FabricVersion, NodeResources, OrganizationSpec};
    use domain::name::{ChaincodeName, ChannelName, OrganizationName, TemplateName};
    use domain::template::TemplateChaincode;

    use super::*;

    fn template() -> Template {
        Template {
            name: TemplateName::parse("large").unwrap(),
            title: "Large: \"two\" lines\nand 'quotes' # no comment".to_owned(),
            description: "on".to_owned(),
            version: FabricVersion::V3_1,
            consensus: Consensus::Bft,
            orderers: 4,
            organizations: vec![OrganizationSpec {
                name: OrganizationName::parse("org1").unwrap(),
                peers: 2,
            }],
            channel: ChannelName::parse("mychannel").unwrap(),
            batch_timeout_ms: 200,
            resources: NodeResources::DEFAULT,
            chaincode: Some(TemplateChaincode {
                name: ChaincodeName::parse("example02").unwrap(),
                version: "1".to_owned(),
                image: None,
                policy: Some("OR('Org1MSP.peer')".to_owned()),
                init_required: true,
            }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut template = template();
        for chaincode in [template.chaincode.clone(), None] {
            template.chaincode = chaincode;
            assert_eq!(read(&write(&template).unwrap()), Ok(template.clone()));
        }
    }

    #[test]
    fn people_may_write_it_more_plainly() {
        let text = "name: small\ntitle: Small\nversion: \"2.5\"\nconsensus: raft\norderers: 1\norganizations:\n\
            - {name: org1, peers: 1}\nchannel: mychannel\nbatch_timeout_ms: 200\n\
            resources: {cpu_milli: 1000, memory_mib: 512}\n";
        let read = read(text).unwrap();
        assert_eq!((read.name.as_str(), read.description.as_str(), read.chaincode), ("small", "", None));
    }

    /// The code, and the line or the field that is named.
    fn refused(text: &str) -> (Code, String) {
        let error = read(text).unwrap_err();
        let line = error.values.get("line").cloned();
        (error.code, line.or(error.field).unwrap_or_default())
    }

    #[test]
    fn a_refusal_names_its_line_or_its_field() {
        let good = write(&template()).unwrap();
        let line_of = |word: &str| {
            let at = good.lines().position(|line| line.contains(word)).unwrap() + 1;
            at.to_string()
        };
        let unknown = good.replace("\"orderers\"", "\"admins\"");
        assert_eq!(refused(&unknown).0, Code::TemplateMalformed);
        let count = good.replace("\"orderers\": 4", "\"orderers\": many");
        assert_eq!(refused(&count), (Code::TemplateMalformed, line_of("\"orderers\"")));
        let name = good.replace("\"org1\"", "\"Org 1\"");
        assert_eq!(refused(&name).0, Code::TemplateMalformed);
        let three = good.replace("\"orderers\": 4", "\"orderers\": 3");
        assert_eq!(refused(&three), (Code::OrdererCountBft, "orderers".to_owned()));
    }

    #[test]
    fn hostile_texts_are_refused_and_stay_small() {
        let good = write(&template()).unwrap();
        let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (name, before) in [('b', 'a'), ('c', 'b'), ('d', 'c')] {
            writeln!(bomb, "{name}: &{name} [*{before}, *{before}, *{before}, *{before}]").unwrap();
        }
        let deep = "[".repeat(10_000);
        let twice = format!("{good}\"orderers\": 7\n");
        let second = format!("{good}---\n{good}");
        let merged = format!("{good}\"<<\": {{\"orderers\": 7}}\n");
        let made = [&bomb, &deep, &twice, &second, &merged].map(String::as_str);
        let texts = ["", "- a", "null", "\u{0}", "!!binary x"].into_iter().chain(made);
        for text in texts {
            let error = read(text).unwrap_err();
            assert_eq!(error.code, Code::TemplateMalformed, "{}", text.chars().take(40).collect::<String>());
            assert!(error.values["why"].chars().count() <= WHY_MAX);
        }
        let large = format!("{good}# {}\n", "x".repeat(TEXT_BYTES_MAX));
        assert_eq!(refused(&large), (Code::TemplateTooLarge, "text".to_owned()));
    }
}
