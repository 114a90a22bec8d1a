//! What stands between the userinfo and the port: names, IPv4 and IPv6 addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where to connect: a name to resolve, or an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Host<'a> {
    /// A name in lower case. It may end with the dot of an absolute DNS name.
    Name(&'a str),
    /// An address, which needs no resolving. IPv6 is without brackets here.
    Ip(IpAddr),
}

impl<'a> Host<'a> {
    /// Reads a host that was normalised before: IPv6 in brackets, IPv4 as a canonical dotted quad.
    pub(super) fn from_normalized(host: &'a str) -> Self {
        if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
            if let Ok(address) = address.parse::<Ipv6Addr>() {
                return Self::Ip(IpAddr::V6(address));
            }
        }
        match host.parse::<Ipv4Addr>() {
            Ok(address) => Self::Ip(IpAddr::V4(address)),
            Err(_) => Self::Name(host),
        }
    }
}

/// What a name whose last label may be numeric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numeric {
    /// A name like any other.
    No,
    /// An IPv4 address in its canonical spelling.
    Canonical,
    /// An IPv4 address in another spelling: `127.1`, `0x7f.0.0.1`, `1.2.3.4.`.
    Unusual,
    /// Numeric at its end, hence an address and not a name, but not a valid one.
    Invalid,
}

/// Judges a name of ASCII octets as the WHATWG URL standard does ("ends in a number", "IPv4 parser").
pub(super) fn numeric(host: &str) -> Numeric {
    let labels = host.strip_suffix('.').unwrap_or(host);
    let last = labels.bytes().rposition(|b| b == b'.').map_or(labels, |dot| &labels[dot + 1..]);
    if !last.starts_with(|c: char| c.is_ascii_digit()) {
        return Numeric::No;
    }
    if !last.bytes().all(|b| b.is_ascii_digit()) && number(last).is_none() {
        return Numeric::No;
    }
    if host.parse::<Ipv4Addr>().is_ok() {
        return Numeric::Canonical;
    }
    if is_address(labels) { Numeric::Unusual } else { Numeric::Invalid }
}

/// Whether the labels are the up to four numbers of an IPv4 address, the last one filling what is left.
fn is_address(labels: &str) -> bool {
    let mut octets = 0;
    let mut labels = labels.split('.').peekable();
    while let Some(label) = labels.next() {
        let limit = if labels.peek().is_some() { 1 << 8 } else { 1_u64 << (8 * (4 - octets)) };
        octets += 1;
        if number(label).is_none_or(|n| n >= limit) || (octets == 4 && labels.peek().is_some()) {
            return false;
        }
    }
    true
}

/// Reads a decimal, octal (`0…`) or hexadecimal (`0x…`) number, at most `u64::MAX`; `None` if it is none.
fn number(label: &str) -> Option<u64> {
    let (digits, radix) = match label.as_bytes() {
        [] => return None,
        [b'0', b'x' | b'X', ..] => (&label[2..], 16),
        [b'0', _, ..] => (&label[1..], 8),
        _ => (label, 10),
    };
    if digits.is_empty() {
        return Some(0);
    }
    // `from_str_radix` alone would take a sign.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some(u64::from_str_radix(digits, radix).unwrap_or(u64::MAX))
}

/// Whether a label claims to be Punycode (RFC 3492), which only IDNA can tell.
pub(super) fn has_punycode(host: &str) -> bool {
    host.split('.').any(|label| label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--")))
}

/// The one spelling of an IPv6 address within brackets; `None` if it is not an address.
///
/// Lower case, the longest run of zeros compressed (RFC 5952 §4), and hexadecimal throughout, as the WHATWG URL
/// standard wants it also for addresses that hold an IPv4 address. There are no zone identifiers in http URIs.
pub(super) fn canonical_ipv6(bracketed: &str) -> Option<String> {
    let address = bracketed.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?;
    let [.., high, low] = address.segments();
    Some(match address.to_ipv4_mapped() {
        Some(_) => format!("[::ffff:{high:x}:{low:x}]"),
        None => format!("[{address}]"),
    })
}

#[cfg(test)]
mod tests;
