//! A web service of the test's own: it keeps each request as it came, and answers by a script.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// `POST /path`.
    pub line: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Request {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }
}

/// What the service does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Status line, headers (each with its end of line), body.
    Say(&'static str, String, String),
    /// Says nothing until the other side goes away.
    Hang,
    /// Goes away without a word.
    Close,
    /// Promises more than it sends.
    BreakOff,
    /// Says a good status, then sends without end.
    Endless,
    /// Sends these bytes.
    Bytes(&'static [u8]),
    /// Says a good status, then nothing more.
    HangInBody,
}

impl Reply {
    pub fn ok(body: &str) -> Self {
        Self::Say("200 OK", String::new(), body.to_owned())
    }
    pub fn status(line: &'static str, body: &str) -> Self {
        Self::Say(line, String::new(), body.to_owned())
    }
}

/// The running service; ends with the test's process.
pub struct Service {
    pub address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Service {
    /// Answers the first request with the first reply, and so on; the last one for ever.
    pub fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (replies, kept): (Vec<Reply>, _) = (replies.into_iter().collect(), seen.clone());
        std::thread::spawn(move || {
            for (i, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                let reply = replies[i.min(replies.len() - 1)].clone();
                let kept = kept.clone();
                std::thread::spawn(move || serve(stream, &reply, &kept));
            }
        });
        Self { address, seen }
    }
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
    /// The one request that there was.
    #[track_caller]
    pub fn only(&self) -> Request {
        let mut all = self.requests();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

fn serve(stream: TcpStream, reply: &Reply, seen: &Mutex<Vec<Request>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let Some(request) = read(&mut reader) else { return };
    seen.lock().unwrap().push(request);
    let mut out = stream;
    // The other side may go away at any time: that is what some tests want.
    let _ = match reply {
        Reply::Say(status, headers, body) => write!(
            out,
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ),
        Reply::Hang => reader.read_to_end(&mut Vec::new()).map(drop),
        Reply::Close => Ok(()),
        Reply::BreakOff => write!(out, "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\nshort"),
        Reply::Endless => endless(&mut out),
        Reply::Bytes(bytes) => out.write_all(bytes),
        Reply::HangInBody => write!(out, "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")
            .and_then(|()| reader.read_to_end(&mut Vec::new()).map(drop)),
    };
}

/// Writes until nobody takes it.
fn endless(out: &mut TcpStream) -> std::io::Result<()> {
    write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")?;
    loop {
        out.write_all(&[b'x'; 64 << 10])?;
    }
}

fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let line = line.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |n| n.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line, headers, body: String::from_utf8(body).unwrap() })
}
