//! The one pass over the text of a URL.
//!
//! It finds the parts, refuses what is no http URI, and says how far the text is from its normal form. It agrees
//! with the `url` crate in every part of every text that it declares normal; a test compares them over generated
//! texts.

use super::address::Scheme;
use super::dots::begins_with_dot_segment;
use super::error::UrlError;
use super::host::{self, Numeric};
use super::octets::{CLASSES, HOST, HYPHEN, NAME_END, PATH, PLAIN_NAME, QUERY, UPPER, USERINFO, skip};

/// The longest URL, in octets: what `http::Uri` takes and 16-bit offsets can address.
pub(super) const MAX_LEN: usize = u16::MAX as usize - 1;

/// How far a text is from its normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// It is normal, up to the end of its query.
    Normal,
    /// Putting its parts together again makes it normal.
    Rewrite,
    /// Only the `url` crate can make it normal.
    Normalize,
}

/// Whether labels of Punycode were found good before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Punycode {
    /// They were, or nothing here can judge them.
    Trusted,
    /// They were not: a host with such a label is to be normalised.
    Unchecked,
}

/// Where the parts of a URL are in its text. All offsets fit, since none is beyond [`MAX_LEN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) scheme: Scheme,
    pub(super) form: Form,
    /// `None` if it is absent, empty or the default.
    pub(super) port: Option<u16>,
    /// Behind the `@` if there is one.
    pub(super) host_start: u16,
    pub(super) host_end: u16,
    /// The end of the authority: where the slash is, or has to be put if the path is empty.
    pub(super) path_start: u16,
    /// The end of the query.
    pub(super) end: u16,
}

impl Scan {
    /// The userinfo in the text that was scanned; empty if there is none.
    pub(super) fn userinfo<'a>(&self, text: &'a str) -> &'a str {
        let before_host = &text[..usize::from(self.host_start)];
        // It may hold colons but no slash, as the scheme before it does.
        let userinfo = before_host.rsplit_once('/').map_or(before_host, |(_, userinfo)| userinfo);
        userinfo.strip_suffix('@').unwrap_or(userinfo)
    }
}

/// Finds the parts of a text that is in normal form to its end, in one pass; `None` for any other, good or bad.
///
/// It is [`scan`] for the common case, and only faster.
#[inline(always)]
pub(super) fn scan_normal(text: &str) -> Option<Scan> {
    let octets = text.as_bytes();
    if octets.len() > MAX_LEN {
        return None;
    }
    let offset = |rest: &[u8]| (octets.len() - rest.len()) as u16;
    let (scheme, rest) = match octets.split_first_chunk() {
        Some((b"https://", rest)) => (Scheme::Https, rest),
        _ => match octets.split_first_chunk() {
            Some((b"http://", rest)) => (Scheme::Http, rest),
            _ => return None,
        },
    };
    let host_start = offset(rest);
    let mut rest = skip(rest, PLAIN_NAME);
    while let [b'-', tail @ ..] = rest {
        // Two hyphens may be those of Punycode.
        if tail.first() == Some(&b'-') {
            return None;
        }
        rest = skip(tail, PLAIN_NAME);
    }
    let host_end = offset(rest);
    let (port, rest) = match rest {
        [b':', tail @ ..] => normal_port(tail, scheme).map(|(port, rest)| (Some(port), rest))?,
        rest => (None, rest),
    };
    let path_start = offset(rest);
    if rest.first() != Some(&b'/') || host_start == host_end {
        return None;
    }
    let ends_plainly = CLASSES[usize::from(octets[usize::from(host_end) - 1])] & NAME_END != 0;
    if !ends_plainly && !is_normal_host(&text[usize::from(host_start)..usize::from(host_end)]) {
        return None;
    }
    let mut rest = rest;
    loop {
        rest = skip(rest, PATH);
        match rest {
            [] => break,
            [b'?', query @ ..] if skip(query, QUERY).is_empty() => break,
            [b'.' | b'%', tail @ ..] => {
                if octets[octets.len() - rest.len() - 1] == b'/' && begins_with_dot_segment(rest) {
                    return None;
                }
                rest = tail;
            }
            _ => return None,
        }
    }
    let end = octets.len() as u16;
    Some(Scan { scheme, form: Form::Normal, port, host_start, host_end, path_start, end })
}

/// A port that is neither the default nor spelled unusually, and what follows it.
fn normal_port(octets: &[u8], scheme: Scheme) -> Option<(u16, &[u8])> {
    let mut port = 0_u16;
    let mut rest = octets;
    while let [digit @ b'0'..=b'9', tail @ ..] = rest {
        port = port.checked_mul(10)?.checked_add(u16::from(digit - b'0'))?;
        rest = tail;
    }
    let plain = matches!(octets, [b'1'..=b'9', ..]) && port != scheme.default_port();
    plain.then_some((port, rest))
}

