//! Request targets and Host (RFC 9112 §3.2, RFC 9110 §7.2).

use http::Method;

use crate::error::{Misuse, PeerError};
use crate::syntax::number::decimal;
use crate::syntax::token::{is_reg_name_text, is_target_text};

/// A request target in one of its four forms (RFC 9112 §3.2), as it goes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// Path and query, beginning with `/`: for a server itself (§3.2.1). Of a URI with an empty path it may be the
    /// query alone, beginning with `?`; the `/` is written before it.
    Origin(&'a [u8]),
    /// A whole URI without userinfo and fragment: for a proxy (§3.2.2).
    Absolute {
        /// `http` or `https`.
        scheme: &'a [u8],
        /// Host and, where it is not the scheme's default, port.
        authority: &'a [u8],
        /// Path and query as in the origin form; or nothing for `OPTIONS` of the server as a whole.
        path_and_query: &'a [u8],
    },
    /// Host and port: for CONNECT only (§3.2.3).
    Authority(&'a [u8]),
    /// `*`: for OPTIONS of the server as a whole only (§3.2.4).
    Asterisk,
}

/// Which form of target to make of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// Path and query: for a server itself.
    Origin,
    /// The whole URI: for a proxy.
    Absolute,
    /// Host and port: for CONNECT.
    Authority,
    /// `*`: for OPTIONS of the server as a whole.
    Asterisk,
}

impl Target<'_> {
    /// Refuses what must not be written: octets that could end the request line, and forms that do not go with
    /// the method.
    pub(crate) fn check(&self, method: &Method) -> Result<(), Misuse> {
        let sound = match *self {
            Self::Origin(path) => *method != Method::CONNECT && is_path(path),
            Self::Absolute { scheme, authority, path_and_query } => {
                *method != Method::CONNECT
                    && is_scheme(scheme)
                    && !authority.is_empty()
                    && is_host(authority)
                    && (is_path(path_and_query) || (path_and_query.is_empty() && *method == Method::OPTIONS))
            }
            Self::Authority(authority) => *method == Method::CONNECT && is_host_and_port(authority),
            Self::Asterisk => *method == Method::OPTIONS,
        };
        if sound { Ok(()) } else { Err(Misuse::InvalidTarget) }
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Origin(path) => write_path(out, path),
            Self::Absolute { scheme, authority, path_and_query } => {
                out.extend_from_slice(scheme);
                out.extend_from_slice(b"://");
                out.extend_from_slice(authority);
                write_path(out, path_and_query);
            }
            Self::Authority(authority) => out.extend_from_slice(authority),
            Self::Asterisk => out.push(b'*'),
        }
    }
}

/// Refuses a received target that has none of the four forms, or not the one that goes with its method.
pub(crate) fn check_received(method: &[u8], target: &[u8]) -> Result<(), PeerError> {
    let sound = match target {
        _ if method == b"CONNECT" => is_host_and_port(target),
        b"*" => method == b"OPTIONS",
        [b'/', ..] => is_target_text(target),
        _ => is_absolute(target),
    };
    if sound { Ok(()) } else { Err(PeerError::Target) }
}

fn is_absolute(target: &[u8]) -> bool {
    let Some(colon) = target.iter().position(|&b| b == b':') else {
        return false;
    };
    let (scheme, rest) = target.split_at(colon);
    let Some(hierarchy) = rest.strip_prefix(b"://") else {
        return false;
    };
    let end = hierarchy.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(hierarchy.len());
    let (authority, path) = hierarchy.split_at(end);
    is_scheme(scheme) && !authority.is_empty() && is_host(authority) && is_target_text(path)
}

fn is_path(path: &[u8]) -> bool {
    matches!(path, [b'/' | b'?', ..]) && is_target_text(path)
}

/// "If the target URI's path component is empty, the client MUST send "/" as the path" (RFC 9112 §3.2.1).
fn write_path(out: &mut Vec<u8>, path: &[u8]) {
    if path.first() == Some(&b'?') {
        out.push(b'/');
    }
    out.extend_from_slice(path);
}

fn is_scheme(scheme: &[u8]) -> bool {
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// `uri-host [ ":" port ]` (RFC 9110 §7.2). The empty value is sound: a target without authority has it.
pub(crate) fn is_host(octets: &[u8]) -> bool {
    split_port(octets).is_some_and(|(host, port)| {
        // An empty port is sound in a URI (RFC 3986 §3.2.3).
        (!host.is_empty() || octets.is_empty())
            && is_uri_host(host)
            && port.is_none_or(|p| p.is_empty() || is_port(p))
    })
}

/// `uri-host ":" port`, neither empty: the authority-form of CONNECT (RFC 9112 §3.2.3).
pub(crate) fn is_host_and_port(octets: &[u8]) -> bool {
    split_port(octets)
        .is_some_and(|(host, port)| !host.is_empty() && is_uri_host(host) && port.is_some_and(is_port))
}

/// Splits off the part behind the colon that is not inside an IP literal. `None` for an unclosed literal or
/// octets behind a closed one.
fn split_port(octets: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    if octets.first() == Some(&b'[') {
        let close = octets.iter().position(|&b| b == b']')?;
        let (host, rest) = octets.split_at(close + 1);
        return match rest {
            [] => Some((host, None)),
            [b':', port @ ..] => Some((host, Some(port))),
            _ => None,
        };
    }
    match octets.iter().position(|&b| b == b':') {
        Some(colon) => Some((&octets[..colon], Some(&octets[colon + 1..]))),
        None => Some((octets, None)),
    }
}

fn is_port(port: &[u8]) -> bool {
    decimal(port).is_some_and(|n| n <= 65_535)
}

/// `IP-literal / IPv4address / reg-name` (RFC 3986 §3.2.2), without looking into the literal beyond its octets.
fn is_uri_host(host: &[u8]) -> bool {
    if let [b'[', literal @ .., b']'] = host {
        let mut parts = literal.split(|&b| b == b':');
        return !literal.is_empty() && parts.all(is_reg_name_text);
    }
    is_reg_name_text(host)
}

#[cfg(test)]
mod tests;
