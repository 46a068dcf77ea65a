//! The drawings to the letter, and that nothing from outside becomes markup.

use domain::operation::{OperationState, OperationSummary};
use domain::stats::{ChainFigures, Day, HostFigures, Share, StatsView};
use serde_json::json;

use super::{bars, escape, overview, share, spark, wall};
use crate::text::Lang;

/// A day with, a day before anybody counted, a day without, and a day with some.
fn days() -> [Day; 4] {
    let day = |day, total, failed| Day { day, total, failed };
    [day(20_000, Some(4), 1), day(20_001, None, 0), day(20_002, Some(0), 0), day(20_003, Some(2), 0)]
}

#[test]
fn bars_leave_gaps_where_nothing_was_counted() {
    let drawn = concat!(
        "<svg class=\"chart-bars\" role=\"img\" aria-label=\"T\" viewBox=\"0 0 80 104\">",
        "<rect class=\"chart-bar\" x=\"4\" y=\"4\" width=\"12\" height=\"96\"><title>2024-10-04: 4</title></rect>",
        "<rect class=\"chart-bar-failed\" x=\"4\" y=\"76\" width=\"12\" height=\"24\">",
        "<title>2024-10-04: 1</title></rect>",
        "<path class=\"chart-gap\" d=\"M24 100h12\"/>",
        "<rect class=\"chart-bar\" x=\"64\" y=\"52\" width=\"12\" height=\"48\"><title>2024-10-07: 2</title></rect>",
        "<path class=\"chart-ground\" d=\"M0 102h80\"/></svg>",
    );
    assert_eq!(bars::drawing("T", &days()).as_deref(), Some(drawn));
}

#[test]
fn a_small_bar_is_still_seen_and_a_large_number_fits() {
    let of = |total| Day { day: 20_000, total: Some(total), failed: 0 };
    let drawn = bars::drawing("T", &[of(u32::MAX), of(1)]).unwrap();
    assert!(drawn.contains("height=\"96\"") && drawn.contains("height=\"1\""), "{drawn}");
}

#[test]
fn a_line_breaks_where_nothing_was_counted() {
    let drawn = "<svg class=\"chart-spark\" role=\"img\" aria-label=\"T\" viewBox=\"0 0 40 40\">\
        <path class=\"chart-line\" d=\"M5 2M25 38L35 20\"/></svg>";
    assert_eq!(spark::line("T", &days()).as_deref(), Some(drawn));
}

#[test]
fn shares_fill_the_whole() {
    let t = Lang::En.text().stats();
    let parts = [("A".to_owned(), 1), ("B".to_owned(), 3)];
    let bar = share::bar("T", &parts, t);
    for part in [
        "<rect class=\"chart-s0\" x=\"0\" y=\"0\" width=\"100\" height=\"24\"/>",
        "<rect class=\"chart-s1\" x=\"100\" y=\"0\" width=\"300\" height=\"24\"/>",
        "<th scope=\"row\">B</th><td class=\"number\">3</td><td class=\"number\">75 %</td>",
    ] {
        assert!(bar.contains(part), "{part} in {bar}");
    }
    let ring = share::ring("T", &parts, t);
    for part in [
        "stroke-dasharray=\"250 750\" stroke-dashoffset=\"-0\"",
        "stroke-dasharray=\"750 250\" stroke-dashoffset=\"-250\"",
    ] {
        assert!(ring.contains(part), "{part} in {ring}");
    }
}

#[test]
fn what_is_empty_says_so() {
    let t = Lang::En.text().stats();
    let none = [Day { day: 20_000, total: Some(0), failed: 0 }, Day { day: 20_001, total: None, failed: 0 }];
    for empty in [
        bars::bars("T", &none, true, t),
        bars::bars("T", &[], true, t),
        share::bar("T", &[], t),
        share::ring("T", &[("A".to_owned(), 0)], t),
    ] {
        assert!(empty.contains(t.nothing_yet) && !empty.contains("<svg"), "{empty}");
    }
    assert_eq!(spark::line("T", &none), None);
}

