//! When a server wants to be asked again.

use std::time::{Duration, SystemTime};

use martlet_core::h1::Fields;

/// How long the server asks to be left alone (RFC 9110 §10.2.3): a number of seconds, or a date. Of several the last to
/// come; what is neither says nothing.
pub(super) fn retry_after(fields: &Fields, now: SystemTime) -> Option<Duration> {
    fields.get_all("retry-after").filter_map(|value| parse(value, now)).max()
}

fn parse(value: &[u8], now: SystemTime) -> Option<Duration> {
    // Whitespace of HTTP only: what else Unicode calls so is a part of the value.
    let value = std::str::from_utf8(value.trim_ascii()).ok()?;
    if !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_digit()) {
        // More digits than fit mean for ever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // A date that has passed means now.
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests;
