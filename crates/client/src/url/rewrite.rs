//! The way to normal form that needs no tables.

use super::dots::push_without_dot_segments;
use super::host;
use super::scan::Scan;

/// Puts the parts together in their normal form, as far as that needs no tables.
///
/// Besides case, defaults, empty parts and dot segments this concerns the few octets that RFC 3986 allows where they
/// stand and the WHATWG URL standard encodes: `;`, `=` and a further `:` in the userinfo, `'` in the query.
pub(super) fn rewrite(text: &str, scan: &Scan) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push_str(scan.scheme.as_str());
    out.push_str("://");
    let userinfo = scan.userinfo(text);
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    push_encoding(&mut out, user, b";=");
    if !password.is_empty() {
        out.push(':');
        push_encoding(&mut out, password, b";=:");
    }
    if !user.is_empty() || !password.is_empty() {
        out.push('@');
    }
    let host = &text[usize::from(scan.host_start)..usize::from(scan.host_end)];
    match host::canonical_ipv6(host) {
        Some(address) => out.push_str(&address),
        None => out.push_str(&host.to_ascii_lowercase()),
    }
    if let Some(port) = scan.port {
        out.push(':');
        out.push_str(&port.to_string());
    }
    let target = &text[usize::from(scan.path_start)..usize::from(scan.end)];
    let (path, query) = target.split_at(target.find('?').unwrap_or(target.len()));
    push_without_dot_segments(&mut out, if path.is_empty() { "/" } else { path });
    push_encoding(&mut out, query, b"'");
    out
}

fn push_encoding(out: &mut String, text: &str, encoded: &[u8]) {
    for c in text.chars() {
        match u8::try_from(c) {
            Ok(octet) if encoded.contains(&octet) => out.push_str(&format!("%{octet:02X}")),
            _ => out.push(c),
        }
    }
}
