//! The few calls to a container engine that preparing images needs, over its Unix socket.
//!
//! Plain HTTP/1.0 by hand: the engine then answers without chunks and closes, and no client has to be installed.
//! The portal has its own, complete agent; this must not grow into a second one.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

const QUICK: Duration = Duration::from_secs(5);
const SLOW: Duration = Duration::from_secs(300);
/// Answers are small documents; a log of a pull is the longest.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// One engine, by its socket.
#[derive(Clone, Debug)]
pub struct Engine {
    socket: PathBuf,
}

struct Answer {
    status: u16,
    body: Vec<u8>,
}

impl Engine {
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// Accepts `unix:///path`; other addresses cannot be the engine of this machine.
    pub fn from_address(address: &str) -> Result<Self> {
        match address.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') => Ok(Self::at(path)),
            _ => bail!("{address} is not the address of a Unix socket (unix:///path)"),
        }
    }

    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// True when an engine answers.
    pub fn answers(&self) -> bool {
        self.call("GET", "/_ping", &[], QUICK).is_ok_and(|answer| answer.status == 200)
    }

    /// A label of an image; none when there is no such image or no such label.
    pub fn image_label(&self, image: &str, label: &str) -> Result<Option<String>> {
        let answer = self.call("GET", &format!("/images/{image}/json"), &[], QUICK)?;
        match answer.status {
            200 => {
                let facts: Value =
                    serde_json::from_slice(&answer.body).context("the engine's answer is no JSON")?;
                Ok(facts["Config"]["Labels"][label].as_str().map(str::to_owned))
            }
            404 => Ok(None),
            _ => bail!("the engine refuses to describe {image}: {}", answer.text()),
        }
    }

    /// True when the engine has an image of this name.
    pub fn has_image(&self, image: &str) -> Result<bool> {
        let answer = self.call("GET", &format!("/images/{image}/json"), &[], QUICK)?;
        Ok(answer.status == 200)
    }

    /// Loads a docker-archive.
    pub fn load(&self, archive: &[u8]) -> Result<()> {
        let answer = self.call("POST", "/images/load?quiet=1", archive, SLOW)?;
        if answer.status != 200 || answer.reports_error() {
            bail!("the engine does not load the image: {}", answer.text());
        }
        Ok(())
    }

    /// Pulls an image; fails when the registry is out of reach or does not have it.
    pub fn pull(&self, name: &str, tag: &str, limit: Duration) -> Result<()> {
        let answer = self.call("POST", &format!("/images/create?fromImage={name}&tag={tag}"), &[], limit)?;
        if answer.status != 200 || answer.reports_error() {
            bail!("{name}:{tag} cannot be pulled: {}", answer.text());
        }
        Ok(())
    }

    /// Removes all containers, volumes and networks that somebody made. Only ever for an engine of our own.
    pub fn remove_everything_but_images(&self) -> Result<()> {
        let answer = self.call("GET", "/containers/json?all=1", &[], QUICK)?;
        let list: Value = serde_json::from_slice(&answer.body).context("the engine's answer is no JSON")?;
        for id in list.as_array().into_iter().flatten().filter_map(|container| container["Id"].as_str()) {
            self.demand("DELETE", &format!("/containers/{id}?force=1&v=1"), &[204, 404])?;
        }
        self.demand("POST", "/networks/prune", &[200])?;
        let answer = self.call("GET", "/volumes", &[], QUICK)?;
        let list: Value = serde_json::from_slice(&answer.body).context("the engine's answer is no JSON")?;
        for name in
            list["Volumes"].as_array().into_iter().flatten().filter_map(|volume| volume["Name"].as_str())
        {
            self.demand("DELETE", &format!("/volumes/{name}?force=1"), &[204, 404])?;
        }
        Ok(())
    }

    fn demand(&self, method: &str, path: &str, accepted: &[u16]) -> Result<()> {
        let answer = self.call(method, path, &[], SLOW)?;
        if !accepted.contains(&answer.status) {
            bail!("the engine refuses {method} {path}: {}", answer.text());
        }
        Ok(())
    }

    fn call(&self, method: &str, path: &str, body: &[u8], limit: Duration) -> Result<Answer> {
        let shown = self.socket.display();
        let mut stream =
            UnixStream::connect(&self.socket).with_context(|| format!("no engine listens on {shown}"))?;
        stream.set_read_timeout(Some(limit)).context("no time limit can be set")?;
        stream.set_write_timeout(Some(limit)).context("no time limit can be set")?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .with_context(|| format!("the engine on {shown} does not listen"))?;
        stream.write_all(body).with_context(|| format!("the engine on {shown} does not take the data"))?;
        let mut raw = Vec::new();
        let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut raw);
        read.with_context(|| format!("the engine on {shown} did not answer within {} s", limit.as_secs()))?;
        parse(&raw).with_context(|| format!("what listens on {shown} does not speak HTTP"))
    }
}

impl Answer {
    fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        format!("{} {}", self.status, crate::process::last_lines(text.trim(), 3))
    }

    /// Progress streams report failures inside a successful answer.
    fn reports_error(&self) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .any(|line| !line["error"].is_null())
    }
}

fn parse(raw: &[u8]) -> Option<Answer> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&raw[..end]).ok()?;
    let mut words = head.lines().next()?.split(' ');
    words.next().filter(|word| word.starts_with("HTTP/1."))?;
    Some(Answer { status: words.next()?.parse().ok()?, body: raw[end + 4..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        assert_eq!(Engine::from_address("unix:///a/b").unwrap().address(), "unix:///a/b");
        for bad in ["tcp://127.0.0.1:2375", "/a/b", "unix://relative", ""] {
            assert!(Engine::from_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers_are_taken_apart() {
        let answer = parse(b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\n{\"message\":\"no\"}").unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (404, b"{\"message\":\"no\"}".as_slice()));
        assert!(parse(b"SSH-2.0\r\n\r\n").is_none());
        assert!(parse(b"HTTP/1.0 200 OK\r\n").is_none());
    }

    #[test]
    fn errors_inside_a_stream_are_seen() {
        let check = |body: &str, expect| {
            let answer = Answer { status: 200, body: body.as_bytes().to_vec() };
            assert_eq!(answer.reports_error(), expect, "{body}");
        };
        check("{\"status\":\"a\"}\n{\"errorDetail\":{},\"error\":\"x\"}\n", true);
        check("{\"stream\":\"Loaded image: an error: x\"}\n", false);
        check("", false);
    }

    #[test]
    fn nobody_listens() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!Engine::at(folder.path().join("none")).answers());
    }
}
