//! Two portals on one engine, which know nothing of each other: neither takes what the other has, and neither shows or
//! removes it.

use std::collections::BTreeSet;
use std::thread;

use serde_json::{Value, json};

use crate::Scene;

impl Scene {
    /// The block of ports that the chain's nodes have, by its number.
    fn block(&self) -> u32 {
        let view = self.call("chain_read", &json!({ "name": self.chain }));
        let nodes = view["nodes"].as_array().unwrap().iter();
        let endpoints = nodes.flat_map(|node| node["endpoints"].as_array().unwrap());
        let port = |endpoint: &Value| {
            let (_, port) = endpoint[1].as_str().unwrap().rsplit_once(':').unwrap();
            port.parse::<u32>().unwrap()
        };
        let blocks: BTreeSet<u32> = endpoints.map(|endpoint| port(endpoint) / 100).collect();
        assert_eq!(blocks.len(), 1, "the ports of a chain are of one block: {view}");
        blocks.into_iter().next().unwrap()
    }

    /// A peer of the chain answers, and the portal knows of no other chain.
    fn answers_alone(&self) {
        let first = json!({ "chain": self.chain, "channel": "mychannel", "number": 0 });
        assert_eq!(self.call("block_read", &first)["number"], 0);
        let chains = self.call("chain_list", &json!({}));
        let names: Vec<&Value> = chains.as_array().unwrap().iter().map(|chain| &chain["name"]).collect();
        assert_eq!(names, [&json!(self.chain)]);
    }
}

#[test]
fn two_portals_on_one_engine_keep_out_of_each_others_way() {
    // Both with the range that is offered, so that they want the same ports.
    let offered = |name: &str| Scene::with_host(name, |_| {});
    let (Some(left), Some(right)) = (offered("left"), offered("right")) else { return };
    let both = [&left, &right];
    let begun = thread::scope(|scope| {
        let creations = both.map(|scene| scope.spawn(move || scene.create("create-once")));
        creations.map(|creation| creation.join().unwrap())
    });
    for (scene, operation) in both.into_iter().zip(&begun) {
        scene.ends(operation, "done");
    }
    assert_ne!(left.block(), right.block(), "one block of ports for two chains");
    for scene in both {
        scene.answers_alone();
        assert_eq!(scene.engine.containers(&scene.chain).len(), 2);
    }
    let before = right.engine.states(&right.chain);
    assert!(before.iter().all(|[_, does, _]| does == "running"), "{before:?}");
    left.delete();
    assert_eq!(right.engine.states(&right.chain), before, "what is another portal's stays as it is");
    right.answers_alone();
    right.delete();
}
