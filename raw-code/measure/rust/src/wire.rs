//! As much of HTTP/1.1 (RFC 9112) as both sides need: a message's head and body.

use std::io::{self, BufRead, Error, ErrorKind, Read};

const MAX_HEAD: usize = 64 << 10; // bytes

/// The first line and the fields of a message.
pub struct Head {
    pub first: String,
    fields: Vec<(String, String)>,
}

impl Head {
    /// Reads a head; None where the connection ended before one began.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Head>> {
        let mut left = MAX_HEAD;
        let first = line(from, &mut left)?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            let text = line(from, &mut left)?;
            let text = text.trim_end();
            if text.is_empty() {
                return Ok(Some(Head { first: first.trim_end().to_string(), fields }));
            }
            if let Some((name, value)) = text.split_once(':') {
                fields.push((name.to_ascii_lowercase(), value.trim().to_string()));
            }
        }
    }

    /// A field's value, its name in lower case; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

fn line(from: &mut impl BufRead, left: &mut usize) -> io::Result<String> {
    let mut text = Vec::new();
    let n = from.take(*left as u64).read_until(b'\n', &mut text)?;
    *left -= n;
    if *left == 0 {
        return Err(Error::new(ErrorKind::InvalidData, "the head is too long"));
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Reads a response's body, by its length or in chunks.
pub fn body(from: &mut impl BufRead, head: &Head) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    if !head.get("transfer-encoding").eq_ignore_ascii_case("chunked") {
        let length: u64 = head.get("content-length").parse().unwrap_or(0);
        from.take(length).read_to_end(&mut out)?;
        return if out.len() as u64 == length { Ok(out) } else { Err(ErrorKind::UnexpectedEof.into()) };
    }
    loop {
        let mut left = MAX_HEAD;
        let size = line(from, &mut left)?;
        let size = u64::from_str_radix(size.split(';').next().unwrap_or("").trim(), 16)
            .map_err(|_| Error::new(ErrorKind::InvalidData, "a chunk has no size"))?;
        let before = out.len() as u64;
        from.take(size).read_to_end(&mut out)?;
        if out.len() as u64 != before + size {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        while !line(from, &mut left)?.trim_end().is_empty() {} // the end of the chunk, or the trailer's fields
        if size == 0 {
            return Ok(out);
        }
    }
}
