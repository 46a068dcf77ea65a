//! What every component of a cluster is told: arguments and files, as pure functions of the cluster's place.
//!
//! Two kinds of settings stand out. Some keep a component from changing the machine that it shares with us (scores of
//! the out-of-memory killer, limits of connection tracking). Others make a small cluster quick (no leader election,
//! short periods). Nothing here touches the disk.

use serde_json::{Value, json};

use super::state::Slot;

/// Host parts of addresses on the cluster's network: this machine, a network namespace that was joined to it, the
/// control plane.
pub const MACHINE: usize = 1;
pub const JOINED: usize = 2;
pub const CONTROL_PLANE: usize = 10;

/// Addresses that exist only inside a cluster, and are therefore the same in each.
pub const SERVICES: &str = "10.96.0.0/16";
pub const SERVICE_API: &str = "10.96.0.1";
/// As cluster.yaml says.
pub const SERVICE_DNS: &str = "10.96.0.10";
const PODS: &str = "10.244.0.0/16";

pub const PAUSE: &str = "heddle.local/pause:1";

/// Nodes count from one.
pub fn node_name(number: usize) -> String {
    format!("kube-node-{number}")
}

pub fn node_host(number: usize) -> usize {
    CONTROL_PLANE + number
}

/// The pods' addresses on one node.
pub fn pods_of(number: usize) -> String {
    format!("10.244.{number}.0/24")
}

/// Where a node's container engine listens.
pub fn engine_socket(slot: &Slot, node: &str) -> String {
    slot.runtime.join(format!("{node}.sock")).display().to_string()
}

