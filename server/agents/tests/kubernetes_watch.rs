//! What a real cluster does too rarely to wait for: an API server that forgets the moment of a watch or of a list, and
//! lists of several pages. A scripted server on the loopback address plays it; no cluster is needed.

#[cfg(test)]
#[path = "kubernetes_watch/moments.rs"]
mod moments;
#[cfg(test)]
#[path = "kubernetes_watch/server.rs"]
mod server;