/// Whether a plain name that may end in a number is in normal form.
fn is_normal_host(host: &str) -> bool {
    matches!(host::numeric(host), Numeric::No | Numeric::Canonical)
}

/// Finds the parts of an absolute http or https URL.
///
/// Every octet is looked at, those of the fragment included, so that an error behind something to be normalised is
/// reported even where nothing can normalise.
pub(super) fn scan(text: &str, punycode: Punycode) -> Result<Scan, UrlError> {
    let octets = text.as_bytes();
    if octets.len() > MAX_LEN {
        return Err(UrlError::TooLong);
    }
    let (scheme, start, scheme_form) = if octets.first_chunk() == Some(b"https://") {
        (Scheme::Https, 8, Form::Normal)
    } else if octets.first_chunk() == Some(b"http://") {
        (Scheme::Http, 7, Form::Normal)
    } else {
        let (scheme, start) = scan_scheme(text)?;
        (scheme, start, Form::Rewrite)
    };
    let authority = scan_authority(text, start, scheme, punycode)?;
    let (end, target_form) = scan_target(octets, authority.end)?;
    Ok(Scan {
        scheme,
        form: scheme_form.max(authority.form).max(target_form),
        port: authority.port,
        host_start: authority.host_start as u16,
        host_end: authority.host_end as u16,
        path_start: authority.end as u16,
        end: end as u16,
    })
}

/// Splits off a scheme (RFC 3986 §3.1) and its colon; `None` if the text does not begin with one.
pub(super) fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    valid.then_some((scheme, rest))
}

/// Refuses control characters, which may stand nowhere, not even in a fragment that is dropped.
pub(super) fn refuse_controls(octets: &[u8]) -> Result<(), UrlError> {
    match octets.iter().find(|octet| octet.is_ascii_control()) {
        Some(&octet) => Err(UrlError::InvalidCharacter(char::from(octet))),
        None => Ok(()),
    }
}

/// Reads a port, which may be empty (RFC 3986 §3.2.3); the flag says whether it is without leading zeros.
pub(super) fn port_number(digits: &[u8]) -> Result<(Option<u16>, bool), UrlError> {
    let mut port = 0_u32;
    for &octet in digits {
        if !octet.is_ascii_digit() {
            return Err(UrlError::InvalidPort);
        }
        port = port * 10 + u32::from(octet - b'0');
        if port > u32::from(u16::MAX) {
            return Err(UrlError::InvalidPort);
        }
    }
    match (u16::try_from(port), digits.first()) {
        (_, None) => Ok((None, true)),
        (Ok(port), Some(first)) if port != 0 => Ok((Some(port), *first != b'0')),
        _ => Err(UrlError::InvalidPort),
    }
}

/// Whether all octets of a host may stand in a name, and are ASCII.
pub(super) fn is_plain_name(host: &str) -> bool {
    skip(host.as_bytes(), HOST).is_empty()
}

/// The scheme and the offset behind its `://`, for a text that does not begin with either in lower case.
#[cold]
fn scan_scheme(text: &str) -> Result<(Scheme, usize), UrlError> {
    if text.is_empty() {
        return Err(UrlError::Empty);
    }
    refuse_controls(text.as_bytes())?;
    let (name, rest) = split_scheme(text).ok_or(UrlError::NoScheme)?;
    let scheme = match Scheme::from_name(name) {
        // What looks like a scheme may be a user name or a token: not to be shown in an error.
        Err(_) if !rest.starts_with("//") && rest.contains('@') => return Err(UrlError::NoScheme),
        scheme => scheme?,
    };
    if rest.starts_with("//") {
        Ok((scheme, name.len() + 3))
    } else if rest.starts_with('\\') || rest.starts_with("/\\") {
        Err(UrlError::InvalidCharacter('\\'))
    } else {
        Err(UrlError::NoAuthority)
    }
}

struct AuthorityScan {
    host_start: usize,
    host_end: usize,
    port: Option<u16>,
    end: usize,
    form: Form,
}

