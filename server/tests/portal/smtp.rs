//! A server that takes mail and keeps what it was told: as much of SMTP as one letter needs (RFC 5321).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a server was told, connection by connection: lines with their commands, and letters as they came.
#[derive(Default)]
struct Told {
    commands: Vec<String>,
    letters: Vec<String>,
}

/// A server on this machine; it goes with the process.
pub struct Peer {
    pub port: u16,
    told: Arc<Mutex<Told>>,
}

impl Peer {
    /// One that answers recipients with a line, and speaks TLS from the first byte on if it is told how.
    pub fn start(recipients: &'static str, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let told = Arc::new(Mutex::new(Told::default()));
        let kept = Arc::clone(&told);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Whoever hangs up in the middle has said what they said.
                let _ended = match &tls {
                    None => talk(stream, recipients, &kept),
                    Some(config) => match ServerConnection::new(Arc::clone(config)) {
                        Ok(session) => talk(StreamOwned::new(session, stream), recipients, &kept),
                        Err(error) => Err(std::io::Error::other(error)),
                    },
                };
            }
        });
        Self { port, told }
    }

    /// The letters so far, with their heads.
    pub fn letters(&self) -> Vec<String> {
        self.told.lock().unwrap().letters.clone()
    }

    /// Every command so far.
    pub fn commands(&self) -> Vec<String> {
        self.told.lock().unwrap().commands.clone()
    }
}

fn talk(stream: impl Read + Write, recipients: &str, told: &Mutex<Told>) -> std::io::Result<()> {
    let mut wire = BufReader::new(stream);
    say(&mut wire, "220 peer")?;
    loop {
        let mut line = String::new();
        if wire.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let line = line.trim_end().to_owned();
        told.lock().unwrap().commands.push(line.clone());
        let word: String = line.chars().take(4).collect();
        match word.to_ascii_uppercase().as_str() {
            "EHLO" => say(&mut wire, "250-peer\r\n250-8BITMIME\r\n250 AUTH PLAIN")?,
            "AUTH" => say(&mut wire, "235 welcome")?,
            "MAIL" | "RSET" | "NOOP" => say(&mut wire, "250 fine")?,
            "RCPT" => say(&mut wire, recipients)?,
            "DATA" => {
                say(&mut wire, "354 go on")?;
                let letter = letter(&mut wire)?;
                told.lock().unwrap().letters.push(letter);
                say(&mut wire, "250 taken")?;
            }
            "QUIT" => return say(&mut wire, "221 bye"),
            _ => say(&mut wire, "502 unknown")?,
        }
    }
}

/// Everything up to the line that holds a single dot.
fn letter(wire: &mut impl BufRead) -> std::io::Result<String> {
    let mut letter = String::new();
    loop {
        let mut line = String::new();
        if wire.read_line(&mut line)? == 0 || line == ".\r\n" {
            return Ok(letter);
        }
        letter.push_str(&line);
    }
}

fn say<S: Read + Write>(wire: &mut BufReader<S>, line: &str) -> std::io::Result<()> {
    wire.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
    wire.get_mut().flush()
}
