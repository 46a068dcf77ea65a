//! The cluster on which benches run: somebody else's that is running already, or one that is raised for the bench.
//!
//! Only what this program raised is taken down again.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::portal::Portal;
use crate::cluster;
use crate::paths::Paths;
use crate::process::{self, LONG};
use crate::report::say;

/// Names a cluster's file, as for the tests: `cargo xtask cluster exec` sets it.
const VARIABLE: &str = "HEDDLE_TEST_KUBERNETES";
/// Node ports of the portal's chains; those of the script lie behind them.
const PORTS: (u16, u16) = (31_000, 32_000);

/// A cluster with the node images on its machines.
pub struct Ground<'a> {
    paths: &'a Paths,
    kubeconfig: PathBuf,
    /// By which its client finds it.
    variables: Vec<(&'static str, String)>,
    is_ours: bool,
}

impl<'a> Ground<'a> {
    /// The cluster that is named or that this clone has running, else one that is raised now.
    pub fn find(paths: &'a Paths) -> Result<Self> {
        if let Some(named) = env::var_os(VARIABLE) {
            let kubeconfig = PathBuf::from(named);
            let variables = vec![("KUBECONFIG", kubeconfig.display().to_string())];
            return Ok(Self { paths, kubeconfig, variables, is_ours: false });
        }
        let is_ours = cluster::find(paths).is_none();
        let cluster = cluster::up(paths, 1)?;
        let kubeconfig = cluster.kubeconfig();
        let mut ground = Self { paths, kubeconfig, variables: Vec::new(), is_ours };
        ground.variables = cluster.variables()?;
        Ok(ground)
    }

    /// A program that finds the cluster and its client.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Asks the cluster with its own client, as its admin.
    pub fn client(&self, words: &[&str]) -> Result<String> {
        process::output(self.command("kubectl").args(words), LONG)
    }

    /// Tells a portal of the cluster as a person would, with a pasted kubeconfig, and returns the host's id.
    pub fn add_to(&self, portal: &Portal) -> Result<Value> {
        let text = fs::read_to_string(&self.kubeconfig)
            .with_context(|| format!("{} cannot be read", self.kubeconfig.display()))?;
        let contexts = portal.call("host_kubeconfig", &json!({ "text": text }))?;
        let contexts = contexts.as_array().map(Vec::as_slice).unwrap_or_default();
        let current = contexts.iter().find(|context| context["current"] == true).or(contexts.first());
        let context = current.context("the kubeconfig names no cluster")?;
        let path = r#"jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}"#;
        let address = self.client(&["get", "nodes", "--output", path])?;
        let spec = host(&context["server"], address.trim());
        let credentials = json!({ "kind": "kubeconfig", "text": text, "context": context["name"] });
        let added = portal.call("host_add", &json!({ "spec": spec, "credentials": credentials }))?;
        Ok(added["id"].clone())
    }
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        if !self.is_ours {
            return;
        }
        // It has to work also when somebody has asked us to stop.
        process::clean_up_now();
        if let Err(error) = cluster::down(self.paths) {
            say(format!("the cluster of the bench is left: {error:#}"));
        }
    }
}

/// A cluster with the values that the form has, but for the size of volumes.
fn host(server: &Value, address: &str) -> Value {
    json!({
        "name": "bench",
        "endpoint": { "kind": "cluster", "server": server },
        "capacity": 10,
        "bind_address": "",
        "client_address": address,
        "port_first": PORTS.0,
        "port_last": PORTS.1,
        "images": {
            "peer": ["heddle.local/fabric-peer:{version}"],
            "orderer": ["heddle.local/fabric-orderer:{version}"],
            "sample": ["heddle.local/chaincode-example02:1"],
        },
        "image_rules": [],
        "cluster": {
            "namespace_prefix": "heddle",
            "storage": { "kind": "class", "name": null },
            "volume_gib": 1,
            "exposure": { "kind": "node-port" },
            "registry_prefix": "",
            "node_selector": {},
            "tolerations": [],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_told_as_a_cluster() {
        let host = host(&json!("https://198.19.0.10:6443"), "198.19.0.11");
        assert_eq!(host["endpoint"]["server"], "https://198.19.0.10:6443");
        assert_eq!(host["client_address"], "198.19.0.11");
        assert!(host["cluster"].is_object());
    }
}