/// The authority (RFC 3986 §3.2).
fn scan_authority(
    text: &str,
    start: usize,
    scheme: Scheme,
    punycode: Punycode,
) -> Result<AuthorityScan, UrlError> {
    let rest = &text[start..];
    let end = start + rest.bytes().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let authority = &text[start..end];
    if let Some(octet) = authority.bytes().find(|&b| b == b'\\' || b.is_ascii_control()) {
        return Err(UrlError::InvalidCharacter(char::from(octet)));
    }
    let (host_start, userinfo_form) = match authority.rfind('@') {
        Some(at) => (start + at + 1, userinfo_form(&authority[..at])?),
        None => (start, Form::Normal),
    };
    let host_and_port = &text[host_start..end];
    let host_length = match host_and_port.strip_prefix('[') {
        Some(inner) => inner.find(']').ok_or(UrlError::InvalidHost)? + 2,
        None => host_and_port.find(':').unwrap_or(host_and_port.len()),
    };
    let (host, port) = host_and_port.split_at(host_length);
    let host_form = host_form(host, punycode)?;
    let (port, port_form) = match port.strip_prefix(':') {
        Some(digits) => scan_port(digits.as_bytes(), scheme)?,
        None if port.is_empty() => (None, Form::Normal),
        None => return Err(UrlError::InvalidHost),
    };
    let form = userinfo_form.max(host_form).max(port_form);
    Ok(AuthorityScan { host_start, host_end: host_start + host_length, port, end, form })
}

fn scan_port(digits: &[u8], scheme: Scheme) -> Result<(Option<u16>, Form), UrlError> {
    match port_number(digits)? {
        (Some(port), true) if port != scheme.default_port() => Ok((Some(port), Form::Normal)),
        (port, _) => Ok((port.filter(|&port| port != scheme.default_port()), Form::Rewrite)),
    }
}

fn userinfo_form(userinfo: &str) -> Result<Form, UrlError> {
    // The gen-delims that could make another program see the host elsewhere.
    if userinfo.contains(['@', '[', ']']) {
        return Err(UrlError::InvalidUserinfo);
    }
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let mut form = Form::Normal;
    // "" before "@", or ":" before nothing.
    if userinfo.is_empty() || userinfo.ends_with(':') {
        form = Form::Rewrite;
    }
    for octet in user.bytes().chain(password.bytes()) {
        form = form.max(match octet {
            b';' | b'=' | b':' => Form::Rewrite,
            _ if CLASSES[usize::from(octet)] & USERINFO != 0 => Form::Normal,
            _ => Form::Normalize,
        });
    }
    Ok(form)
}

fn host_form(host: &str, punycode: Punycode) -> Result<Form, UrlError> {
    if host.is_empty() {
        return Err(UrlError::EmptyHost);
    }
    if host.starts_with('[') {
        let canonical = host::canonical_ipv6(host).ok_or(UrlError::InvalidHost)?;
        return Ok(if canonical == host { Form::Normal } else { Form::Rewrite });
    }
    let mut seen = 0;
    let mut needs_tables = false;
    for octet in host.bytes() {
        let class = CLASSES[usize::from(octet)];
        seen |= class;
        if class & HOST == 0 {
            if octet != b'%' && octet.is_ascii() {
                return Err(UrlError::InvalidHost);
            }
            needs_tables = true;
        }
    }
    if needs_tables { Ok(Form::Normalize) } else { name_form(host, seen, punycode) }
}

/// The form of a name of which only the classes of its octets are known.
fn name_form(name: &str, seen: u8, punycode: Punycode) -> Result<Form, UrlError> {
    if seen & HYPHEN != 0 && punycode == Punycode::Unchecked && host::has_punycode(name) {
        return Ok(Form::Normalize);
    }
    match host::numeric(name) {
        Numeric::Invalid => Err(UrlError::InvalidHost),
        Numeric::Unusual => Ok(Form::Normalize),
        Numeric::No | Numeric::Canonical if seen & UPPER != 0 => Ok(Form::Rewrite),
        Numeric::No | Numeric::Canonical => Ok(Form::Normal),
    }
}

/// The end of path and query (RFC 3986 §3.3, §3.4), and their form.
fn scan_target(octets: &[u8], start: usize) -> Result<(usize, Form), UrlError> {
    let mut form = if octets.get(start) == Some(&b'/') { Form::Normal } else { Form::Rewrite };
    let mut plain = PATH;
    let mut at = start;
    loop {
        at = octets.len() - skip(&octets[at..], plain).len();
        let Some(&octet) = octets.get(at) else {
            return Ok((at, form));
        };
        match octet {
            b'#' => {
                refuse_controls(&octets[at..])?;
                return Ok((at, form));
            }
            // In the query `?`, `.` and `%` are plain, in the path `'` is.
            b'?' => plain = QUERY,
            b'.' | b'%' => {
                if octets[at - 1] == b'/' && begins_with_dot_segment(&octets[at..]) {
                    form = form.max(Form::Rewrite);
                }
            }
            b'\'' => form = form.max(Form::Rewrite),
            b'\\' => return Err(UrlError::InvalidCharacter('\\')),
            _ if octet.is_ascii_control() => return Err(UrlError::InvalidCharacter(char::from(octet))),
            _ => form = Form::Normalize,
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests;
