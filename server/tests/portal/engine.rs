//! The real engine behind a portal, asked past the portal: what a test counts on, and what is left behind.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

/// Longest silence of an engine in the middle of an answer.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// An engine's socket.
pub struct Engine {
    pub socket: String,
}

impl Engine {
    /// The engine that the test may use, or none, and says so.
    pub fn find() -> Option<Self> {
        let Ok(address) = std::env::var("HEDDLE_TEST_DOCKER") else {
            let mut out = std::io::stdout();
            writeln!(out, "skipped: HEDDLE_TEST_DOCKER names no engine").unwrap();
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

    /// A chain's containers with what they do and since when.
    pub fn states(&self, chain: &str) -> Vec<[String; 3]> {
        let look = |name: String| {
            let found = self.get(&format!("/containers/{}/json", name.trim_start_matches('/')));
            let word = |field: &str| found["State"][field].as_str().unwrap().to_owned();
            [name, word("Status"), word("StartedAt")]
        };
        self.containers(chain).into_iter().map(look).collect()
    }

    /// Everything of a chain: containers, networks, volumes.
    pub fn objects(&self, chain: &str) -> Vec<String> {
        let mut names = self.containers(chain);
        let networks = self.get(&format!("/networks?{}", filter(chain)));
        let volumes = self.get(&format!("/volumes?{}", filter(chain)));
        for found in [&networks, &volumes["Volumes"]] {
            let found = found.as_array().into_iter().flatten();
            names.extend(found.map(|one| one["Name"].as_str().unwrap().to_owned()));
        }
        names.sort();
        names
    }

    /// Makes an image of what a container runs, with a setting that no program made with Go starts under.
    pub fn spoil(&self, container: &str, repository: &str) -> String {
        let change = "ENV%20GOMEMLIMIT%3Dnonsense";
        let container = container.trim_start_matches('/');
        self.send(
            "POST",
            &format!("/commit?container={container}&repo={repository}&tag=1&pause=false&changes={change}"),
        );
        format!("{repository}:1")
    }

    /// Gives an image a further name.
    pub fn tag_image(&self, name: &str, repository: &str) -> String {
        self.send("POST", &format!("/images/{name}/tag?repo={repository}&tag=1"));
        format!("{repository}:1")
    }

    /// An image as the engine saves it: an archive.
    pub fn export_image(&self, name: &str) -> Vec<u8> {
        self.bytes("GET", &format!("/images/{name}/get"))
    }

    pub fn remove_image(&self, name: &str) {
        self.send("DELETE", &format!("/images/{name}?force=true"));
    }

    fn get(&self, path: &str) -> Value {
        serde_json::from_str(&self.send("GET", path)).unwrap()
    }

    fn send(&self, method: &str, path: &str) -> String {
        String::from_utf8(self.bytes(method, path)).unwrap()
    }

    fn bytes(&self, method: &str, path: &str) -> Vec<u8> {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(SILENCE_MAX)).unwrap();
        // The older protocol has no chunks and ends with the connection.
        let head = format!("{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut head = Vec::new();
        stream.read_to_end(&mut head).unwrap();
        let end = head.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let body = head.split_off(end + 4);
        let told = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(head.starts_with(b"HTTP/1.0 20"), "{method} {path}: {}{}", told(&head), told(&body));
        body
    }
}

fn filter(chain: &str) -> String {
    format!("filters=%7B%22label%22%3A%5B%22heddle.chain%3D{chain}%22%5D%7D")
}
