//! The portal dies in the middle of what it does on a real engine: kill -9 at three points of a chain's creation, of a
//! deployment, of resizes and of restarts, in a deletion, and in a submit; a request to end. What it had begun is finished after the next start, once and whole.
//! The nodes themselves hear nothing of it.
//! What fails or is called off is undone, and says what stays.
//! Beside that: two portals share an engine, and an image is brought to it.
//!
//! Needs `HEDDLE_TEST_DOCKER=unix:///path` with the node images; what is played on a cluster as well needs
//! `HEDDLE_TEST_KUBERNETES=/path/to/kubeconfig` and `kubectl` in the path. Without its host a test says so and passes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking and says why it is skipped"
)]

#[path = "portal/bed.rs"]
#[expect(dead_code, reason = "shared with the other tests of the binary")]
mod bed;
#[path = "portal/cluster.rs"]
mod cluster;
#[path = "portal/engine.rs"]
mod engine;
#[path = "crash/on_cluster.rs"]
mod on_cluster;
#[path = "crash/shared.rs"]
mod shared;
#[path = "crash/upload.rs"]
mod upload;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bed::{Call, Portal, until};
use engine::Engine;
use serde_json::{Value, json};

/// Deployments that try to be killed in the middle of one step.
const TRIES: u32 = 12;

/// A host as it is looked at past the portal.
trait Behind {
    /// What every node of a chain may use, in thousandths of a core.
    const CPU_MILLI: u32;

    /// What runs the nodes of a chain, those that are stopped as well.
    fn nodes(&self, chain: &str) -> Vec<String>;

    /// The nodes of a chain that run, each with what tells this run from others.
    fn runs(&self, chain: &str) -> Vec<[String; 2]>;

    /// Everything of a chain.
    fn left(&self, chain: &str) -> Vec<String>;
}

impl Behind for Engine {
    const CPU_MILLI: u32 = 1_000;

    fn nodes(&self, chain: &str) -> Vec<String> {
        self.containers(chain)
    }

    fn runs(&self, chain: &str) -> Vec<[String; 2]> {
        self.states(chain).into_iter().map(|[name, _, since]| [name, since]).collect()
    }

    fn left(&self, chain: &str) -> Vec<String> {
        self.objects(chain)
    }
}

/// A portal on an engine, unless it says otherwise, with a host.
struct Scene<B = Engine> {
    portal: Portal,
    engine: B,
    cookie: String,
    host: Value,
    chain: String,
}

impl Scene {
    /// Tests run side by side: each has a chain and a range of ports of its own, below those that the system gives to
    /// whoever asks for any.
    fn new(name: &str, port_first: u16) -> Option<Self> {
        Self::with_host(name, |spec| {
            spec["port_first"] = json!(port_first);
            spec["port_last"] = json!(port_first + 999);
        })
    }

    /// The same with a host that is changed from what the portal offers.
    fn with_host(name: &str, change: impl FnOnce(&mut Value)) -> Option<Self> {
        let engine = Engine::find()?;
        let address = format!("unix://{}", engine.socket);
        let mut scene = Self::over(&["--local-engine", &address], name, |_| engine);
        let mut spec = scene.call("host_local_offer", &json!({}))[0].take();
        change(&mut spec);
        scene.host = scene.call("host_add", &json!({ "spec": spec, "credentials": null }))["id"].clone();
        Some(scene)
    }

    /// The container that serves the chaincode.
    fn server(&self) -> String {
        let names = self.engine.containers(&self.chain);
        names.into_iter().find(|name| name.contains("--cc-")).expect("a container of the chaincode")
    }
}

