//! The Kubernetes implementation on a real cluster.
//!
//! `HEDDLE_TEST_KUBERNETES=/path/to/kubeconfig` names the cluster; without it every test here reports itself as skipped.
//! The cluster may be shared: each test uses installations of its own and removes only what is theirs. It must have a
//! default storage class, and on its machines the images `heddle.local/agent-test-node:<hash>` and `…:<hash>-volume` of
//! `docker_engine/node.go` and `heddle.local/busybox:1`, as `cargo xtask cluster up` brings them.

#[cfg(test)]
#[path = "kubernetes_cluster/accounts.rs"]
mod accounts;
#[cfg(test)]
#[path = "kubernetes_cluster/away.rs"]
mod away;
#[cfg(test)]
#[path = "kubernetes_cluster/bed.rs"]
mod bed;
#[cfg(test)]
#[path = "kubernetes_cluster/door.rs"]
mod door;
#[cfg(test)]
#[path = "kubernetes_cluster/drain.rs"]
mod drain;
#[cfg(test)]
#[path = "kubernetes_cluster/folders.rs"]
mod folders;
#[cfg(test)]
#[path = "kubernetes_cluster/life.rs"]
mod life;
#[cfg(test)]
#[path = "kubernetes_cluster/nodes.rs"]
mod nodes;
#[cfg(test)]
#[path = "kubernetes_cluster/remains.rs"]
mod remains;
#[cfg(test)]
#[path = "kubernetes_cluster/strangers.rs"]
mod strangers;
