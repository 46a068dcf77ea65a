//! The nodes of a planned chain as a host is asked about them before there is a chain: without files, for there are no
//! identities yet, and with the image's name, for nothing is pulled yet.

use std::collections::BTreeMap;

use agents::NodeSpec;

use super::images::Images;
use crate::operations::chain_create;
use crate::topology::{ChainPlan, PlannedNode};

/// Names what would be the operation.
const OPERATION: &str = "preflight";

/// What the nodes would be; only for [`agents::Agent::rehearse`].
pub(super) fn nodes(installation: &str, plan: &ChainPlan, images: &Images) -> Vec<NodeSpec> {
    let node = |node: &PlannedNode| NodeSpec {
        installation: installation.to_owned(),
        chain: plan.chain.to_string(),
        node: node.name.to_string(),
        kind: node.kind.as_str().to_owned(),
        image: images.name_of(node.kind).to_owned(),
        entrypoint: Vec::new(),
        command: Vec::new(),
        environment: BTreeMap::new(),
        files: Vec::new(),
        data_path: Some(chain_create::DATA_PATH.to_owned()),
        config_path: chain_create::CONFIG_PATH.to_owned(),
        working_dir: None,
        ports: Vec::new(),
        health_port: Some(node.operations_port()),
        aliases: Vec::new(),
        network: chain_create::network_of(node.kind),
        limits: chain_create::limits(plan.resources),
        operation: OPERATION.to_owned(),
        user: None,
        read_only_root: false,
        refuse_image_volumes: false,
        allow_new_data: false,
    };
    plan.nodes.iter().map(node).collect()
}
