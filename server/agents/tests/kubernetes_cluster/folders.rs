//! Data in folders of a machine, where no storage class makes volumes: they go with their chain, or stay where no later
//! chain of that name finds them.

use std::time::{Duration, Instant};

use agents::kubernetes::{KubernetesAgent, KubernetesEndpoint, KubernetesOptions};
use agents::{Agent, Removed};
use domain::host::cluster::{ClusterSettings, ClusterStorage};
use k8s_openapi::api::core::v1::{Node, PersistentVolume, Pod};
use kube::Api;
use kube::api::{ListParams, LogParams, PostParams};
use serde_json::json;

use crate::bed::{Bed, PATIENCE, on_cluster};

/// Where the folders of chains are on the machine; a test cluster has this place to itself and forgets it when it ends.
const FOLDERS: &str = "/var/lib/heddle-folders";
/// An image with what moves and removes folders.
const SHELL: &str = "heddle.local/busybox:1";
const CHAIN: &str = "folders";

#[tokio::test(flavor = "multi_thread")]
async fn folders_go_with_their_chain_or_stay_where_no_later_chain_finds_them() {
    on_cluster(async |bed| stay_or_go(&bed).await).await;
}

async fn stay_or_go(bed: &Bed) {
    let kube_node = machine(bed).await;
    let agent = on_machine(bed, &kube_node);
    // The node's own image has no programs: the portal takes another one that it knows.
    agent.ensure_image(SHELL, None, &mut |_| ()).await.unwrap();
    runs_twice(bed, &agent).await;
    let kept = format!("{}--kept-op-1", bed.namespace(&bed.installation, CHAIN));
    let removed = agent.release_space(&bed.installation, CHAIN, "op-1").await.unwrap();
    assert_eq!(removed.kept, [format!("{kube_node}:{FOLDERS}/{kept}")]);
    let again = agent.release_space(&bed.installation, CHAIN, "op-1").await.unwrap();
    assert_eq!(again, Removed::default());
    assert_eq!(volumes(bed).await, 0);

    // The later chain begins with nothing, and so does the one after it, whose folders are gone.
    runs_twice(bed, &agent).await;
    assert_eq!(volumes(bed).await, 1);
    agent.remove_space(&bed.installation, CHAIN).await.unwrap();
    runs_twice(bed, &agent).await;
    agent.remove_space(&bed.installation, CHAIN).await.unwrap();
    assert_eq!(volumes(bed).await, 0);
    assert_eq!(taken(bed, &kube_node, &kept).await, "2", "the first chain's data is as it was");
}

/// A chain of one node that finds no data, and then its own.
async fn runs_twice(bed: &Bed, agent: &KubernetesAgent) {
    agent.ensure_space(&bed.space(CHAIN)).await.unwrap();
    let spec = bed.keeping(CHAIN, "peer0");
    let node = spec.node_ref();
    agent.ensure_node(&spec).await.unwrap();
    bed.lines_with(&node, "boot 1").await;
    agent.restart(&node, Duration::from_secs(5)).await.unwrap();
    bed.lines_with(&node, "boot 2").await;
}

fn on_machine(bed: &Bed, kube_node: &str) -> KubernetesAgent {
    let storage = ClusterStorage::NodeLocal { kube_node: kube_node.to_owned(), path: FOLDERS.to_owned() };
    let settings = ClusterSettings { storage, ..bed.options.settings.clone() };
    let options = KubernetesOptions { settings, ..bed.options.clone() };
    let (server, credentials) = (bed.server.clone(), bed.credentials.clone());
    KubernetesAgent::connect(KubernetesEndpoint::Remote { server, credentials }, options, &bed.installation)
        .unwrap()
}

/// The name of one of the cluster's machines.
async fn machine(bed: &Bed) -> String {
    let machines: Api<Node> = Api::all(bed.hands.clone());
    let found = machines.list(&ListParams::default()).await.unwrap();
    found.items.into_iter().find_map(|machine| machine.metadata.name).unwrap()
}

/// How many volumes of the portal there are.
async fn volumes(bed: &Bed) -> usize {
    let volumes: Api<PersistentVolume> = Api::all(bed.hands.clone());
    let params = ListParams::default().labels(&format!("heddle.installation={}", bed.installation));
    volumes.list(&params).await.unwrap().items.len()
}

/// How often the node was started on the data in a folder; the folder is taken away.
async fn taken(bed: &Bed, kube_node: &str, folder: &str) -> String {
    // It goes with the portal's own namespace.
    let pods: Api<Pod> = Api::namespaced(bed.hands.clone(), &format!("heddle-{}", bed.installation));
    let script = format!("cat /folders/{folder}/peer0/boots && rm -rf /folders/{folder}");
    let pod = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "looks"},
        "spec": {
            "restartPolicy": "Never", "nodeName": kube_node,
            "containers": [{
                "name": "looks", "image": SHELL, "imagePullPolicy": "Never", "command": ["sh", "-c", script],
                "volumeMounts": [{"name": "folders", "mountPath": "/folders"}],
            }],
            "volumes": [{"name": "folders", "hostPath": {"path": FOLDERS}}],
        },
    }));
    let pod: Pod = pod.unwrap();
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let phase = pods.get("looks").await.unwrap().status.and_then(|status| status.phase);
        match phase.as_deref() {
            Some("Succeeded") => break,
            Some("Failed") => panic!("{folder} is not on the machine"),
            _ => assert!(Instant::now() < deadline, "nobody looks: {phase:?}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    pods.logs("looks", &LogParams::default()).await.unwrap()
}
