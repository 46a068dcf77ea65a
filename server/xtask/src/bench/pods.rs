//! How much more memory the portal holds for watching many pods of a cluster.
//!
//! The pods are objects that no machine is given: what the portal holds does not depend on whether they run. They carry
//! its labels and are as large as those that it makes. They come while it watches, and are then all listed anew, as
//! after an interruption of the watch, which is when most of them are in memory at once.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::figures;
use super::ground::Ground;
use super::portal::{self, Build, Portal};
use crate::paths::Paths;
use crate::process;
use crate::report::say;

const PROMISED_MB: f64 = 40.0;
/// Until a watch is complete.
const SEEN: Duration = Duration::from_secs(120);
/// Several of the rounds in which the portal lists all nodes; what was needed only once has been given back by then.
const SETTLE: Duration = Duration::from_secs(20);
/// Variables of each pod: about as many as a node has.
const VARIABLES: usize = 20;

/// Measures with and without pods; fails when they need more than promised.
pub fn run(paths: &Paths, build: Build, pods: usize) -> Result<()> {
    if pods == 0 {
        bail!("without pods there is nothing to compare");
    }
    let program = portal::build(paths, build, &[])?;
    let ground = Ground::find(paths)?;
    let mut portal = Portal::start(paths, &program, None)?;
    portal.sign_in()?;
    let namespace = format!("bench-pods-{}", std::process::id());
    let measured = measure(&ground, &portal, &namespace, pods);
    // Also when the measuring was stopped: the pods shall not stay.
    let delete = ["delete", "namespace", &namespace, "--ignore-not-found", "--timeout=300s"];
    let removed = ground.client(&delete);
    let (idle, watching) = measured?;
    removed?;
    settle()?;
    say(format!("memory without pods          {idle:.1} MB"));
    say(format!("memory with {pods:>5} pods       {watching:.1} MB"));
    say(format!("memory after they are gone   {:.1} MB", portal.memory()?));
    figures::at_most(&format!("megabytes for {pods} pods"), watching - idle, PROMISED_MB)
}

/// Megabytes without and with pods.
fn measure(ground: &Ground<'_>, portal: &Portal, namespace: &str, pods: usize) -> Result<(f64, f64)> {
    let host = ground.add_to(portal)?;
    watches(portal, 0)?;
    settle()?;
    let idle = portal.memory()?;
    let file = portal.folder.join("pods.json");
    let objects = manifest(portal.installation()?, namespace, pods);
    fs::write(&file, objects.to_string()).context("the pods cannot be written down")?;
    ground.client(&["create", "--filename", &file.to_string_lossy()])?;
    // Another agent, whose watch begins with a list.
    portal.call_proved("host_remove", &json!({ "id": host }))?;
    ground.add_to(portal)?;
    watches(portal, pods)?;
    settle()?;
    Ok((idle, portal.memory()?))
}

/// Waits until the portal says that it watches so many pods, each of a node of its own.
fn watches(portal: &Portal, pods: usize) -> Result<()> {
    let line = format!(": {pods} nodes with {pods} pods");
    if process::until(SEEN, || portal.log().contains(&line)) {
        return Ok(());
    }
    bail!("the portal does not watch {pods} pods: {}", process::last_lines(&portal.log(), 10))
}

fn settle() -> Result<()> {
    for _ in 0..SETTLE.as_secs() {
        if process::stopping() {
            bail!("stopped on request");
        }
        thread::sleep(Duration::from_secs(1));
    }
    Ok(())
}

/// A namespace with pods that wait for ever.
fn manifest(installation: &str, namespace: &str, pods: usize) -> Value {
    let space = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
    // One of its own is there at once; the namespace's is made some time later.
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": { "name": "node", "namespace": namespace },
        "automountServiceAccountToken": false,
    });
    let pods = (0..pods).map(|number| pod(installation, namespace, number));
    let items: Vec<Value> = [space, account].into_iter().chain(pods).collect();
    json!({ "apiVersion": "v1", "kind": "List", "items": items })
}

fn pod(installation: &str, namespace: &str, number: usize) -> Value {
    let node = format!("peer{number}-org1");
    let variable =
        |index: usize| json!({ "name": format!("CORE_SETTING_{index}"), "value": format!("{node}:7051") });
    let variables: Vec<Value> = (0..VARIABLES).map(variable).collect();
    let probe = json!({ "httpGet": { "path": "/healthz", "port": 9443, "scheme": "HTTPS" } });
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{node}-0"),
            "namespace": namespace,
            "labels": {
                "heddle.installation": installation,
                "heddle.chain": "watched",
                "heddle.node": node,
                "heddle.kind": "peer",
                "heddle.purpose": "workload",
                "heddle.network": "chain-and-chaincode",
            },
        },
        "spec": {
            "schedulingGates": [{ "name": "heddle.local/bench" }],
            "serviceAccountName": "node",
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "node",
                "image": "heddle.local/fabric-peer:2.5.0",
                "env": variables,
                "ports": [{ "containerPort": 7051 }, { "containerPort": 7052 }, { "containerPort": 9443 }],
                "startupProbe": probe,
                "readinessProbe": probe,
                "livenessProbe": probe,
                "resources": {
                    "limits": { "cpu": "1", "memory": "512Mi" },
                    "requests": { "cpu": "100m", "memory": "256Mi" },
                },
                "volumeMounts": [{ "name": "files", "mountPath": "/etc/heddle", "readOnly": true }],
            }],
            "volumes": [{ "name": "files", "secret": { "secretName": format!("{node}-files") } }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_known_as_the_portal_s_and_never_run() {
        let all = manifest("abc12345", "bench-pods-1", 3);
        let items = all["items"].as_array().unwrap();
        assert_eq!(items.iter().filter(|item| item["kind"] == "Pod").count(), 3);
        let names: std::collections::BTreeSet<_> =
            items.iter().map(|item| item["metadata"]["name"].to_string()).collect();
        assert_eq!(names.len(), items.len());
        let pod = &items[4];
        assert_eq!(pod["metadata"]["labels"]["heddle.installation"], "abc12345");
        assert!(!pod["spec"]["schedulingGates"].as_array().unwrap().is_empty());
    }
}
