//! The work of a request, whatever brought it here.

use std::env;
use std::time::Instant;

use crate::instance::{now, random_id, Claim, Identity};
use crate::json::{self, quote};
use crate::params::{self, Lookup};
use crate::sha256;

/// Used if the platform does not report its timeout, in ns: no platform allows longer requests.
pub const LONGEST_TIMEOUT: f64 = 3600e9;

/// Marsaglia's of "Xorshift RNGs" (2003); any number but 0 serves.
const SEED: u64 = 88172645463325252;

pub struct Function {
    pub identity: Identity,
    token_hash: String, // hex SHA-256 of the run's token; empty: public
}

/// A request without its provider's wrapping.
pub struct Request<'a> {
    pub id: String, // the platform's, empty where it has none
    pub instance: Claim,
    pub received: i128, // Unix ns
    pub left_ns: f64,
    pub token: String,
    pub cmds: bool, // the body asks for micro-tests
    pub param: &'a Lookup<'a>,
}

impl Function {
    pub fn new(identity: Identity) -> Function {
        let token_hash = env::var("STELLAR_TOKEN_SHA256").unwrap_or_default().to_lowercase();
        Function { identity, token_hash }
    }

    /// Does the work of one request and gives the response's status and JSON.
    pub fn handle(&self, r: Request) -> (u16, String) {
        if !self.admits(&r.token) {
            return refusal(401, "this function wants the run's token in the header X-Stellar-Token");
        }
        let p = match params::read(r.param, r.cmds, r.left_ns) {
            Ok(p) => p,
            Err(why) => return refusal(400, &why),
        };
        let begun = Instant::now();
        let state = spin(p.increments);
        let spin_ns = begun.elapsed().as_nanos();
        let made = make_payload(p.payload).len();
        let id = if r.id.is_empty() { random_id() } else { r.id };
        let (i, c) = (&self.identity, &r.instance);
        let payload = if made > 0 { format!(",\"PayloadBytes\":{made}") } else { String::new() };
        (200, format!(
            "{{\"RequestID\":{},\"TimestampChain\":[\"{}\"],\"Instance\":{{\"ID\":{},\"Cold\":{},\"Invocation\":{},\
             \"InitNs\":{},\"StartedAt\":\"{}\",\"Runtime\":{},\"MemoryMB\":{},\"CPU\":{},\"Host\":{}}},\
             \"ReceivedAt\":\"{}\",\"SpinNs\":{},\"Increments\":{}{},\"Sink\":{}}}",
            quote(&id), now(), quote(&c.id), c.cold, c.invocation, c.init_ns, i.started, quote(&i.runtime), i.memory_mb,
            quote(&i.cpu), quote(&i.host), r.received, spin_ns, p.increments, payload,
            state >> 11, // 53 bits: exact in readers that know only floating point
        ))
    }

    /// Compares hashes, of equal length whatever was sent and in constant time.
    fn admits(&self, token: &str) -> bool {
        if self.token_hash.is_empty() {
            return true;
        }
        let sent = sha256::hex(token.as_bytes());
        sent.len() == self.token_hash.len()
            && sent.bytes().zip(self.token_hash.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

pub fn refusal(status: u16, why: &str) -> (u16, String) {
    (status, format!("{{\"error\":{}}}", quote(why)))
}

/// Whether a body is a JSON object that asks for micro-tests. Any other body is a payload.
pub fn has_cmds(body: &[u8]) -> bool {
    body.first() == Some(&b'{')
        && std::str::from_utf8(body).ok().and_then(json::members).map_or(false, |m| json::get(&m, "cmds").is_some())
}

/// Steps n times through xorshift64 with the shifts 13, 7, 17; one step is one increment. Its result goes into the
/// answer, so that no compiler can leave the loop out.
fn spin(n: u64) -> u64 {
    let mut x = SEED;
    for _ in 0..n {
        x = step(x);
    }
    x
}

fn step(mut x: u64) -> u64 {
    x ^= x << 13;
    x ^= x >> 7;
    x ^ (x << 17)
}

/// Makes n bytes that do not compress, the same ones each time.
fn make_payload(n: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(n as usize + 8);
    let mut x = SEED;
    while (out.len() as u64) < n {
        x = step(x);
        out.extend_from_slice(&x.to_le_bytes());
    }
    out.truncate(n as usize);
    out
}
