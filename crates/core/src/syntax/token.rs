//! Classes of octets (RFC 9110 §5.6.2, RFC 5234).

/// `tchar`: what tokens are made of.
const TCHAR: u8 = 1;
/// HTAB, SP, VCHAR and obs-text: what field values and reason phrases are made of.
const TEXT: u8 = 2;
/// VCHAR without `#`: what request targets are made of. A fragment is never sent (RFC 9110 §7.1).
const TARGET: u8 = 4;
/// `unreserved`, `sub-delims` and `%`: what a `reg-name` and an IPv4 address are made of (RFC 3986 §3.2.2).
const REG_NAME: u8 = 8;

static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let mut class = 0;
        if matches!(b, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\''
            | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
        {
            class |= TCHAR;
        }
        if matches!(b, b'\t' | b' '..=b'~' | 0x80..=0xff) {
            class |= TEXT;
        }
        if matches!(b, b'!'..=b'~') && b != b'#' {
            class |= TARGET;
        }
        if matches!(b, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'
            | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b'%')
        {
            class |= REG_NAME;
        }
        table[i] = class;
        i += 1;
    }
    table
};

fn all(octets: &[u8], class: u8) -> bool {
    octets.iter().all(|&b| CLASS[usize::from(b)] & class != 0)
}

/// Whether this is an octet of a token.
pub(crate) fn is_tchar(b: u8) -> bool {
    CLASS[usize::from(b)] & TCHAR != 0
}

/// Whether this is an octet of text: no control octet but HTAB.
pub(crate) fn is_text(b: u8) -> bool {
    CLASS[usize::from(b)] & TEXT != 0
}

/// `reason-phrase`, and `field-value` but for its outer whitespace: no control octets but HTAB.
pub(crate) fn is_all_text(octets: &[u8]) -> bool {
    all(octets, TEXT)
}

/// Whether all octets may stand in a request target.
pub(crate) fn is_target_text(octets: &[u8]) -> bool {
    all(octets, TARGET)
}

/// Whether all octets may stand in a registered name.
pub(crate) fn is_reg_name_text(octets: &[u8]) -> bool {
    all(octets, REG_NAME)
}

/// Without the whitespace around it. CR and LF count as whitespace: in a received field value they can only be
/// those of an obs-fold, which "MUST" be read as SP (RFC 9112 §5.2).
pub(crate) fn trim(mut octets: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = octets {
        octets = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = octets {
        octets = rest;
    }
    octets
}

#[cfg(test)]
mod tests;
