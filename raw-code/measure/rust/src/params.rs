//! The parameters of a request. Those that this function does not know are ignored.

use crate::json;

const MAX_PAYLOAD: u64 = 1 << 30; // bytes

/// What one step takes on a fast processor with a whole core to itself. It only refuses what is sure to outlast the
/// timeout; what a step really takes is measured by calibration.
const NS_PER_INCREMENT: f64 = 0.5;

pub struct Params {
    pub increments: u64,
    pub payload: u64,
}

/// Where parameters come from: a query, or an event's members.
pub type Lookup<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// Checks the parameters of a request that may run for left_ns.
pub fn read(get: &Lookup, cmds: bool, left_ns: f64) -> Result<Params, String> {
    refuse_unready(get, cmds)?;
    let increments = count(get, "IncrementLimit")?;
    let payload = count(get, "PayloadLengthBytes")?;
    if payload > MAX_PAYLOAD {
        return Err(format!("PayloadLengthBytes is {payload}, at most {MAX_PAYLOAD} (1 GiB) is allowed"));
    }
    let need = increments as f64 * NS_PER_INCREMENT;
    if need > left_ns {
        return Err(format!(
            "IncrementLimit {increments} would spin for at least {} s, the function's timeout leaves {} s",
            three_digits(need / 1e9),
            three_digits(left_ns.max(0.0) / 1e9)
        ));
    }
    Ok(Params { increments, payload })
}

/// Writes a number as C's %.3g does, so that all languages refuse with the same words.
fn three_digits(v: f64) -> String {
    let text = format!("{v:.2e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let bare = |t: &str| match t.contains('.') {
        true => t.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => t.to_string(),
    };
    if (-4..3).contains(&power) {
        return bare(&format!("{v:.*}", (2 - power) as usize));
    }
    format!("{}e{}{:02}", bare(mantissa), if power < 0 { '-' } else { '+' }, power.abs())
}

/// Names what the protocol has and this function does not run.
fn refuse_unready(get: &Lookup, cmds: bool) -> Result<(), String> {
    let given = |name: &str| get(name).unwrap_or_default();
    for name in ["DataTransferChainIDs", "Chain"] {
        // Clients send an empty chain with every request.
        if !["", "[]", "null"].contains(&given(name).as_str()) {
            return Err(format!("{name}: this function does not run chains, ask it without {name}"));
        }
    }
    for name in ["PutURL", "GetURL"] {
        if !given(name).is_empty() {
            return Err(format!("{name}: this function does not run transfers through storage, ask it without {name}"));
        }
    }
    if given("StorageTransfer") == "true" {
        return Err("StorageTransfer: this function does not run transfers through storage, ask it without it".into());
    }
    if cmds || get("cmds").is_some() {
        return Err("cmds: this function does not run micro-tests, ask it without cmds".into());
    }
    Ok(())
}

/// Reads a parameter that is a whole number from 0 up; an absent one is 0.
fn count(get: &Lookup, name: &str) -> Result<u64, String> {
    let text = match get(name) {
        Some(text) => text,
        None => return Ok(0),
    };
    if text.strip_prefix('-').map_or(false, digits) {
        return Err(format!("{name} is {}, it must not be negative", shorten(&text)));
    }
    if !digits(&text) {
        return Err(format!("{name} is {}, it must be a whole number", json::quote(&shorten(&text))));
    }
    match text.parse::<u64>() {
        Ok(n) if n <= i64::MAX as u64 => Ok(n),
        _ => Err(format!("{name} is {}, that is too large", shorten(&text))),
    }
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Keeps an answer from repeating a long parameter.
fn shorten(text: &str) -> String {
    if text.chars().count() <= 40 {
        return text.to_string();
    }
    text.chars().take(40).collect::<String>() + "..."
}
