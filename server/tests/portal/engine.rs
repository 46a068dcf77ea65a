//! The real engine behind a portal, asked past the portal: what a test counts on, and what is left behind.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use serde_json::Value;

/// An engine's socket.
pub struct Engine {
    pub socket: String,
}

impl Engine {
    /// The engine that the test may use, or none, and says so.
    pub fn find() -> Option<Self> {
        let Ok(address) = std::env::var("HEDDLE_TEST_DOCKER") else {
            eprintln!("skipped: HEDDLE_TEST_DOCKER names no engine");
            return None;
        };
        let socket = address.strip_prefix("unix://").expect("HEDDLE_TEST_DOCKER must be unix://…").to_owned();
        Some(Self { socket })
    }

    /// Names of a chain's containers, those that are stopped as well.
    pub fn containers(&self, chain: &str) -> Vec<String> {
        let found = self.get(&format!("/containers/json?all=1&{}", filter(chain)));
        let found = found.as_array().unwrap().iter();
        let mut names: Vec<String> = found.map(|one| one["Names"][0].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// Everything of a chain: containers, networks, volumes.
    pub fn left(&self, chain: &str) -> Vec<String> {
        let mut names = self.containers(chain);
        let networks = self.get(&format!("/networks?{}", filter(chain)));
        let volumes = self.get(&format!("/volumes?{}", filter(chain)));
        for found in [&networks, &volumes["Volumes"]] {
            let found = found.as_array().into_iter().flatten();
            names.extend(found.map(|one| one["Name"].as_str().unwrap().to_owned()));
        }
        names
    }

    fn get(&self, path: &str) -> Value {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        // The older protocol has no chunks and ends with the connection.
        stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 200"), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }
}

fn filter(chain: &str) -> String {
    format!("filters=%7B%22label%22%3A%5B%22heddle.chain%3D{chain}%22%5D%7D")
}
