//! A small HTTP/1.1 client: one connection that stays open, as a browser or a program keeps one.
//!
//! Only what the benches send and the portal answers; it must not grow into a general client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

const LIMIT: Duration = Duration::from_secs(120);
const HEADERS_MAX: usize = 100;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The first cookie that was set, as `name=value`.
    pub cookie: Option<String>,
    pub body: Vec<u8>,
}

/// One open connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
    cookie: Option<String>,
}

impl Connection {
    /// Connects; `cookie` goes with every request.
    pub fn open(address: SocketAddr, cookie: Option<String>) -> Result<Self> {
        let stream =
            TcpStream::connect(address).with_context(|| format!("{address} cannot be connected to"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Self { stream: BufReader::new(stream), address, cookie })
    }

    pub fn get(&mut self, path: &str) -> Result<Answer> {
        self.send("GET", path, "text/html", &[])
    }

    pub fn post(&mut self, path: &str, content_type: &str, body: &[u8]) -> Result<Answer> {
        self.send("POST", path, content_type, body)
    }

    fn send(&mut self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Result<Answer> {
        let cookie = self.cookie.as_ref().map(|cookie| format!("Cookie: {cookie}\r\n")).unwrap_or_default();
        let kind = match method {
            "GET" => format!("Accept: {content_type}\r\n"),
            _ => format!(
                "Content-Type: {content_type}\r\nAccept: application/json\r\nContent-Length: {}\r\n",
                body.len()
            ),
        };
        let mut request =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n{cookie}{kind}\r\n", self.address).into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request).context("the request cannot be sent")?;
        self.receive().with_context(|| format!("the answer to {method} {path}"))
    }

    fn receive(&mut self) -> Result<Answer> {
        let first = self.line()?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .with_context(|| format!("no status in {first:?}"))?;
        let (mut cookie, mut length, mut chunked) = (None, 0, false);
        for _ in 0..HEADERS_MAX {
            let line = self.line()?;
            if line.is_empty() {
                let body = if chunked { self.chunks()? } else { self.bytes(length)? };
                return Ok(Answer { status, cookie, body });
            }
            let Some((name, value)) = line.split_once(':') else { bail!("{line:?} is no header") };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().context("the length is no number")?,
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                "set-cookie" => cookie = cookie.or(value.split(';').next().map(str::to_owned)),
                _ => {}
            }
        }
        bail!("more than {HEADERS_MAX} headers")
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).context("nothing came in time")? == 0 {
            bail!("the connection was closed");
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    fn bytes(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).context("the body ends early")?;
        Ok(body)
    }

    fn chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.line()?;
            let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
                .with_context(|| format!("{size:?} is no size of a chunk"))?;
            body.extend(self.bytes(size)?);
            self.line()?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    #[test]
    fn reads_bodies_of_both_kinds_on_one_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let answers = [
                "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nSet-Cookie: a=b; Path=/\r\n\r\none",
                "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n",
            ];
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            for answer in answers {
                loop {
                    let mut line = String::new();
                    reader.read_line(&mut line).unwrap();
                    if line == "\r\n" {
                        break;
                    }
                }
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut connection = Connection::open(address, None).unwrap();
        let first = connection.get("/").unwrap();
        assert_eq!(
            (first.status, first.cookie.as_deref(), first.body.as_slice()),
            (200, Some("a=b"), &b"one"[..])
        );
        let second = connection.get("/").unwrap();
        assert_eq!((second.status, second.body.as_slice()), (201, &b"two"[..]));
        server.join().unwrap();
    }
}
