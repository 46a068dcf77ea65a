//! The real cluster behind a portal (`HEDDLE_TEST_KUBERNETES=/path/to/kubeconfig`), asked past the portal with its own
//! client: what a test counts on, and what is left behind. The tests of the façade and those of the binary share it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Everything of a chain that could be left, in namespaces and outside of them.
const KINDS: &str =
    "namespaces,persistentvolumes,persistentvolumeclaims,statefulsets,deployments,services,pods";

/// A cluster, as its admin.
pub struct Cluster {
    path: PathBuf,
}

impl Cluster {
    /// The cluster that the test may use, or none, and says so.
    pub fn find() -> Option<Self> {
        let Some(path) = std::env::var_os("HEDDLE_TEST_KUBERNETES") else {
            let mut out = std::io::stdout();
            writeln!(out, "skipped: HEDDLE_TEST_KUBERNETES names no cluster").unwrap();
            return None;
        };
        Some(Self { path: PathBuf::from(path) })
    }

    /// The text of the kubeconfig, as an admin pastes it.
    pub fn kubeconfig(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }

    /// Address of one of its machines, where the ports of nodes are.
    pub fn address(&self) -> String {
        let machines = self.list(&["nodes"]);
        let addresses = machines[0]["status"]["addresses"].as_array().unwrap();
        let internal = addresses.iter().find(|address| address["type"] == "InternalIP").unwrap();
        internal["address"].as_str().unwrap().to_owned()
    }

    /// What runs the nodes of a chain, those that are stopped as well.
    pub fn workloads(&self, chain: &str) -> Vec<String> {
        let label = format!("--selector=heddle.chain={chain}");
        let found = self.list(&["statefulsets,deployments", "--all-namespaces", &label]);
        let mut names: Vec<String> = found.iter().map(called).collect();
        names.sort();
        names
    }

    /// The nodes of a chain that run, each with its pod; one that goes is none any more.
    pub fn runs(&self, chain: &str) -> Vec<[String; 2]> {
        let label = format!("--selector=heddle.chain={chain},heddle.node");
        let found = self.list(&["pods", "--all-namespaces", &label]);
        let stays = found.iter().map(|pod| &pod["metadata"]).filter(|pod| pod["deletionTimestamp"].is_null());
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let mut runs: Vec<_> =
            stays.map(|pod| [word(&pod["labels"]["heddle.node"]), word(&pod["uid"])]).collect();
        runs.sort();
        runs
    }

    /// Every object that is in a namespace with this text in its name, is such a namespace, or keeps the data of one.
    /// Labels are not asked: what storage classes make has none of ours.
    pub fn objects(&self, text: &str) -> Vec<String> {
        let found = self.list(&[KINDS, "--all-namespaces"]);
        let mut names: Vec<String> = found.iter().map(called).filter(|name| name.contains(text)).collect();
        names.sort();
        names
    }

    /// Removes the namespaces with a label and all that is in them. It is the last that a test does, whatever came of it,
    /// so it does not fail: what cannot be removed is found by whoever looks for it.
    pub fn forget(&self, label: &str) {
        let label = format!("--selector={label}");
        let _removed = self.client(&["delete", "namespaces", &label, "--timeout=180s"]).output();
    }

    /// Makes what a manifest says, as its reader would.
    pub fn make(&self, manifest: &str) {
        self.with_manifest(&["apply", "--filename=-"], manifest).unwrap();
    }

    /// Removes it again, and does not wait until it is gone. Whoever cleans up has nobody to tell that it failed.
    pub fn unmake(&self, manifest: &str) {
        let words = ["delete", "--ignore-not-found", "--wait=false", "--filename=-"];
        let _removed = self.with_manifest(&words, manifest);
    }

    /// A token of an account.
    pub fn token(&self, namespace: &str, account: &str) -> String {
        self.run(&["create", "token", account, "--namespace", namespace]).trim().to_owned()
    }

    fn with_manifest(&self, words: &[&str], manifest: &str) -> std::io::Result<()> {
        let mut client = self.client(words).stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        if let Some(mut given) = client.stdin.take() {
            given.write_all(manifest.as_bytes())?;
        }
        if client.wait()?.success() {
            Ok(())
        } else {
            Err(std::io::Error::other(format!("{words:?} failed")))
        }
    }

    fn list(&self, words: &[&str]) -> Vec<Value> {
        let get = ["get", "--output=json", "--request-timeout=60s"];
        let said = self.run(&[&get[..], words].concat());
        let mut found: Value = serde_json::from_str(&said).unwrap();
        match found["items"].take() {
            Value::Array(items) => items,
            other => panic!("{words:?} are no list: {other}"),
        }
    }

    fn run(&self, words: &[&str]) -> String {
        let output = self.client(words).output();
        let output = output.unwrap_or_else(|error| panic!("kubectl has to be in PATH: {error}"));
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {wrong}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn client(&self, words: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.path).args(words);
        command
    }
}

/// Kind, namespace and name of an object; of a volume the namespace that it was made for.
fn called(object: &Value) -> String {
    let namespaces = [&object["metadata"]["namespace"], &object["spec"]["claimRef"]["namespace"]];
    let namespace = namespaces.into_iter().find_map(Value::as_str).unwrap_or_default();
    let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
    format!("{kind} {namespace}/{name}")
}
