//! The same deaths on a real cluster: what was begun there is finished as it is on an engine, once and whole. Beside that:
//! whom a cluster lets in, as a person tells the portal of it.

mod kinds;

use std::ops::RangeInclusive;

use domain::host::cluster::ClusterSettings;
use domain::host::{Endpoint, HostSpec};
use domain::name::HostName;
use serde_json::json;

use crate::cluster::Cluster;
use crate::{
    Behind, Scene, changes_outlive_kills, creation_outlives_kills, deployment_outlives_kills,
    undone_creation_leaves_nothing,
};

/// A cluster, from which a test's chain goes whatever comes of the test: others need its room.
struct Ground {
    cluster: Cluster,
    chain: String,
}

impl Drop for Ground {
    fn drop(&mut self) {
        // The portal is gone already: a scene lets it go first.
        self.cluster.forget(&format!("heddle.chain={}", self.chain));
    }
}

impl Behind for Ground {
    /// A test cluster may have two cores, of which every node keeps a tenth of this for itself.
    const CPU_MILLI: u32 = 500;

    fn nodes(&self, chain: &str) -> Vec<String> {
        self.cluster.workloads(chain)
    }

    fn runs(&self, chain: &str) -> Vec<[String; 2]> {
        self.cluster.runs(chain)
    }

    fn left(&self, chain: &str) -> Vec<String> {
        self.cluster.objects(&format!("-{chain}"))
    }
}

impl Scene<Ground> {
    /// Tests run side by side: each has a chain and a range of ports of its own, of those that clusters give to services
    /// and below those of the tests that run beside all of these. The portal is told of the cluster as a person would tell
    /// it, with a pasted kubeconfig.
    fn on_cluster(name: &str, ports: RangeInclusive<u16>) -> Option<Self> {
        let mut scene = Self::beside_a_cluster(name)?;
        let text = scene.engine.cluster.kubeconfig();
        let (spec, context) = scene.cluster_spec(&text, ports);
        let credentials = json!({ "kind": "kubeconfig", "text": text, "context": context });
        let host = scene.call("host_add", &json!({ "spec": spec, "credentials": credentials }));
        scene.host = host["id"].clone();
        Some(scene)
    }

    /// A portal that has not been told of the cluster.
    fn beside_a_cluster(name: &str) -> Option<Self> {
        let cluster = Cluster::find()?;
        Some(Self::over(&[], name, |chain| Ground { cluster, chain: chain.to_owned() }))
    }

    /// The cluster of a kubeconfig as a host, and the context by which it is reached.
    fn cluster_spec(&self, text: &str, ports: RangeInclusive<u16>) -> (HostSpec, String) {
        let contexts = self.call("host_kubeconfig", &json!({ "text": text }));
        let contexts = contexts.as_array().unwrap();
        let context = contexts.iter().find(|context| context["current"] == true).unwrap_or(&contexts[0]);
        let endpoint = Endpoint::Cluster { server: context["server"].as_str().unwrap().to_owned() };
        let spec = HostSpec {
            client_address: self.engine.cluster.address(),
            port_first: *ports.start(),
            port_last: *ports.end(),
            cluster: Some(ClusterSettings { volume_gib: 1, ..ClusterSettings::default() }),
            ..HostSpec::cluster(HostName::parse("far").unwrap(), endpoint)
        };
        (spec, context["name"].as_str().unwrap().to_owned())
    }
}

#[test]
fn a_creation_on_a_cluster_outlives_kills_at_three_points() {
    let Some(scene) = Scene::on_cluster("kill", 30_000..=30_299) else { return };
    creation_outlives_kills(scene);
}

#[test]
fn a_deployment_on_a_cluster_outlives_kills_at_three_points() {
    let Some(scene) = Scene::on_cluster("deploy", 30_300..=30_499) else { return };
    deployment_outlives_kills(scene);
}

#[test]
fn an_undone_creation_leaves_a_clean_cluster() {
    let Some(scene) = Scene::on_cluster("undo", 30_600..=30_899) else { return };
    undone_creation_leaves_nothing(&scene);
}

#[test]
fn resizes_restarts_and_the_end_on_a_cluster_outlive_kills() {
    let Some(scene) = Scene::on_cluster("resize", 30_900..=30_999) else { return };
    changes_outlive_kills(scene);
}
