//! Behind a Lambda Runtime API.

use std::env;
use std::io::{self, BufReader, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::sync::Arc;
use std::thread;

use crate::function::{has_cmds, Function, Request, LONGEST_TIMEOUT};
use crate::instance::now;
use crate::json::{self, quote};
use crate::wire::{body, Head};

const BASE: &str = "/2018-06-01/runtime/";

/// One kept connection to the Runtime API: strictly one request after the other.
struct Connection {
    host: String,
    stream: Option<BufReader<TcpStream>>,
}

impl Connection {
    fn request(&mut self, method: &str, path: &str, fields: &str, text: &str) -> io::Result<(Head, Vec<u8>)> {
        if self.stream.is_none() {
            let stream = TcpStream::connect(&self.host)?;
            stream.set_nodelay(true)?;
            self.stream = Some(BufReader::new(stream));
        }
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let message = format!(
            "{method} {BASE}{path} HTTP/1.1\r\nHost: {}\r\n{fields}Content-Length: {}\r\n\r\n{text}",
            self.host,
            text.len()
        );
        stream.get_mut().write_all(message.as_bytes())?;
        let head = Head::read(stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let data = body(stream, &head)?;
        if head.get("connection").eq_ignore_ascii_case("close") {
            self.stream = None;
        }
        Ok((head, data))
    }
}

fn status(head: &Head) -> u16 {
    head.first.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
}

/// Answers invocations until the Runtime API goes away, and says why it ended. A platform that gives one instance
/// several requests at once says how many in AWS_LAMBDA_MAX_CONCURRENCY; each has a connection of its own.
pub fn serve(f: Arc<Function>, host: &str) -> String {
    let n = env::var("AWS_LAMBDA_MAX_CONCURRENCY").ok().and_then(|n| n.parse().ok()).unwrap_or(1usize).max(1);
    f.identity.ready();
    let (broken, ends) = mpsc::channel();
    for _ in 0..n {
        let (f, broken, host) = (f.clone(), broken.clone(), host.to_string());
        thread::spawn(move || {
            let mut c = Connection { host, stream: None };
            let why = loop {
                if let Err(e) = serve_one(&f, &mut c) {
                    break e;
                }
            };
            let _ = broken.send(format!("the Runtime API at {} is gone: {why}", c.host));
        });
    }
    // The process ends with the first: a half-deaf instance would hide what happened.
    ends.recv().unwrap_or_else(|_| "no loop is left".into())
}

fn serve_one(f: &Function, c: &mut Connection) -> io::Result<()> {
    let (next, event) = c.request("GET", "invocation/next", "", "")?;
    if status(&next) != 200 {
        return Err(io::Error::new(io::ErrorKind::Other, format!("invocation/next answered {}", next.first)));
    }
    let (received, instance) = (now(), f.identity.claim());
    let id = next.get("lambda-runtime-aws-request-id").to_string();
    let left_ns = match next.get("lambda-runtime-deadline-ms").parse::<i128>() {
        Ok(ms) => (ms * 1_000_000 - received) as f64,
        Err(_) => LONGEST_TIMEOUT,
    };
    let event = String::from_utf8_lossy(&event);
    let members = json::members(&event).unwrap_or_default(); // an event that is no object has no parameters
    let proxied = json::get(&members, "requestContext").map_or(false, |v| !v.is_null());
    let part = |name: &str| json::get(&members, name).and_then(|v| json::members(v.as_param())).unwrap_or_default();
    let query = if proxied { part("queryStringParameters") } else { Vec::new() };
    let source = if proxied { &query } else { &members };
    let param = |name: &str| json::get(source, name).map(|v| v.as_param().to_string());
    let token = if proxied {
        part("headers")
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case("X-Stellar-Token"))
            .map(|(_, v)| v.as_param().to_string())
    } else {
        param("X-Stellar-Token")
    };
    let cmds = proxied && body_asks(&members);
    let (code, text) = f.handle(Request {
        id: id.clone(), instance, received, left_ns, token: token.unwrap_or_default(), cmds, param: &param,
    });
    let answer = format!(
        "{{\"statusCode\":{code},\"headers\":{{\"Content-Type\":\"application/json\"}},\"body\":{}}}",
        quote(&text)
    );
    let (said, why) =
        c.request("POST", &format!("invocation/{id}/response"), "Content-Type: application/json\r\n", &answer)?;
    if status(&said) != 202 {
        // The platform has given this invocation up, after a timeout for one; the next one is none the worse.
        println!("response to {id} answered {}: {:.200}", said.first, String::from_utf8_lossy(&why));
    }
    Ok(())
}

/// Whether the event's body asks for micro-tests.
fn body_asks(members: &[(String, json::Value)]) -> bool {
    let text = json::get(members, "body").map_or("", |v| v.as_param());
    match json::get(members, "isBase64Encoded").map(|v| v.as_param()) {
        Some("true") => base64(text).map_or(false, |b| has_cmds(&b)), // what is not base64 asks for nothing
        _ => has_cmds(text.as_bytes()),
    }
}

/// Decodes standard base64 (RFC 4648).
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut have) = (0u32, 0);
    for c in text.trim_end_matches('=').bytes() {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | value as u32;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
        }
    }
    Some(out)
}

/// Tells the platform why this instance will not serve; the process ends in any case.
pub fn report_init_error(host: &str, why: &str) {
    let text = format!("{{\"errorType\":\"Function.InitError\",\"errorMessage\":{},\"stackTrace\":[]}}", quote(why));
    let fields = "Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: Function.InitError\r\n";
    let _ = Connection { host: host.to_string(), stream: None }.request("POST", "init/error", fields, &text);
}
