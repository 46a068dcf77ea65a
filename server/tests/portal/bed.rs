//! A portal as a process of its own, and a client that speaks plain HTTP to it: what the tests of the binary share.
//! The client is small on purpose, so that a test sees exactly what went over the wire.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use store::Store;
use tempfile::TempDir;

/// For whatever has to happen; machines are slow at times.
const PATIENCE: Duration = Duration::from_secs(300);
pub const PASSWORD: &str = "a few plain words together";

/// A running portal with a data folder that is thrown away.
pub struct Portal {
    child: Child,
    folder: TempDir,
    port: u16,
    flags: Vec<String>,
    output: Arc<Mutex<String>>,
    tls: Tls,
}

/// What a client trusts; none where it speaks plain HTTP.
type Tls = Option<Arc<ClientConfig>>;

impl Portal {
    /// Starts one and waits until it is ready.
    pub fn start(flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        Self::launch(tempfile::tempdir().unwrap(), flags, None)
    }

    /// Starts one that speaks TLS only, with a certificate that the client trusts.
    pub fn start_tls() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let flags = [("--tls-cert", certificate), ("--tls-key", key)];
        let flags = flags.into_iter().flat_map(|(flag, path)| [flag.to_owned(), path.display().to_string()]);
        let flags = flags.collect();
        Self::launch(folder, flags, Some(Arc::new(config)))
    }

    fn launch(folder: TempDir, flags: Vec<String>, tls: Tls) -> Self {
        let port = free_port();
        let (child, output) = spawn(&folder, port, &flags);
        let mut portal = Self { child, folder, port, flags, output, tls };
        portal.wait();
        portal
    }

    /// Ends it as a power cut would, unless it has ended, and starts it again on the same data.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        (self.child, self.output) = spawn(&self.folder, self.port, &self.flags);
        self.wait();
    }

    fn wait(&mut self) {
        let end = Instant::now() + PATIENCE;
        while Call::get("/readyz").try_send(self.port, &self.tls).is_none_or(|answer| answer.status != 200) {
            let exit = self.child.try_wait().unwrap();
            assert!(exit.is_none() && Instant::now() < end, "not ready ({exit:?}): {}", self.said());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end, and tells how it ended and how long that took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begin = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        (self.child.wait().unwrap(), begin.elapsed())
    }

    /// Another portal on the same data folder; returns how it ended and what it said.
    pub fn second(&self) -> (ExitStatus, String) {
        let (mut child, output) = spawn(&self.folder, free_port(), &self.flags);
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > end {
                child.kill().unwrap();
                panic!("the second portal goes on: {}", output.lock().unwrap());
            }
            thread::sleep(Duration::from_millis(50));
        };
        // The reader ends with the process; what it read last may be a moment behind.
        let text = until(|| Some(output.lock().unwrap().clone()).filter(|text| !text.is_empty()));
        (status, text)
    }

    /// Runs one of the binary's commands on the same data folder; returns how it ended and what it said.
    pub fn command(&self, words: &[&str]) -> (ExitStatus, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_heddle"));
        let output = command.arg("--data").arg(self.folder.path().join("data")).args(words).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status, String::from_utf8_lossy(&said).into_owned())
    }

    /// Changes the store of a portal that has ended, and waits until the next one can open it.
    pub fn edit_store(&self, edit: impl AsyncFnOnce(&Store)) {
        let folder = self.folder.path().join("data").join("portal");
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let store = Store::open(&format!("surrealkv://{}?sync=every", folder.display())).await.unwrap();
            edit(&store).await;
            let lock = File::open(folder.join("LOCK")).unwrap();
            drop(store);
            // The engine closes a moment after its last handle is gone, in tasks of this runtime.
            let end = Instant::now() + PATIENCE;
            while lock.try_lock().is_err() {
                assert!(Instant::now() < end, "the store is not closed");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
    }

    /// Every file and folder that it keeps or left, but for those of its database.
    pub fn files(&self) -> Vec<PathBuf> {
        let database = self.folder.path().join("data").join("portal");
        let (mut found, mut folders) = (Vec::new(), vec![self.folder.path().to_owned()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && path != database {
                    folders.push(path.clone());
                }
                found.push(path);
            }
        }
        found.sort();
        found
    }

    /// Puts another key where the portal's is.
    pub fn replace_key(&self) {
        let entries = std::fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let key = entries.into_iter().find(|path| path.extension().is_some_and(|it| it == "key")).unwrap();
        std::fs::write(key, "07".repeat(32)).unwrap();
    }

    /// Reads an answer that goes on until the portal ends it.
    pub fn read_to_end(&self, call: Call) -> String {
        let mut stream = call.write(self.port, &self.tls).expect("a connection");
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    pub fn said(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    /// The one-time token that it printed.
    pub fn token(&self) -> String {
        until(|| {
            let said = self.said();
            let rest = said.split_once("setup token ")?.1;
            let token: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            (token.len() >= 16).then_some(token)
        })
    }

    /// Makes the first admin and returns their cookie.
    pub fn set_up(&self) -> String {
        let form = format!("token={}&name=ada&password={}", self.token(), PASSWORD.replace(' ', "+"));
        let answer = self.send(Call::post("/api/setup_admin").form(&form));
        answer.cookie().unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// Signs somebody in and returns their cookie.
    pub fn sign_in(&self, name: &str) -> String {
        let form = format!("name={name}&password={}&next=/", PASSWORD.replace(' ', "+"));
        let answer = self.send(Call::post("/api/session_create").form(&form));
        answer.cookie().unwrap_or_else(|| panic!("{answer:?}"))
    }

    /// Sends a request and does not wait for its answer; the connection stays open until it is dropped.
    pub fn begin(&self, call: Call) -> Box<dyn Wire> {
        call.write(self.port, &self.tls).expect("a connection")
    }

    /// Where it listens on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn send(&self, call: Call) -> Answer {
        call.try_send(self.port, &self.tls).expect("an answer")
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        // One that has ended already needs no ending.
        let _ended = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Asks again and again until there is an answer.
pub fn until<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "it did not happen");
        thread::sleep(Duration::from_millis(50));
    }
}

fn spawn(folder: &TempDir, port: u16, flags: &[String]) -> (Child, Arc<Mutex<String>>) {
    let (data, scratch) = (folder.path().join("data"), folder.path().join("scratch"));
    std::fs::create_dir_all(&scratch).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_heddle"))
        .args(["--listen", &format!("127.0.0.1:{port}"), "--data"])
        .arg(&data)
        .args(flags)
        .env("LEPTOS_OUTPUT_NAME", "heddle")
        .env("TMPDIR", scratch)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = Arc::new(Mutex::new(String::new()));
    let (stderr, kept) = (child.stderr.take().unwrap(), Arc::clone(&output));
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let mut kept = kept.lock().unwrap();
            kept.push_str(&line);
            kept.push('\n');
        }
    });
    (child, output)
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A connection, with or without TLS.
pub trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

