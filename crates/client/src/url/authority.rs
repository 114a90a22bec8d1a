//! The authority-form of a request target (RFC 9112 §3.2.3).

use std::fmt;

use super::error::UrlError;
use super::host::{self, Host, Numeric};
use super::scan::{MAX_LEN, is_plain_name, port_number};

/// Host and port, as CONNECT names its target (RFC 9110 §9.3.6) and as proxies are asked for a tunnel.
///
/// Both are always there: no port is a default, none is dropped.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Authority {
    text: String,
    host_end: u16,
    port: u16,
}

impl Authority {
    /// Reads `host:port` and brings it into normal form: lower case, one spelling of IPv6, no leading zeros.
    ///
    /// The host is a name of ASCII, a canonical dotted quad, or an IPv6 address in brackets. It never goes through
    /// the `url` crate: Punycode is taken as it stands, and what would need decoding or another spelling is
    /// refused.
    ///
    /// # Errors
    ///
    /// [`UrlError::Empty`], [`UrlError::NoPort`] (absent or empty), [`UrlError::InvalidPort`] (0 included),
    /// [`UrlError::EmptyHost`], [`UrlError::InvalidHost`] (also for a scheme, path, query or fragment),
    /// [`UrlError::InvalidUserinfo`] (for any userinfo), [`UrlError::InvalidCharacter`], [`UrlError::TooLong`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        if text.len() > MAX_LEN {
            return Err(UrlError::TooLong);
        }
        if let Some(c) = text.chars().find(|&c| c == '\\' || c.is_ascii_control()) {
            return Err(UrlError::InvalidCharacter(c));
        }
        if text.contains(['/', '?', '#']) {
            return Err(UrlError::InvalidHost);
        }
        if text.contains('@') {
            return Err(UrlError::InvalidUserinfo);
        }
        let host_length = match text.strip_prefix('[') {
            Some(inner) => inner.find(']').ok_or(UrlError::InvalidHost)? + 2,
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, port) = text.split_at(host_length);
        let host = normal_host(host)?;
        let port = match port.strip_prefix(':') {
            Some(digits) => port_number(digits.as_bytes())?.0.ok_or(UrlError::NoPort)?,
            None if port.is_empty() => return Err(UrlError::NoPort),
            None => return Err(UrlError::InvalidHost),
        };
        Self::from_parts(&host, port)
    }

    /// The host in normal form: a name, a dotted quad, or an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.text[..usize::from(self.host_end)]
    }

    /// The host as a name to resolve or an address to connect to.
    pub fn host_for_dns(&self) -> Host<'_> {
        Host::from_normalized(self.host())
    }

    /// The port, from 1 to 65535.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`, as it goes into the request line and into the Host field.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn from_parts(host: &str, port: u16) -> Result<Self, UrlError> {
        let host_end = u16::try_from(host.len()).map_err(|_| UrlError::TooLong)?;
        Ok(Self { text: format!("{host}:{port}"), host_end, port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn normal_host(host: &str) -> Result<String, UrlError> {
    if host.is_empty() {
        return Err(UrlError::EmptyHost);
    }
    if host.starts_with('[') {
        return host::canonical_ipv6(host).ok_or(UrlError::InvalidHost);
    }
    if !is_plain_name(host) {
        return Err(UrlError::InvalidHost);
    }
    match host::numeric(host) {
        Numeric::No | Numeric::Canonical => Ok(host.to_ascii_lowercase()),
        Numeric::Unusual | Numeric::Invalid => Err(UrlError::InvalidHost),
    }
}

#[cfg(test)]
mod tests;
