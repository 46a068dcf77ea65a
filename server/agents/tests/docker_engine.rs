//! The Docker implementation on a real engine.
//!
//! `HEDDLE_TEST_DOCKER=unix:///path/to/docker.sock` names the engine; without it every test here reports itself as
//! skipped. The engine may be shared: each test uses installations of its own and removes only what is theirs. The
//! node image is built on the engine from `docker_engine/node.go`.

#[cfg(test)]
#[path = "docker_engine/bed.rs"]
mod bed;
#[cfg(test)]
#[path = "docker_probe/door.rs"]
mod door;
#[cfg(test)]
#[path = "docker_engine/endpoint.rs"]
mod endpoint;
#[cfg(test)]
#[path = "docker_engine/isolation.rs"]
mod isolation;
#[cfg(test)]
#[path = "docker_engine/load.rs"]
mod load;
#[cfg(test)]
#[path = "docker_engine/networks.rs"]
mod networks;
#[cfg(test)]
#[path = "docker_engine/nodes.rs"]
mod nodes;
#[cfg(test)]
#[path = "docker_engine/registry.rs"]
mod registry;
#[cfg(test)]
#[path = "docker_engine/strangers.rs"]
mod strangers;
