//! The picture of a chain: its orderers above, its organizations with their peers below. Drawn on the server as
//! SVG; shape says what a node is, fill and outline how it does. Each node is a link that reads its name and state;
//! the table of nodes on the same page says the same in text.

use domain::chain::ChainView;
use domain::node::{NodeKind, NodeView};
use leptos::prelude::*;

use super::badge::{Tone, node_state};
use crate::text::{say, tr};

const CELL: usize = 76;
const PAD: usize = 14;
const HEAD: usize = 26;
const COLUMNS: usize = 4;
const BOXES_PER_ROW: usize = 4;

/// A box of the picture: an organization and its nodes.
struct Group {
    title: String,
    nodes: Vec<NodeView>,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// Draws a chain.
pub fn topology(chain: &ChainView) -> AnyView {
    let (groups, width, height) = arrange(&chain.nodes);
    let name = chain.summary.name.to_string();
    let label = say(move |t| format!("{}: {name}", t.topology));
    let chain_name = chain.summary.name.to_string();
    let boxes = groups.into_iter().map(|group| drawn(group, &chain_name)).collect_view();
    view! {
        <figure class="topology">
            <svg
                viewBox=format!("0 0 {width} {height}")
                width=width.to_string()
                height=height.to_string()
                role="group"
                aria-label=label
            >
                {boxes}
            </svg>
            <figcaption class="muted small">{tr(|t| t.topology_hint)}</figcaption>
        </figure>
    }
    .into_any()
}

/// Places the boxes: orderers first, then organizations by name.
fn arrange(nodes: &[NodeView]) -> (Vec<Group>, usize, usize) {
    let mut titles: Vec<(bool, String)> = nodes.iter().map(title_of).collect();
    titles.sort();
    titles.dedup();
    let (mut groups, mut y, mut width) = (Vec::new(), PAD, 0);
    let (mut x, mut in_row, mut row_height) = (PAD, 0, 0);
    for (is_organization, title) in titles {
        let members: Vec<NodeView> =
            nodes.iter().filter(|n| title_of(n) == (is_organization, title.clone())).cloned().collect();
        let columns = members.len().clamp(1, COLUMNS);
        let rows = members.len().div_ceil(COLUMNS).max(1);
        let (w, h) = (columns.max(2) * CELL + PAD, rows * CELL + HEAD);
        if in_row == BOXES_PER_ROW {
            (x, y, in_row, row_height) = (PAD, y + row_height + PAD, 0, 0);
        }
        groups.push(Group { title, nodes: members, x, y, width: w, height: h });
        row_height = row_height.max(h);
        width = width.max(x + w + PAD);
        // Orderers stand in a row of their own.
        (x, in_row) = if is_organization { (x + w + PAD, in_row + 1) } else { (x, BOXES_PER_ROW) };
    }
    (groups, width.max(PAD), y + row_height + PAD)
}

fn title_of(node: &NodeView) -> (bool, String) {
    match (&node.kind, &node.organization) {
        (NodeKind::Orderer, _) | (_, None) => (false, String::new()),
        (_, Some(organization)) => (true, organization.to_string()),
    }
}

fn drawn(group: Group, chain: &str) -> AnyView {
    let is_orderers = group.title.is_empty();
    let title = group.title.clone();
    let words = say(move |t| if is_orderers { t.orderers.to_owned() } else { title.clone() });
    let nodes = group
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let x = group.x + PAD / 2 + index % COLUMNS * CELL + CELL / 2;
            let y = group.y + HEAD + index / COLUMNS * CELL + CELL / 2 - 8;
            mark(node, chain, x, y)
        })
        .collect_view();
    view! {
        <g>
            <rect
                class="topology-box"
                x=group.x.to_string()
                y=group.y.to_string()
                width=group.width.to_string()
                height=group.height.to_string()
                rx="8"
            ></rect>
            <text class="topology-title" x=(group.x + 10).to_string() y=(group.y + 18).to_string()>{words}</text>
            {nodes}
        </g>
    }
    .into_any()
}

fn mark(node: &NodeView, chain: &str, x: usize, y: usize) -> AnyView {
    let (tone, pick) = node_state(node.state);
    let name = node.name.to_string();
    let short = node.name.as_str().split('-').next().unwrap_or_default().to_owned();
    let label = say(move |t| format!("{name}: {}", pick(t)));
    let path = match node.kind {
        NodeKind::Orderer => "M0 -17 L17 0 L0 17 L-17 0 Z",
        NodeKind::Peer => "M-15 0 A15 15 0 1 0 15 0 A15 15 0 1 0 -15 0 Z",
        NodeKind::Ca => "M0 -17 L16 13 L-16 13 Z",
        NodeKind::Chaincode => "M-14 -14 H14 V14 H-14 Z",
    };
    // A second sign beside the colour: a tick, a bar, a cross, a ring.
    let sign = match tone {
        Tone::Good => "M-6 0 L-2 5 L7 -5",
        Tone::Bad => "M-5 -5 L5 5 M5 -5 L-5 5",
        Tone::Warn => "M0 -7 V2 M0 6 V7",
        Tone::Busy => "M-6 0 H-5 M0 0 H1 M5 0 H6",
        Tone::Quiet => "M-6 0 H6",
    };
    view! {
        <svg x=(x.saturating_sub(38)).to_string() y=(y.saturating_sub(24)).to_string() width="76" height="66">
            <a href=format!("/chains/{chain}/nodes/{}", node.name) class="topology-node" aria-label=label>
                <g transform="translate(38 24)" class=format!("tone-{}", tone.as_str())>
                    <path class="topology-shape" d=path></path>
                    <path class="topology-sign" d=sign></path>
                </g>
                <text class="topology-name" x="38" y="56" text-anchor="middle">{short}</text>
            </a>
        </svg>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use domain::id::HostId;
    use domain::name::{NodeName, OrganizationName};
    use domain::node::NodeState;

    use super::*;

    fn node(name: &str, kind: NodeKind, organization: Option<&str>) -> NodeView {
        NodeView {
            name: NodeName::parse(name).unwrap(),
            kind,
            organization: organization.map(|o| OrganizationName::parse(o).unwrap()),
            host: HostId::new("h"),
            endpoints: Vec::new(),
            state: NodeState::Running,
            reason: None,
            problem: None,
            heights: Vec::new(),
            cpu_milli: None,
            memory_bytes: None,
            resources: None,
            image: String::new(),
            started_ms: None,
            restarts: 0,
            exit_code: None,
            machine: None,
            ports: Vec::new(),
        }
    }

    #[test]
    fn boxes_never_overlap_and_stay_inside() {
        let mut nodes = vec![node("orderer0", NodeKind::Orderer, None)];
        for org in 1..=10 {
            for peer in 0..org % 6 {
                nodes.push(node(&format!("peer{peer}-org{org}"), NodeKind::Peer, Some(&format!("org{org}"))));
            }
        }
        let (groups, width, height) = arrange(&nodes);
        assert!(groups[0].title.is_empty(), "orderers come first");
        for (index, a) in groups.iter().enumerate() {
            assert!(a.x + a.width <= width && a.y + a.height <= height);
            for b in groups.iter().skip(index + 1) {
                let apart = a.x + a.width <= b.x
                    || b.x + b.width <= a.x
                    || a.y + a.height <= b.y
                    || b.y + b.height <= a.y;
                assert!(apart, "{} and {}", a.title, b.title);
            }
        }
        assert_eq!(groups.iter().map(|g| g.nodes.len()).sum::<usize>(), nodes.len());
    }
}