/// One program and its arguments.
pub type Arguments = (&'static str, Vec<String>);

pub fn database(slot: &Slot) -> Arguments {
    let (clients, peers) = ("http://127.0.0.1:2379", "http://127.0.0.1:2380");
    let data = slot.folder.join("database").display().to_string();
    let words = [
        format!("--data-dir={data}"),
        format!("--listen-client-urls={clients}"),
        format!("--advertise-client-urls={clients}"),
        format!("--listen-peer-urls={peers}"),
        "--log-level=warn".to_owned(),
        // What it holds does not outlive the cluster.
        "--unsafe-no-fsync".to_owned(),
    ];
    ("etcd", words.to_vec())
}

pub fn api_server(slot: &Slot) -> Arguments {
    let file = |name: &str| slot.runtime.join(name).display().to_string();
    let words = [
        "--etcd-servers=http://127.0.0.1:2379".to_owned(),
        "--bind-address=0.0.0.0".to_owned(),
        "--secure-port=6443".to_owned(),
        format!("--advertise-address={}", slot.address(CONTROL_PLANE)),
        format!("--service-cluster-ip-range={SERVICES}"),
        format!("--tls-cert-file={}", file("apiserver.pem")),
        format!("--tls-private-key-file={}", file("apiserver.key")),
        format!("--client-ca-file={}", file("ca.pem")),
        "--authorization-mode=Node,RBAC".to_owned(),
        "--enable-admission-plugins=NodeRestriction".to_owned(),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
        format!("--service-account-key-file={}", file("accounts.pem")),
        format!("--service-account-signing-key-file={}", file("accounts.key")),
        format!("--kubelet-certificate-authority={}", file("ca.pem")),
        format!("--kubelet-client-certificate={}", file("kubelet-client.pem")),
        format!("--kubelet-client-key={}", file("kubelet-client.key")),
        "--kubelet-preferred-address-types=InternalIP".to_owned(),
        format!("--requestheader-client-ca-file={}", file("ca.pem")),
        "--requestheader-allowed-names=front-proxy".to_owned(),
        "--requestheader-username-headers=X-Remote-User".to_owned(),
        "--requestheader-group-headers=X-Remote-Group".to_owned(),
        "--requestheader-extra-headers-prefix=X-Remote-Extra-".to_owned(),
        format!("--proxy-client-cert-file={}", file("front-proxy.pem")),
        format!("--proxy-client-key-file={}", file("front-proxy.key")),
        // The control plane knows the pods' addresses and no services'.
        "--enable-aggregator-routing=true".to_owned(),
        "--profiling=false".to_owned(),
    ];
    ("kube-apiserver", words.to_vec())
}

pub fn manager(slot: &Slot) -> Arguments {
    let mut words = asking(slot, "manager");
    let file = |name: &str| slot.runtime.join(name).display().to_string();
    words.extend([
        format!("--service-cluster-ip-range={SERVICES}"),
        format!("--root-ca-file={}", file("ca.pem")),
        format!("--service-account-private-key-file={}", file("accounts.key")),
        format!("--cluster-signing-cert-file={}", file("ca.pem")),
        format!("--cluster-signing-key-file={}", file("ca.key")),
        "--use-service-account-credentials".to_owned(),
        "--kube-api-qps=1000".to_owned(),
        "--kube-api-burst=2000".to_owned(),
        // A node that has gone silent is seen within seconds.
        "--node-monitor-period=1s".to_owned(),
        "--node-monitor-grace-period=12s".to_owned(),
        // A claim and a volume that missed each other meet soon.
        "--pvclaimbinder-sync-period=1s".to_owned(),
        format!("--flex-volume-plugin-dir={}", slot.folder.join("plugins").display()),
    ]);
    ("kube-controller-manager", words)
}

pub fn scheduler(slot: &Slot) -> Arguments {
    ("kube-scheduler", asking(slot, "scheduler"))
}

fn asking(slot: &Slot, who: &str) -> Vec<String> {
    let kubeconfig = slot.runtime.join(format!("{who}.yaml")).display().to_string();
    vec![
        format!("--kubeconfig={kubeconfig}"),
        format!("--authentication-kubeconfig={kubeconfig}"),
        format!("--authorization-kubeconfig={kubeconfig}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--leader-elect=false".to_owned(),
        "--profiling=false".to_owned(),
    ]
}

pub fn provisioner(slot: &Slot) -> Arguments {
    let words = [
        format!("--kubeconfig={}", slot.kubeconfig().display()),
        format!("--folder={}", slot.folder.join("volumes").display()),
    ];
    ("provisioner", words.to_vec())
}

pub fn engine(slot: &Slot, node: &str) -> Arguments {
    (
        "containerd",
        vec!["--config".to_owned(), slot.runtime.join(format!("{node}-engine.toml")).display().to_string()],
    )
}

pub fn kubelet(slot: &Slot, number: usize) -> Arguments {
    let node = node_name(number);
    let words = [
        format!("--config={}", slot.runtime.join(format!("{node}-kubelet.json")).display()),
        format!("--kubeconfig={}", slot.runtime.join(format!("{node}.yaml")).display()),
        format!("--hostname-override={node}"),
        format!("--node-ip={}", slot.address(node_host(number))),
    ];
    ("kubelet", words.to_vec())
}

pub fn proxy(slot: &Slot, node: &str) -> Arguments {
    ("kube-proxy", vec![format!("--config={}", slot.runtime.join(format!("{node}-proxy.json")).display())])
}

/// The container engine's file, in its version 2, which containerd 1.5 to 1.7 read.
pub fn engine_file(slot: &Slot, node: &str) -> String {
    let data = slot.folder.join(node);
    format!(
        r#"version = 2
root = "{data}/engine"
state = "/run/heddle-engine"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
  address = "{socket}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{data}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  # Without the right to lower scores no pod would start.
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "{data}/network"

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
"#,
        data = data.display(),
        socket = engine_socket(slot, node),
    )
}

/// How pods of a node get their network.
pub fn network_file(number: usize) -> Value {
    json!({
        "cniVersion": "0.4.0",
        "name": "testbed",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "pods",
                "isGateway": true,
                "isDefaultGateway": true,
                "hairpinMode": true,
                "ipMasq": false,
                "ipam": { "type": "host-local", "ranges": [[{ "subnet": pods_of(number) }]] },
            },
            { "type": "portmap", "capabilities": { "portMappings": true } },
        ],
    })
}