impl<B: Behind> Scene<B> {
    /// A new portal with an admin, and without a host.
    fn over(flags: &[&str], name: &str, behind: impl FnOnce(&str) -> B) -> Self {
        let portal = Portal::start(flags);
        let cookie = portal.set_up();
        let chain = format!("{name}-{}", std::process::id() % 10_000);
        Self { portal, engine: behind(&chain), cookie, host: Value::Null, chain }
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
            "resources": { "cpu_milli": B::CPU_MILLI, "memory_mib": 512 } })
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

    fn step(&self, operation: &Value, name: &str) -> Value {
        let view = self.view(operation);
        let steps = view["steps"].as_array().unwrap();
        steps.iter().find(|found| found["name"] == name).expect("a step of this name").clone()
    }

    /// Waits until a step is under way, or over: some last no longer than a few looks.
    fn reaches(&self, operation: &Value, name: &str) {
        let end = Instant::now() + Duration::from_secs(120);
        let is_ahead = |step: &Value| ["waiting", "pending"].iter().any(|state| step["state"] == *state);
        while is_ahead(&self.step(operation, name)) {
            assert!(Instant::now() < end, "{name} is not reached: {}", self.view(operation));
        }
    }

    /// Whether a step was cut off by a kill and begun again.
    fn was_cut(&self, operation: &Value, name: &str) -> bool {
        self.step(operation, name)["attempt"].as_u64().unwrap() > 1
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

    /// Whether the chaincode answers so already: after a start it takes a moment until it answers at all.
    fn answers(&self, expected: &str) -> bool {
        let call = Call::post("/api/transaction_query").json(&self.on_sample("query", &["a"]));
        let answer = self.portal.send(call.cookie(&self.cookie).header("accept", "application/json"));
        answer.status == 200 && answer.body.contains(&format!("\"text\":\"{expected}\""))
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

    /// Begins to delete the chain, as somebody who has just signed in: their password is not asked for again.
    fn begin_deletion(&self) -> Value {
        let body = json!({ "name": self.chain, "typed": self.chain });
        let call = Call::post("/api/chain_delete").json(&body).cookie(&self.portal.sign_in("ada"));
        let answer = self.portal.send(call.header("accept", "application/json"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    fn delete(&self) {
        let operation = self.begin_deletion();
        self.ends(&operation, "done");
        assert_eq!(self.engine.left(&self.chain), Vec::<String>::new());
    }

    /// Lines of an operation's record that contain a text.
    fn lines(&self, operation: &Value, text: &str) -> Vec<String> {
        let view = self.view(operation);
        let lines = view["events"].as_array().unwrap().iter();
        let lines = lines.map(|event| event["text"].as_str().unwrap().to_owned());
        lines.filter(|line| line.contains(text)).collect()
    }

    /// The newest row of the chain's history.
    fn newest(&self) -> Option<Value> {
        let rows = self.call("transaction_history", &json!({ "chain": self.chain }));
        rows.as_array().unwrap().first().cloned()
    }

    /// The block of ports that the next chain would get, by its first port.
    fn next_block(&self) -> u64 {
        self.call("chain_plan", &json!({ "spec": self.spec() }))["port_block"].as_u64().unwrap()
    }

    /// The block of ports that a creation has come to, by the last word of its record about it.
    fn held_block(&self, operation: &Value) -> u64 {
        let first = |line: &String| {
            let (_, ports) = line.rsplit_once("ports ")?;
            ports.trim_start_matches("from ").split('–').next()?.parse::<u64>().ok()
        };
        self.lines(operation, "ports ").iter().rev().find_map(first).expect("a line about ports")
    }
}

#[test]
fn a_creation_outlives_kills_at_three_points() {
    let Some(scene) = Scene::new("kill", 10_000) else { return };
    creation_outlives_kills(scene);
}

fn creation_outlives_kills<B: Behind>(mut scene: Scene<B>) {
    // The first one is killed as soon as it is promised.
    for point in [None, Some("start-nodes"), Some("join-channel")] {
        let key = point.unwrap_or("begin");
        let operation = scene.create(&format!("create-{key}"));
        if let Some(step) = point {
            scene.reaches(&operation, step);
        }
        scene.portal.restart();
        scene.ends(&operation, "done");
        assert!(point.is_none_or(|step| scene.was_cut(&operation, step)), "no kill fell into {point:?}");
        // One orderer and one peer, and neither twice.
        assert_eq!(scene.engine.nodes(&scene.chain).len(), 2, "{point:?}");
        let operation = scene.deploy(1, key);
        scene.ends(&operation, "done");
        scene.call("transaction_query", &scene.on_sample("init", &["a", "100", "b", "200"]));
        scene.delete();
    }
}

#[test]
fn a_deployment_outlives_kills_at_three_points() {
    let Some(scene) = Scene::new("deploy", 11_000) else { return };
    deployment_outlives_kills(scene);
}

fn deployment_outlives_kills<B: Behind>(mut scene: Scene<B>) {
    let operation = scene.create("create-once");
    scene.ends(&operation, "done");
    let mut versions = 1_u32..;
    for step in ["start-chaincode", "install-packages", "commit-definition"] {
        // A step that takes a moment only may be over before the kill: then the next version tries.
        let hit = (0..TRIES).any(|_| {
            let version = versions.next().unwrap();
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
            assert_eq!(scene.engine.nodes(&scene.chain).len(), 3, "{step}");
            scene.was_cut(&operation, step)
        });
        assert!(hit, "no kill fell into {step}");
    }
    scene.delete();
}

#[test]
fn resizes_restarts_and_the_end_outlive_kills() {
    let Some(scene) = Scene::new("resize", 20_000) else { return };
    changes_outlive_kills(scene);
}

fn changes_outlive_kills<B: Behind>(mut scene: Scene<B>) {
    scene.ends(&scene.create("create-once"), "done");
    scene.ends(&scene.deploy(1, "once"), "done");
    scene.submit("init", &["a", "100", "b", "200"]);
    let resizes =
        [("peer0-org1", "apply-size", 768), ("orderer0", "apply-size", 768), ("orderer0", "catch-up", 1_024)];
    for (node, step, memory) in resizes {
        let resources = json!({ "cpu_milli": 750, "memory_mib": memory });
        let asked = json!({ "chain": scene.chain, "node": node, "resources": resources });
        let operation = scene.call("node_resize", &asked);
        scene.reaches(&operation, step);
        scene.portal.restart();
        scene.ends(&operation, "done");
        let view = scene.call("chain_read", &json!({ "name": scene.chain }));
        let found = view["nodes"].as_array().unwrap().iter().find(|found| found["name"] == node);
        assert_eq!(found.unwrap()["resources"], resources, "{view}");
    }
    for step in ["restart-orderers", "restart-peers", "restart-chaincode"] {
        let before = scene.engine.runs(&scene.chain);
        let operation = scene.call("chain_restart", &json!({ "name": scene.chain }));
        scene.reaches(&operation, step);
        scene.portal.restart();
        scene.ends(&operation, "done");
        let after = scene.engine.runs(&scene.chain);
        assert_eq!((before.len(), after.len()), (3, 3), "{after:?}");
        for (was, is) in before.iter().zip(&after) {
            assert!(was[0] == is[0] && was[1] != is[1], "{was:?} was not restarted: {is:?}");
        }
    }
    until(|| scene.answers("100").then_some(()));
    let operation = scene.begin_deletion();
    scene.reaches(&operation, "remove-nodes");
    scene.portal.restart();
    scene.ends(&operation, "done");
    assert_eq!(scene.engine.left(&scene.chain), Vec::<String>::new());
}

#[test]
fn an_undone_creation_leaves_a_clean_host() {
    let Some(scene) = Scene::new("undo", 12_000) else { return };
    undone_creation_leaves_nothing(&scene);
}

fn undone_creation_leaves_nothing<B: Behind>(scene: &Scene<B>) {
    for (number, step) in ["start-nodes", "join-channel"].into_iter().enumerate() {
        let operation = scene.create(&format!("create-{number}-once"));
        scene.reaches(&operation, step);
        assert_ne!(scene.next_block(), scene.held_block(&operation));
        scene.call("operation_cancel", &json!({ "id": operation }));
        scene.ends(&operation, "undone");
        assert_eq!(scene.engine.left(&scene.chain), Vec::<String>::new(), "{step}");
        // The one that it had, and not one that was free before: somebody else may have come in between.
        assert_eq!(scene.next_block(), scene.held_block(&operation), "the ports are not given back");
        let chains = scene.call("chain_list", &json!({}));
        assert_eq!(chains, json!([]), "{step}");
    }
}

#[test]
fn a_request_to_end_is_obeyed_in_the_middle() {
    let Some(mut scene) = Scene::new("end", 13_000) else { return };
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

#[test]
fn nothing_happens_to_nodes_when_the_portal_goes_and_comes_back() {
    let Some(mut scene) = Scene::new("stay", 17_000) else { return };
    scene.ends(&scene.create("create-once"), "done");
    scene.ends(&scene.deploy(1, "once"), "done");
    scene.submit("init", &["a", "100", "b", "200"]);
    let before = scene.engine.states(&scene.chain);
    assert!(before.len() == 3 && before.iter().all(|[_, does, _]| does == "running"), "{before:?}");
    // Once it is asked to end, once it dies.
    for is_asked in [true, false] {
        if is_asked {
            let (status, _) = scene.portal.terminate();
            assert!(status.success(), "{status}: {}", scene.portal.said());
            assert_eq!(scene.engine.states(&scene.chain), before, "the portal is gone");
        }
        let gone_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        scene.portal.restart();
        // A whole round of whoever looks after the nodes.
        until(|| {
            let view = scene.call("chain_read", &json!({ "name": scene.chain }));
            let checked_ms = view["summary"]["health"]["checked_ms"].as_u64();
            checked_ms.filter(|checked_ms| u128::from(*checked_ms) > gone_ms)
        });
        assert_eq!(scene.engine.states(&scene.chain), before, "the portal is back");
        scene.holds("100");
    }
    scene.delete();
}

#[test]
fn a_deployment_of_an_image_that_crashes_fails_and_is_undone() {
    let Some(scene) = Scene::new("broken", 14_000) else { return };
    scene.ends(&scene.create("create-once"), "done");
    scene.ends(&scene.deploy(1, "once"), "done");
    scene.submit("init", &["a", "100", "b", "200"]);
    let image = scene.engine.spoil(&scene.server(), &format!("heddle.local/{}", scene.chain));
    let mut spec = scene.call("chaincode_sample", &json!({ "chain": scene.chain }));
    (spec["version"], spec["image"]) = (json!("2"), json!(image));
    let operation = scene.call("chaincode_deploy", &json!({ "spec": spec, "key": "deploy-broken" }));
    scene.ends(&operation, "failed");
    let failure = scene.view(&operation)["failure"].clone();
    assert_eq!(failure["step"], "await-chaincode", "{failure}");
    assert!(failure["evidence"].to_string().contains("GOMEMLIMIT"), "{failure}");
    assert_eq!(scene.step(&operation, "approve-definition")["state"], "pending");
    scene.call("operation_undo", &json!({ "id": operation }));
    scene.ends(&operation, "undone");
    // The version before serves on, alone.
    scene.holds("100");
    assert_eq!(scene.engine.containers(&scene.chain).len(), 3);
    scene.delete();
    scene.engine.remove_image(&image);
}

#[test]
fn an_undone_deployment_leaves_what_fabric_keeps_and_says_so() {
    let Some(scene) = Scene::new("undeploy", 15_000) else { return };
    scene.ends(&scene.create("create-once"), "done");
    let before = scene.engine.left(&scene.chain);
    let first = scene.deploy(1, "first");
    scene.reaches(&first, "install-packages");
    scene.call("operation_cancel", &json!({ "id": first }));
    scene.ends(&first, "undone");
    assert_eq!(scene.engine.left(&scene.chain), before, "containers and files of the chaincode are gone");
    assert_eq!(scene.call("chaincode_list", &json!({ "chain": scene.chain })), json!([]));
    let made = scene.lines(&first, "Org1MSP: example02_1:");
    let package = made[0].strip_prefix("Org1MSP: ").unwrap();
    assert_eq!(scene.lines(&first, &format!("left behind: package {package} ")).len(), 1);
    // The keys in the package are gone as well: the next deployment makes others.
    let second = scene.deploy(1, "second");
    scene.ends(&second, "done");
    assert_ne!(scene.lines(&second, "Org1MSP: example02_1:"), made);
    scene.submit("init", &["a", "100", "b", "200"]);
    scene.holds("100");
    scene.delete();
}

#[test]
fn a_submit_that_a_kill_cuts_off_is_resolved() {
    let Some(mut scene) = Scene::new("cut", 16_000) else { return };
    let mut spec = scene.spec();
    // Blocks are cut late, so that the kill comes before them.
    spec["batch_timeout_ms"] = json!(1_000);
    let operation = scene.call("chain_create", &json!({ "spec": spec, "key": "create-once" }));
    scene.ends(&operation, "done");
    scene.ends(&scene.deploy(1, "once"), "done");
    scene.submit("init", &["a", "100", "b", "200"]);
    let call = scene.on_sample("move", &["a", "b", "10"]);
    let open = scene.portal.begin(Call::post("/api/transaction_submit").json(&call).cookie(&scene.cookie));
    let begun = until(|| scene.newest().filter(|row| row["function"] == "move"));
    assert_eq!(begun["state"], "pending", "the block came too soon");
    // Now it is recorded; a moment later the orderers have it.
    std::thread::sleep(Duration::from_millis(200));
    scene.portal.restart();
    drop(open);
    let row = until(|| scene.newest().filter(|row| row["state"] != "pending"));
    assert_eq!((&row["id"], &row["state"]), (&begun["id"], &json!("valid")), "{row}");
    assert!(row["block"].is_u64(), "{row}");
    scene.holds("90");
    let again = scene.call("transaction_submit", &call);
    assert_eq!(again["id"], begun["id"], "the same key writes once");
    scene.holds("90");
    scene.delete();
}
