//! The portal dies in the middle of what it does on a real engine: kill -9 at three points of a chain's creation and of
//! a deployment, a request to end, and an undo. What it had begun is finished after the next start, once and whole.
//!
//! Needs `HEDDLE_TEST_DOCKER=unix:///path` with the node images; without it every test says so and passes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why it is skipped"
)]

#[path = "portal/bed.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary")]
mod bed;
#[path = "portal/engine.rs"]
mod engine;

use std::time::Duration;

use bed::{Call, Portal, until};
use engine::Engine;
use serde_json::{Value, json};

/// A portal on the engine, with a host; nothing of its chain stays behind, whatever comes of the test.
struct Scene {
    portal: Portal,
    engine: Engine,
    cookie: String,
    host: Value,
    chain: String,
}

impl Scene {
    /// Tests run side by side: each has a chain and a range of ports of its own.
    fn new(name: &str, port_first: u16) -> Option<Self> {
        let engine = Engine::find()?;
        let address = format!("unix://{}", engine.socket);
        let portal = Portal::start(&["--local-engine", &address]);
        let cookie = portal.set_up();
        let chain = format!("{name}-{}", std::process::id() % 10_000);
        let mut scene = Self { portal, engine, cookie, host: Value::Null, chain };
        let mut spec = scene.call("host_local_offer", &json!({}));
        spec["port_first"] = json!(port_first);
        spec["port_last"] = json!(port_first + 999);
        scene.host = scene.call("host_add", &json!({ "spec": spec, "credentials": null }))["id"].clone();
        Some(scene)
    }

