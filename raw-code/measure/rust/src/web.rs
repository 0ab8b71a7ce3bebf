//! As an HTTP server on a port, a thread for each connection.

use std::env;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use crate::function::{has_cmds, refusal, Function, Request, LONGEST_TIMEOUT};
use crate::instance::now;
use crate::wire::Head;

const MAX_CMDS: usize = 1 << 20; // how much of a body that may ask for micro-tests is kept

/// Answers until the process is ended; what it gives is why it could not.
pub fn serve(f: Arc<Function>, port: u16) -> String {
    let timeout = env::var("STELLAR_TIMEOUT_SECONDS").ok().and_then(|s| s.parse::<f64>().ok()).filter(|s| *s > 0.0);
    let left_ns = timeout.map_or(LONGEST_TIMEOUT, |s| s * 1e9);
    let listener = match TcpListener::bind(("0.0.0.0", port)) {
        Ok(l) => l,
        Err(e) => return format!("listen on port {port}: {e}"),
    };
    lengthen_queue(&listener);
    f.identity.ready();
    for stream in listener.incoming().flatten() {
        let f = f.clone();
        // Where no further thread can be had, this connection is closed, and the others are served on.
        let _ = thread::Builder::new().spawn(move || {
            let _ = converse(&f, stream, left_ns); // a client that has gone needs no answer
        });
    }
    "the listener ended".into()
}

// / Lets a whole burst wait for its connections: the standard library asks for 128, and what is over is tried again by
// the / clients a second later, which would look like the platform's latency.
#[cfg(unix)]
fn lengthen_queue(listener: &TcpListener) {
    use std::os::unix::io::AsRawFd;
    extern "C" {
        fn listen(fd: i32, backlog: i32) -> i32;
    }
    // SAFETY: the descriptor is the listener's, which outlives the call. A second listen only sets the length anew.
    unsafe { listen(listener.as_raw_fd(), 4096) };
}

#[cfg(not(unix))]
fn lengthen_queue(_: &TcpListener) {}

fn converse(f: &Function, stream: TcpStream, left_ns: f64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(head) = Head::read(&mut stream)? {
        let mut line = head.first.split(' ');
        let (method, target) = (line.next().unwrap_or(""), line.next().unwrap_or(""));
        let instance = f.identity.claim();
        let (keep, (status, text)) = match read_body(&mut stream, &head)? {
            Err((status, why)) => (false, refusal(status, why)),
            Ok(kept) => {
                let query = parse_query(target.split_once('?').map_or("", |(_, q)| q));
                let param = |name: &str| query.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
                let answer = f.handle(Request {
                    id: request_id(&head), instance, received: now(), left_ns,
                    token: head.get("x-stellar-token").to_string(),
                    cmds: has_cmds(&kept), param: &param,
                });
                (!head.get("connection").eq_ignore_ascii_case("close"), answer)
            }
        };
        let reason = match status { 200 => "OK", 401 => "Unauthorized", 411 => "Length Required", _ => "Bad Request" };
        let shown = if method == "HEAD" { "" } else { &text };
        write!(stream.get_mut(), "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\n\
            Content-Length: {}\r\nConnection: {}\r\n\r\n{shown}",
            text.len(), if keep { "keep-alive" } else { "close" })?;
        if !keep {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads the body to its end so that the connection can be kept; it gives only what may ask for micro-tests.
fn read_body(stream: &mut BufReader<TcpStream>, head: &Head) -> io::Result<Result<Vec<u8>, (u16, &'static str)>> {
    if !head.get("transfer-encoding").is_empty() {
        return Ok(Err((411, "this function wants a Content-Length with a body")));
    }
    let length = head.get("content-length");
    let mut left: u64 = match if length.is_empty() { Ok(0) } else { length.parse() } {
        Ok(n) => n,
        Err(_) => return Ok(Err((400, "Content-Length is not a number"))),
    };
    let (mut kept, mut buffer) = (Vec::new(), vec![0u8; 1 << 16]);
    while left > 0 {
        let part = left.min(buffer.len() as u64) as usize;
        let n = stream.read(&mut buffer[..part])?;
        if n == 0 {
            return Ok(Err((400, "the request's body broke off")));
        }
        left -= n as u64;
        if kept.len() < MAX_CMDS && (!kept.is_empty() || buffer[0] == b'{') {
            kept.extend_from_slice(&buffer[..n]);
        }
    }
    Ok(Ok(kept))
}

/// The platform's name for the request. Anyone may send such a header: a long one is ignored.
fn request_id(head: &Head) -> String {
    ["x-request-id", "x-cloud-trace-context", "cf-ray"]
        .iter()
        .map(|name| head.get(name))
        .find(|id| !id.is_empty() && id.len() <= 256)
        .unwrap_or("")
        .to_string()
}

/// The query as gateways give it: a parameter given twice is joined, so that it is refused in the same way.
fn parse_query(text: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for pair in text.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name), decode(value));
        match out.iter_mut().find(|(n, _)| *n == name) {
            Some((_, all)) => *all = format!("{all},{value}"),
            None => out.push((name, value)),
        }
    }
    out
}

/// Decodes a query's %XX and +.
fn decode(text: &str) -> String {
    let (bytes, mut out, mut i) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while i < bytes.len() {
        let hex = bytes
            .get(i + 1..i + 3)
            .and_then(|h| std::str::from_utf8(h).ok())
            .and_then(|h| u8::from_str_radix(h, 16).ok());
        match (bytes[i], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
