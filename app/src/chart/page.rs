//! Which charts stand on which page, in the words of a language.

use domain::chain::{ChainState, Health, HealthView};
use domain::permission::Role;
use domain::stats::{OverviewView, Share, StatsView};

use super::share::{Part, bar, ring};
use super::{bars, cards, escape, spark};
use crate::components::badge::{chain_state, health};
use crate::text::{Lang, StatsText, fill};

/// The overview: range, chains, figures, what happened last.
pub fn overview(figures: &StatsView, tag: &str) -> OverviewView {
    let lang = Lang::parse(tag).unwrap_or(Lang::En);
    let has_chains = figures.chains.total > 0;
    let mut sections = vec![range(figures, lang), charts(figures, lang)];
    if has_chains {
        sections.insert(0, chains(figures, lang));
    }
    sections.push(cards::operations(lang, &figures.operations));
    sections.push(cards::submitted(lang, &figures.submitted));
    let has_hosts = figures.hosts.as_ref().map(|hosts| hosts.states.iter().any(|share| share.count > 0));
    OverviewView { has_chains, has_hosts, sections }
}

/// The panels of the screen on a wall, one after another.
pub fn wall(figures: &StatsView, tag: &str) -> Vec<String> {
    let lang = Lang::parse(tag).unwrap_or(Lang::En);
    let t = lang.text().stats();
    let line = spark::line(t.transactions_daily, &figures.transactions).unwrap_or_default();
    let numbers = format!(
        "<p class=\"wall-number\">{}</p><p class=\"wall-number\">{}</p>",
        counted(t.all_chains, figures.chains.total),
        counted(t.running_now, figures.running)
    );
    let mut panels = vec![
        format!("{numbers}{}", chain_shares(figures, lang)),
        format!("<div class=\"wall-line\">{line}</div>{}", daily(figures, t)),
    ];
    let hosts = host_shares(figures, lang);
    if !hosts.is_empty() {
        panels.push(hosts);
    }
    if !figures.cards.is_empty() {
        panels.push(cards::names(lang, &figures.cards));
    }
    panels
}

fn counted(template: &str, count: u32) -> String {
    escape(&fill(template, &[("n", count.to_string())]))
}

fn chains(figures: &StatsView, lang: Lang) -> String {
    let t = lang.text();
    let shown = u32::try_from(figures.cards.len()).unwrap_or(u32::MAX);
    let more = match shown < figures.chains.total {
        true => format!("<p>{}</p>", cards::link("/chains", t.stats().chains_more)),
        false => String::new(),
    };
    format!("<h2>{}</h2>{}{more}", escape(t.chains), cards::chains(lang, &figures.cards))
}

/// Links to the other range, and to the wall for those who may hang it up.
fn range(figures: &StatsView, lang: Lang) -> String {
    let t = lang.text().stats();
    let link = |days: u32, words: &str| {
        let current = if figures.days == days { " aria-current=\"true\"" } else { "" };
        let address = format!("/?days={days}");
        let words = escape(words);
        ["<li><a class=\"button\"", current, " href=\"", &address, "\">", &words, "</a></li>"].concat()
    };
    let wall = figures.hosts.as_ref().map_or_else(String::new, |_| {
        format!("<a href=\"/wall\" rel=\"external\">{}</a>", escape(t.wall_open))
    });
    format!(
        "<div class=\"row\"><nav aria-label=\"{}\"><ul class=\"inline chart-range\">{}{}</ul></nav>{wall}</div>",
        escape(t.range),
        link(7, t.days_7),
        link(30, t.days_30)
    )
}

fn charts(figures: &StatsView, lang: Lang) -> String {
    let t = lang.text().stats();
    let numbers = format!("<p>{}</p>", counted(t.running_now, figures.running));
    let people = figures
        .people
        .as_ref()
        .map_or_else(String::new, |people| bar(t.people_roles, &parts(people, |word| role(lang, word)), t));
    format!(
        "{numbers}<div class=\"charts\">{}{}{}{people}</div>",
        daily(figures, t),
        chain_shares(figures, lang),
        host_shares(figures, lang)
    )
}

fn daily(figures: &StatsView, t: &'static StatsText) -> String {
    bars::bars(t.transactions_daily, &figures.transactions, true, t)
        + &bars::bars(t.chains_daily, &figures.created, false, t)
}

fn chain_shares(figures: &StatsView, lang: Lang) -> String {
    let (t, chains) = (lang.text().stats(), &figures.chains);
    if chains.total == 0 {
        return String::new();
    }
    let mut out = bar(t.chain_states, &parts(&chains.states, |word| state(lang, word)), t);
    out += &bar(t.chain_healths, &parts(&chains.healths, |word| well(lang, word)), t);
    out += &ring(t.chain_consensus, &parts(&chains.consensus, proper), t);
    out += &bar(t.chain_versions, &parts(&chains.versions, proper), t);
    if !chains.hosts.is_empty() {
        out += &bar(t.chain_hosts, &parts(&chains.hosts, str::to_owned), t);
    }
    out
}

/// Nothing for whoever may not know of hosts.
fn host_shares(figures: &StatsView, lang: Lang) -> String {
    let t = lang.text().stats();
    let Some(hosts) = figures.hosts.as_ref().filter(|hosts| !hosts.states.is_empty()) else {
        return String::new();
    };
    let room = [
        (t.places_used.to_owned(), hosts.used),
        (t.places_free.to_owned(), hosts.capacity.saturating_sub(hosts.used)),
    ];
    bar(t.host_states, &parts(&hosts.states, |word| host(lang, word)), t)
        + &bar(t.host_kinds, &parts(&hosts.kinds, proper), t)
        + &bar(t.places, &room, t)
}

fn parts(shares: &[Share], words: impl Fn(&str) -> String) -> Vec<Part> {
    shares.iter().map(|share| (words(&share.word), share.count)).collect()
}

/// Names that are the same in every language; an unknown word stays as it is.
fn proper(word: &str) -> String {
    match word {
        "raft" => "Raft",
        "bft" => "BFT",
        "docker" => "Docker",
        "kubernetes" => "Kubernetes",
        other => other,
    }
    .to_owned()
}

fn state(lang: Lang, word: &str) -> String {
    let known = ChainState::ALL.into_iter().find(|state| state.as_str() == word);
    known.map_or_else(|| word.to_owned(), |known| chain_state(known).1(lang.text()).to_owned())
}

fn well(lang: Lang, word: &str) -> String {
    let known = match word {
        "ok" => Health::Ok,
        "degraded" => Health::Degraded,
        "unreachable" => Health::Unreachable,
        _ => Health::Unknown,
    };
    health(&HealthView { health: known, ..HealthView::default() }).1(lang.text()).to_owned()
}

fn host(lang: Lang, word: &str) -> String {
    let t = lang.text();
    match word {
        "active" => t.state_active,
        "inactive" => t.state_inactive,
        _ => t.state_unknown,
    }
    .to_owned()
}

fn role(lang: Lang, word: &str) -> String {
    let t = lang.text();
    match Role::parse(word) {
        Some(Role::Admin) => t.role_admin.to_owned(),
        Some(Role::Operator) => t.role_operator.to_owned(),
        Some(Role::User) => t.role_user.to_owned(),
        None => word.to_owned(),
    }
}
