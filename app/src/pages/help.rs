//! A section of the manual, in the language of the page.

use leptos::prelude::*;

use super::parameter;
use crate::api::help::help_read;
use crate::components::badge::Pick;
use crate::components::load::load;
use crate::components::page::Page;
use crate::fetched::Fetched;
use crate::help::{Block, Span};
use crate::text::{say, tr, use_lang, words};

/// Sections in the order of the contents, with their titles.
const CONTENTS: [(&str, Pick); 12] = [
    ("overview", |t| t.overview),
    ("hosts", |t| t.hosts),
    ("clusters", |t| t.keys().clusters),
    ("chains", |t| t.chains),
    ("channels", |t| t.channels),
    ("chaincode", |t| t.chaincode),
    ("calls", |t| t.keys().calls),
    ("operations", |t| t.operations),
    ("pool", |t| t.keys().pool),
    ("people", |t| t.users),
    ("account", |t| t.account),
    ("audit", |t| t.audit),
];

/// The page.
#[component]
pub fn Help() -> impl IntoView {
    let (section, lang) = (parameter("section"), use_lang());
    let asked = move || {
        let section = section.get();
        let section = if section.is_empty() { "overview".to_owned() } else { section };
        (section, lang.get().tag())
    };
    // The manual itself is above each of its sections.
    let above = match section.read_untracked().is_empty() {
        true => Vec::new(),
        false => vec![(words(|t| t.help), "/help".to_owned())],
    };
    let title = Signal::derive(say(move |t| title_of(&section.read())(t).to_owned()));
    let blocks = Fetched::new(asked, |(section, lang)| help_read(section, lang.to_owned()));
    view! {
        <Page title=title crumbs=above>
            <div class="help">
                {contents()}
                <article class="card">{load(blocks, |blocks, _| article(blocks))}</article>
            </div>
        </Page>
    }
}

/// The title of a section; that of the manual for any other word.
fn title_of(section: &str) -> Pick {
    let known = CONTENTS.into_iter().find(|(known, _)| *known == section);
    let manual: Pick = |t| t.help;
    known.map_or(manual, |(_, title)| title)
}

fn contents() -> AnyView {
    let items = CONTENTS
        .into_iter()
        .map(|(section, title)| view! { <li><a href=format!("/help/{section}")>{tr(title)}</a></li> })
        .collect_view();
    view! { <nav aria-label=tr(|t| t.keys().contents)><ul>{items}</ul></nav> }.into_any()
}

/// Below the title of the page, so each heading is one level further down.
fn article(blocks: Vec<Block>) -> AnyView {
    blocks.into_iter().map(block).collect_view().into_any()
}

fn block(block: Block) -> AnyView {
    match block {
        Block::Heading(1, words) => view! { <h2>{words}</h2> }.into_any(),
        Block::Heading(2, words) => view! { <h3>{words}</h3> }.into_any(),
        Block::Heading(_, words) => view! { <h4>{words}</h4> }.into_any(),
        Block::Paragraph(spans) => view! { <p>{line(spans)}</p> }.into_any(),
        Block::List { is_ordered, items } => {
            let items = items.into_iter().map(|item| view! { <li>{line(item)}</li> }).collect_view();
            match is_ordered {
                true => view! { <ol>{items}</ol> }.into_any(),
                false => view! { <ul>{items}</ul> }.into_any(),
            }
        }
        Block::Code(text) => view! { <pre tabindex="0"><code>{text}</code></pre> }.into_any(),
    }
}

fn line(spans: Vec<Span>) -> AnyView {
    let span = |span| match span {
        Span::Text(words) => words.into_any(),
        Span::Strong(words) => view! { <strong>{words}</strong> }.into_any(),
        Span::Code(words) => view! { <code>{words}</code> }.into_any(),
        Span::Link(words, address) => view! { <a href=address>{words}</a> }.into_any(),
    };
    spans.into_iter().map(span).collect_view().into_any()
}