    /// Calls a server function and demands success.
    fn call(&self, function: &str, arguments: &Value) -> Value {
        let call = Call::post(&format!("/api/{function}")).json(arguments).cookie(&self.cookie);
        let answer = self.portal.send(call.header("accept", "application/json"));
        assert_eq!(answer.status, 200, "{function}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    fn spec(&self) -> Value {
        json!({ "name": self.chain, "host": self.host, "version": "2.5", "consensus": "raft", "orderers": 1,
            "organizations": [{ "name": "org1", "peers": 1 }], "channel": "mychannel", "batch_timeout_ms": 200,
            "resources": { "cpu_milli": 1000, "memory_mib": 512 } })
    }

    fn create(&self, key: &str) -> Value {
        self.call("chain_create", &json!({ "spec": self.spec(), "key": key }))
    }

    fn deploy(&self, version: u32, key: &str) -> Value {
        let mut spec = self.call("chaincode_sample", &json!({ "chain": self.chain }));
        spec["version"] = json!(version.to_string());
        spec["image"] = json!(format!("heddle.local/chaincode-example02:{}", 2 - version % 2));
        self.call("chaincode_deploy", &json!({ "spec": spec, "key": format!("deploy-{key}-{version}") }))
    }

    fn view(&self, operation: &Value) -> Value {
        self.call("operation_read", &json!({ "id": operation }))
    }

    /// Waits until a step is under way.
    fn reaches(&self, operation: &Value, step: &str) {
        until(|| {
            let view = self.view(operation);
            let state = view["summary"]["state"].as_str().unwrap();
            assert!(!["done", "failed", "undone"].contains(&state), "{step} was missed: {view}");
            let steps = view["steps"].as_array().unwrap();
            let found = steps.iter().find(|found| found["name"] == step).expect("a step of this name");
            (found["state"] == "running").then_some(())
        });
    }

    /// Waits until nothing more happens by itself, and demands how it ended.
    fn ends(&self, operation: &Value, state: &str) {
        let view = until(|| {
            let view = self.view(operation);
            let at_rest = ["done", "failed", "undone"].iter().any(|rest| view["summary"]["state"] == *rest);
            at_rest.then_some(view)
        });
        assert_eq!(view["summary"]["state"], state, "{view}\n{}", self.portal.said());
    }

    /// The chaincode answers as it should, by what was written before.
    fn holds(&self, expected: &str) {
        let answer = self.call("transaction_query", &self.on_sample("query", &["a"]));
        assert_eq!(answer["text"], expected, "{answer}");
    }

    fn submit(&self, function: &str, arguments: &[&str]) {
        let view = self.call("transaction_submit", &self.on_sample(function, arguments));
        assert_eq!(view["state"], "valid", "{view}");
    }

    fn on_sample(&self, function: &str, arguments: &[&str]) -> Value {
        json!({ "call": { "chain": self.chain, "channel": "mychannel", "chaincode": "example02",
            "organization": "org1", "function": function, "arguments": arguments,
            "idempotency_key": format!("{function}-once") } })
    }

    fn delete(&self) {
        let operation = self.call("chain_delete", &json!({ "name": self.chain, "typed": self.chain }));
        self.ends(&operation, "done");
        assert_eq!(self.engine.left(&self.chain), Vec::<String>::new());
    }

    /// The block of ports that the next chain would get.
    fn next_block(&self) -> Value {
        self.call("chain_plan", &json!({ "spec": self.spec() }))["port_block"].clone()
    }
}

#[test]
fn a_creation_outlives_kills_at_three_points() {
    let Some(mut scene) = Scene::new("kill", 40_000) else { return };
    // The first one is killed as soon as it is promised.
    for point in [None, Some("start-nodes"), Some("join-channel")] {
        let key = point.unwrap_or("begin");
        let operation = scene.create(&format!("create-{key}"));
        if let Some(step) = point {
            scene.reaches(&operation, step);
        }
        scene.portal.restart();
        scene.ends(&operation, "done");
        // One orderer and one peer, and neither twice.
        assert_eq!(scene.engine.containers(&scene.chain).len(), 2, "{point:?}");
        let operation = scene.deploy(1, key);
        scene.ends(&operation, "done");
        scene.call("transaction_query", &scene.on_sample("init", &["a", "100", "b", "200"]));
        scene.delete();
    }
}

#[test]
fn a_deployment_outlives_kills_at_three_points() {
    let Some(mut scene) = Scene::new("deploy", 41_000) else { return };
    let operation = scene.create("create-once");
    scene.ends(&operation, "done");
    for (version, step) in [(1, "start-chaincode"), (2, "install-packages"), (3, "commit-definition")] {
        let operation = scene.deploy(version, "once");
        scene.reaches(&operation, step);
        scene.portal.restart();
        scene.ends(&operation, "done");
        if version == 1 {
            scene.submit("init", &["a", "100", "b", "200"]);
            scene.submit("move", &["a", "b", "10"]);
        }
        scene.holds("90");
        // An orderer, a peer and one chaincode.
        assert_eq!(scene.engine.containers(&scene.chain).len(), 3, "{step}");
    }
    scene.delete();
}

#[test]
fn an_undone_creation_leaves_a_clean_host() {
    let Some(scene) = Scene::new("undo", 42_000) else { return };
    let block = scene.next_block();
    for (number, step) in ["start-nodes", "join-channel"].into_iter().enumerate() {
        let operation = scene.create(&format!("create-{number}-once"));
        scene.reaches(&operation, step);
        assert_ne!(scene.next_block(), block);
        scene.call("operation_cancel", &json!({ "id": operation }));
        scene.ends(&operation, "undone");
        assert_eq!(scene.engine.left(&scene.chain), Vec::<String>::new(), "{step}");
        assert_eq!(scene.next_block(), block, "the ports are not given back");
        let chains = scene.call("chain_list", &json!({}));
        assert_eq!(chains, json!([]), "{step}");
    }
}

#[test]
fn a_request_to_end_is_obeyed_in_the_middle() {
    let Some(mut scene) = Scene::new("end", 43_000) else { return };
    let operation = scene.create("create-once");
    scene.reaches(&operation, "start-nodes");
    let (status, took) = scene.portal.terminate();
    assert!(status.success(), "{status}: {}", scene.portal.said());
    assert!(took < Duration::from_secs(10), "{took:?}");
    scene.portal.restart();
    scene.ends(&operation, "done");
    assert_eq!(scene.engine.containers(&scene.chain).len(), 2);
    scene.delete();
}
