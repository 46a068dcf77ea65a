//! Why a node does not run: a sentence with its fix in the language of the page, and beside it what the host said, which
//! speaks English only.

use domain::chain::Ailment;
use domain::node::{NodeReason, ReasonKind};
use leptos::prelude::*;

use super::badge::Pick;
use crate::text::{Lang, refusal_text, say_in, tr};

/// The sentence of a kind of reason, with its fix.
pub fn reason_text(kind: ReasonKind) -> Pick {
    match kind {
        ReasonKind::ImageNotOnHost => |t| t.node().image_not_on_host,
        ReasonKind::ImageNotInRegistry => |t| t.node().image_not_in_registry,
        ReasonKind::ImageDenied => |t| t.node().image_denied,
        ReasonKind::RegistryUnreachable => |t| t.node().registry_unreachable,
        ReasonKind::ImageNotPulled => |t| t.node().image_not_pulled,
        ReasonKind::ImageNameMalformed => |t| t.node().image_name_malformed,
        ReasonKind::NoMachine => |t| t.node().no_machine,
        ReasonKind::MachineOutOfSight => |t| t.node().machine_out_of_sight,
        ReasonKind::MachineClosed => |t| t.node().machine_closed,
        ReasonKind::OutOfMemory => |t| t.node().out_of_memory,
        ReasonKind::EndsAgain => |t| t.node().ends_again,
        ReasonKind::NotWell => |t| t.node().not_well,
        ReasonKind::MovedAway => |t| t.node().moved_away,
        ReasonKind::CannotBeMade => |t| t.node().cannot_be_made,
        ReasonKind::CannotStart => |t| t.node().cannot_start,
        ReasonKind::NotAllowed => |t| t.node().not_allowed,
        ReasonKind::NotMounted => |t| t.node().not_mounted,
        ReasonKind::NoVolume => |t| t.node().no_volume,
        ReasonKind::NoNetwork => |t| t.node().no_network,
        ReasonKind::DataGoing => |t| t.node().data_going,
        ReasonKind::Paused => |t| t.node().paused,
        ReasonKind::Other => |t| t.node().other_reason,
    }
}

/// The sentence, and the host's words below it.
pub fn node_reason(reason: &NodeReason) -> AnyView {
    let said = reason.said.clone().map(|said| view! { <div class="muted small" lang="en">{said}</div> });
    view! {
        <div>{tr(reason_text(reason.kind))}</div>
        {said}
    }
    .into_any()
}

/// One line of what is wrong, with the node it is about; what an engine or Fabric said stands behind it in their own words.
pub fn ailment_item(ailment: &Ailment) -> AnyView {
    let node = ailment.node.as_ref().map(|node| format!("{node}: "));
    let ailment = ailment.clone();
    view! { <li>{node} {say_in(move |lang| ailment_text(lang, &ailment))}</li> }.into_any()
}

/// What is wrong with a node or a chain, and behind it the sentence of the host's reason, if the host told one.
pub fn ailment_text(lang: Lang, ailment: &Ailment) -> String {
    let why = refusal_text(lang, &ailment.why);
    match ailment.reason {
        Some(kind) => format!("{why} {}", reason_text(kind)(lang.text())),
        None => why,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::{Code, Error};

    use super::*;

    #[test]
    fn the_hosts_reason_stands_behind_what_is_wrong() {
        let why = Error::unavailable(Code::NodeNotRunning).with("state", "restarting");
        let bare = Ailment::of("peer0", why);
        let with = Ailment { reason: Some(ReasonKind::EndsAgain), ..bare.clone() };
        for lang in [Lang::En, Lang::Zh] {
            let told = ailment_text(lang, &bare);
            assert_eq!(told, refusal_text(lang, &bare.why));
            let reason = reason_text(ReasonKind::EndsAgain)(lang.text());
            assert_eq!(ailment_text(lang, &with), format!("{told} {reason}"));
        }
    }

    #[test]
    fn every_kind_has_a_sentence_of_its_own_with_its_fix_in_both_languages() {
        for (lang, end) in [(Lang::En, '.'), (Lang::Zh, '。')] {
            let sentences: Vec<&str> =
                ReasonKind::ALL.iter().map(|kind| reason_text(*kind)(lang.text())).collect();
            for sentence in &sentences {
                // What is wrong, and behind it what to do.
                assert!(sentence.ends_with(end), "{sentence}");
                let marks = ['.', ';', '。', '；', '：', ','];
                assert!(sentence.matches(marks).count() > 1, "{sentence}");
            }
            assert_eq!(sentences.iter().collect::<BTreeSet<_>>().len(), ReasonKind::ALL.len());
        }
    }
}