#[test]
fn every_chart_has_a_caption_and_its_numbers() {
    let view = hostile();
    for lang in Lang::ALL {
        for section in overview(&view, lang.tag()).sections {
            let figures = section.matches("<figure").count();
            assert_eq!(figures, section.matches("<figcaption>").count());
            assert_eq!(section.matches("role=\"img\"").count(), section.matches("<details>").count());
        }
    }
    let bars = bars::bars("T", &days(), true, Lang::En.text().stats());
    let row = "<tr><th scope=\"row\">2024-10-05</th><td class=\"number\">not counted yet</td><td class=\"number\"></td></tr>";
    assert!(bars.contains(row), "{bars}");
}

const SCRIPT: &str = "\"'><script>alert(1)</script>";

/// Figures in which everything that is text tries to be more.
fn hostile() -> StatsView {
    let shares = || vec![Share { word: SCRIPT.to_owned(), count: 2 }];
    let card = json!({
        "name": "demo", "state": "running", "host": "h", "host_name": SCRIPT, "version": "3.1",
        "health": { "health": "degraded", "ailments": [
            { "node": SCRIPT, "why": domain::Error::unavailable(domain::Code::NodeUnwell).with("why", SCRIPT) }
        ], "checked_ms": 1 },
        "consensus": "raft", "organizations": 1, "peers": 1, "orderers": 1, "owner": null,
        "created_ms": 1, "operation": SCRIPT, "operation_failed": false, "expires_ms": 86_400_000
    });
    let submitted = json!({
        "id": SCRIPT, "chain": "demo", "channel": "mychannel", "chaincode": "example02", "function": SCRIPT,
        "arguments": [], "state": "valid", "block": null, "payload": "", "created_ms": 1, "duration_ms": 1
    });
    StatsView {
        days: 7,
        hosts: Some(HostFigures { states: shares(), kinds: shares(), capacity: 3, used: 2 }),
        people: Some(shares()),
        chains: ChainFigures {
            total: 2,
            states: shares(),
            healths: shares(),
            consensus: shares(),
            versions: shares(),
            hosts: shares(),
        },
        transactions: days().to_vec(),
        created: days().to_vec(),
        running: 1,
        cards: vec![serde_json::from_value(card).unwrap()],
        operations: vec![OperationSummary {
            id: domain::id::OperationId::new(SCRIPT),
            name: SCRIPT.to_owned(),
            subject: format!("chain/{SCRIPT}"),
            subject_is_there: true,
            owner: SCRIPT.to_owned(),
            state: OperationState::Running,
            steps_done: 0,
            steps: 1,
            created_ms: 1,
            ended_ms: None,
        }],
        submitted: vec![serde_json::from_value(submitted).unwrap()],
    }
}

#[test]
fn nothing_from_outside_becomes_markup() {
    assert_eq!(escape("<a href=\"x\">'&"), "&lt;a href=&quot;x&quot;&gt;&#39;&amp;");
    for lang in Lang::ALL {
        let page = overview(&hostile(), lang.tag()).sections.concat();
        let wall = wall(&hostile(), lang.tag()).concat();
        for markup in [page, wall] {
            assert!(!markup.contains("<script") && !markup.contains("'>"), "{markup}");
            assert!(markup.contains("&lt;script&gt;"), "the names are shown");
            assert_eq!(markup.matches('<').count(), markup.matches('>').count());
        }
    }
}

#[test]
fn a_card_says_until_when_the_chain_is_somebodys() {
    let page = overview(&hostile(), "en").sections.concat();
    assert!(page.contains("Until <time datetime=\"1970-01-02T00:00:00Z\">"), "{page}");
}

#[test]
fn whoever_may_not_know_of_hosts_sees_nothing_of_them() {
    let mut view = hostile();
    (view.hosts, view.people, view.chains.hosts) = (None, None, Vec::new());
    let sent = overview(&view, "en");
    let page = sent.sections.concat();
    assert_eq!(sent.has_hosts, None);
    let t = Lang::En.text().stats();
    for words in [t.host_states, t.host_kinds, t.places, t.chain_hosts, t.people_roles, t.wall_open] {
        assert!(!page.contains(words), "{words}");
    }
}
