//! Octets out of JSON.

use serde_json::Value;

/// `\xNN` is that octet, everything else stands for itself.
pub(super) fn octets(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [b, after @ ..] = rest {
        rest = after;
        if let ([b'x', high, low, after @ ..], b'\\') = (after, b) {
            if let (Some(high), Some(low)) = ((*high as char).to_digit(16), (*low as char).to_digit(16)) {
                out.push((high * 16 + low) as u8);
                rest = after;
                continue;
            }
        }
        out.push(*b);
    }
    out
}

/// The member `name`, `name_parts` or `name_b64` of a value.
pub(super) fn member(value: &Value, name: &str) -> Option<Vec<u8>> {
    if let Some(text) = value[name].as_str() {
        return Some(octets(text));
    }
    if let Some(list) = value[format!("{name}_parts")].as_array() {
        return parts(list);
    }
    value[format!("{name}_b64")].as_str().and_then(base64)
}

/// A string, or `{"parts": [[string, count], …]}`.
pub(super) fn field_value(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(octets(text)),
        _ => parts(value["parts"].as_array()?),
    }
}

fn parts(list: &[Value]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for part in list {
        let count = usize::try_from(part[1].as_u64()?).ok()?;
        out.extend(octets(part[0].as_str()?).repeat(count));
    }
    Some(out)
}

/// A list of `[name, value]`.
pub(super) fn fields(list: &Value) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let line = |pair: &Value| Some((octets(pair[0].as_str()?), field_value(&pair[1])?));
    list.as_array()?.iter().map(line).collect()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for b in text.bytes().filter(|b| !b.is_ascii_whitespace() && *b != b'=') {
        bits = bits << 6 | DIGITS.iter().position(|d| *d == b)? as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_parts_and_base64_are_octets() {
        let case = serde_json::json!({
            "a": "x\\x00\\x5cy\r\n\\xzz", "b_parts": [["ab", 2], ["\\xff", 1]], "c_b64": "AP9hYg==",
        });
        assert_eq!(member(&case, "a").unwrap(), b"x\0\\y\r\n\\xzz");
        assert_eq!(member(&case, "b").unwrap(), b"abab\xff");
        assert_eq!(member(&case, "c").unwrap(), b"\0\xffab");
        assert_eq!(member(&case, "d"), None);
    }
}