pub fn kubelet_file(slot: &Slot, node: &str) -> Value {
    let file = |name: &str| slot.runtime.join(name).display().to_string();
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "authentication": {
            "anonymous": { "enabled": false },
            "webhook": { "enabled": true },
            "x509": { "clientCAFile": file("ca.pem") },
        },
        "authorization": { "mode": "Webhook" },
        "tlsCertFile": file(&format!("{node}.pem")),
        "tlsPrivateKeyFile": file(&format!("{node}.key")),
        "containerRuntimeEndpoint": format!("unix://{}", engine_socket(slot, node)),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}/{node}", slot.group()),
        "failCgroupV1": false,
        "failSwapOn": false,
        "oomScoreAdj": 0,
        "maxOpenFiles": 20_000,
        "clusterDNS": [SERVICE_DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": slot.runtime.join("resolv.conf").display().to_string(),
        "volumePluginDir": slot.folder.join(node).join("plugins").display().to_string(),
        // Images were put there by hand and cannot be fetched again.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": { "memory.available": "50Mi", "nodefs.available": "1%", "imagefs.available": "1%" },
        "nodeStatusUpdateFrequency": "4s",
        // A process that has ended more than once waits for its next start: elsewhere ten seconds at first, and minutes
        // after some times.
        "featureGates": { "KubeletCrashLoopBackOffMax": true },
        "crashLoopBackOff": { "maxContainerRestartPeriod": "2s" },
        "kubeAPIQPS": 200,
        "kubeAPIBurst": 400,
    })
}

pub fn proxy_file(slot: &Slot, node: &str) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": { "kubeconfig": slot.runtime.join("proxy.yaml").display().to_string() },
        "mode": "iptables",
        "hostnameOverride": node,
        "clusterCIDR": PODS,
        "bindAddress": "0.0.0.0",
        "oomScoreAdj": 0,
        // Zero leaves a setting as it is: these are the whole machine's.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "iptables": { "minSyncPeriod": "100ms", "syncPeriod": "30s" },
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::paths::Paths;

    fn slot() -> Slot {
        let folder = PathBuf::from("/cache");
        Slot::new(&Paths { root: folder.clone(), cache: folder.clone(), target: folder }, 2)
    }

    #[test]
    fn everything_lies_in_the_cluster_s_own_folders() {
        let slot = slot();
        let (folder, runtime) = (slot.folder.display().to_string(), slot.runtime.display().to_string());
        let all = [
            database(&slot),
            api_server(&slot),
            manager(&slot),
            scheduler(&slot),
            provisioner(&slot),
            engine(&slot, "kube-node-1"),
            kubelet(&slot, 1),
            proxy(&slot, "kube-node-1"),
        ];
        for (program, words) in all {
            let paths =
                words.iter().filter_map(|word| word.split_once('/').filter(|_| !word.contains("://")));
            let paths: Vec<String> = paths
                .filter(|(before, _)| before.ends_with('=') || before.is_empty())
                .map(|(_, path)| format!("/{path}"))
                .collect();
            assert!(!paths.is_empty(), "{program}");
            for path in paths {
                assert!(path.starts_with(&folder) || path.starts_with(&runtime), "{program}: {path}");
            }
        }
    }

    #[test]
    fn no_two_nodes_share_anything() {
        let slot = slot();
        let of = |number: usize| {
            let node = node_name(number);
            vec![
                slot.address(node_host(number)),
                pods_of(number),
                engine_socket(&slot, &node),
                engine_file(&slot, &node),
                network_file(number).to_string(),
                kubelet_file(&slot, &node).to_string(),
                proxy_file(&slot, &node).to_string(),
            ]
        };
        for (one, two) in of(1).into_iter().zip(of(2)) {
            assert_ne!(one, two);
        }
    }

    #[test]
    fn what_the_kubelet_is_told() {
        let file = kubelet_file(&slot(), "kube-node-1");
        let group = format!("/{}/kube-node-1", slot().group());
        assert_eq!(file["cgroupRoot"].as_str(), Some(group.as_str()));
        assert_eq!(file["authentication"]["anonymous"]["enabled"], false);
        // A kubelet refuses the one without the other.
        assert_eq!(file["featureGates"]["KubeletCrashLoopBackOffMax"], true);
        assert_eq!(file["crashLoopBackOff"]["maxContainerRestartPeriod"], "2s");
        let manifests = include_str!("../../../../end2end/testbed/cluster/cluster.yaml");
        assert!(manifests.contains(&format!("clusterIP: {SERVICE_DNS}\n")));
    }

    #[test]
    fn the_engine_has_a_place_of_its_own() {
        let file = engine_file(&slot(), "kube-node-1");
        assert!(file.contains("root = \"/cache/cluster/2/kube-node-1/engine\"\n"), "{file}");
        assert!(file.contains("sandbox_image = \"heddle.local/pause:1\"\n"), "{file}");
        assert!(!file.contains("/run/containerd") && !file.contains("/var/lib"), "{file}");
    }
}
