//! The version of the API that is spoken, at both ends: with the oldest engine that is supported, with one newer
//! than we know, and with those that are refused. The engine here only writes down what it is asked.

#[cfg(test)]
#[path = "docker_api_versions/engine.rs"]
mod engine;
