//! As much of JSON (RFC 8259) as the function needs: the members of one object, and quoting.

/// A member's value: a text, or anything else as it stands.
pub enum Value {
    Text(String),
    Raw(String),
}

impl Value {
    /// The value as a parameter: a text without its quotes.
    pub fn as_param(&self) -> &str {
        match self {
            Value::Text(t) | Value::Raw(t) => t,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Raw(r) if r == "null")
    }
}

/// The members of an object, in order; None where the text is no JSON object.
pub fn members(text: &str) -> Option<Vec<(String, Value)>> {
    let mut p = Parser { text: text.as_bytes(), at: 0 };
    p.space();
    let found = p.object()?;
    p.space();
    (p.at == p.text.len()).then_some(found)
}

/// The value of a member, the last one where the name stands twice.
pub fn get<'a>(members: &'a [(String, Value)], name: &str) -> Option<&'a Value> {
    members.iter().rev().find(|(n, _)| n == name).map(|(_, v)| v)
}

/// Writes a text in quotes.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

const DEEPEST: usize = 200; // a nesting that would exhaust the stack is no request of ours

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn take(&mut self, c: u8) -> Option<()> {
        (self.peek()? == c).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn object(&mut self) -> Option<Vec<(String, Value)>> {
        let mut out = Vec::new();
        self.take(b'{')?;
        self.space();
        if self.take(b'}').is_some() {
            return Some(out);
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            self.take(b':')?;
            self.space();
            let value = if self.peek()? == b'"' {
                Value::Text(self.string()?)
            } else {
                let from = self.at;
                self.skip(0)?;
                Value::Raw(std::str::from_utf8(&self.text[from..self.at]).ok()?.to_string())
            };
            out.push((name, value));
            self.space();
            if self.take(b'}').is_some() {
                return Some(out);
            }
            self.take(b',')?;
        }
    }

    /// Steps over any value.
    fn skip(&mut self, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            open @ (b'{' | b'[') => {
                let close = if open == b'{' { b'}' } else { b']' };
                self.at += 1;
                self.space();
                if self.take(close).is_some() {
                    return Some(());
                }
                loop {
                    self.space();
                    if open == b'{' {
                        self.string()?;
                        self.space();
                        self.take(b':')?;
                        self.space();
                    }
                    self.skip(depth + 1)?;
                    self.space();
                    if self.take(close).is_some() {
                        return Some(());
                    }
                    self.take(b',')?;
                }
            }
            _ => {
                let from = self.at;
                while matches!(self.peek(), Some(b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.')) {
                    self.at += 1;
                }
                (self.at > from).then_some(())
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        self.take(b'"')?;
        let mut out = Vec::new();
        loop {
            let c = self.peek()?;
            self.at += 1;
            match c {
                b'"' => return String::from_utf8(out).ok(),
                b'\\' => {
                    let e = self.peek()?;
                    self.at += 1;
                    let plain = match e {
                        b'n' => '\n',
                        b't' => '\t',
                        b'r' => '\r',
                        b'b' => '\u{8}',
                        b'f' => '\u{c}',
                        b'u' => self.escaped()?,
                        b'"' | b'\\' | b'/' => e as char,
                        _ => return None,
                    };
                    out.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
                }
                0..=0x1f => return None,
                c => out.push(c),
            }
        }
    }

    /// A character of four hexadecimal digits, or of two such that are a surrogate pair.
    fn escaped(&mut self) -> Option<char> {
        let high = self.four()?;
        if !(0xd800..0xdc00).contains(&high) {
            return Some(char::from_u32(high).unwrap_or('\u{fffd}'));
        }
        if self.text.get(self.at..self.at + 2) != Some(b"\\u") {
            return Some('\u{fffd}');
        }
        self.at += 2;
        let low = self.four()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Some('\u{fffd}');
        }
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    }

    fn four(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}