/// One request.
#[derive(Clone, Debug)]
pub struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    /// Replaced by the portal's own where a test does not say otherwise.
    host: Option<String>,
    body: Vec<u8>,
}

impl Call {
    pub fn get(path: &str) -> Self {
        Self { method: "GET", path: path.to_owned(), headers: Vec::new(), host: None, body: Vec::new() }
    }

    pub fn post(path: &str) -> Self {
        Self { method: "POST", ..Self::get(path) }
    }

    pub fn form(self, body: &str) -> Self {
        self.bytes(body.as_bytes()).header("content-type", "application/x-www-form-urlencoded")
    }

    pub fn json(self, body: &Value) -> Self {
        self.raw(&body.to_string())
    }

    /// A body as it stands, whatever it is.
    pub fn raw(self, body: &str) -> Self {
        self.bytes(body.as_bytes()).header("content-type", "application/json")
    }

    /// The same without a word of what it is.
    pub fn bytes(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..self }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn cookie(self, cookie: &str) -> Self {
        if cookie.is_empty() { self } else { self.header("cookie", cookie) }
    }

    pub fn host(self, host: &str) -> Self {
        Self { host: Some(host.to_owned()), ..self }
    }

    fn try_send(&self, port: u16, tls: &Tls) -> Option<Answer> {
        Answer::read(self.write(port, tls)?)
    }

    fn write(&self, port: u16, tls: &Tls) -> Option<Box<dyn Wire>> {
        let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let (scheme, mut stream): (_, Box<dyn Wire>) = match tls {
            None => ("http", Box::new(stream)),
            Some(config) => {
                let name = ServerName::try_from("127.0.0.1").ok()?;
                let session = ClientConnection::new(config.clone(), name).ok()?;
                ("https", Box::new(StreamOwned::new(session, stream)))
            }
        };
        let own = format!("127.0.0.1:{port}");
        let host = self.host.as_deref().unwrap_or(&own);
        let mut text =
            format!("{} {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", self.method, self.path);
        if !self.headers.iter().any(|(name, _)| name == "origin") {
            text.push_str(&format!("origin: {scheme}://{own}\r\n"));
        }
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        stream.write_all(&[text.as_bytes(), self.body.as_slice()].concat()).ok()?;
        Some(stream)
    }
}

/// What was sent piece by piece, as one; as much of it as came.
fn joined(mut sent: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = sent.windows(2).position(|pair| pair == b"\r\n") {
        let (head, behind) = (&sent[..end], &sent[end + 2..]);
        let length = std::str::from_utf8(head).ok().and_then(|head| usize::from_str_radix(head, 16).ok());
        let Some(length) = length.filter(|length| *length > 0) else { break };
        let (piece, rest) = behind.split_at(length.min(behind.len()));
        whole.extend_from_slice(piece);
        // Each piece ends with a line's end of its own.
        sent = rest.get(2..).unwrap_or_default();
    }
    whole
}

/// What came back. A stream of events is read up to its head only.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    fn read(stream: Box<dyn Wire>) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Self { status, headers, body: String::new() };
        if answer.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
            return Some(answer);
        }
        let mut body = Vec::new();
        reader.read_to_end(&mut body).ok()?;
        if answer.header("transfer-encoding") == Some("chunked") {
            body = joined(&body);
        }
        answer.body = String::from_utf8_lossy(&body).into_owned();
        Some(answer)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The session's cookie, as it is sent back.
    pub fn cookie(&self) -> Option<String> {
        let cookies = self.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value);
        let mut bare = cookies.filter_map(|cookie| cookie.split(';').next());
        bare.find(|cookie| cookie.contains("heddle_sid")).map(str::to_owned)
    }
}
