//! What each octet may be in a URL.

/// May stand in a name (RFC 3986 §3.2.2, reg-name), not counting `%`.
pub(super) const HOST: u8 = 1;
/// An upper-case letter.
pub(super) const UPPER: u8 = 1 << 1;
/// The hyphen.
pub(super) const HYPHEN: u8 = 1 << 2;
/// Stays as it is in a path and cannot begin a dot segment.
pub(super) const PATH: u8 = 1 << 3;
/// Stays as it is in a query.
pub(super) const QUERY: u8 = 1 << 4;
/// Stays as it is in a userinfo.
pub(super) const USERINFO: u8 = 1 << 5;
/// May stand in a name that is in normal form without a further look: neither an upper-case letter nor a hyphen.
pub(super) const PLAIN_NAME: u8 = 1 << 6;
/// May not end a number, be it hexadecimal, nor be the dot behind it.
pub(super) const NAME_END: u8 = 1 << 7;

/// The classes of each octet.
pub(super) static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut octet = b'!';
    while octet <= b'~' {
        table[octet as usize] = match octet {
            b'g'..=b'w' | b'y' | b'z' | b'_' | b'~' => HOST | PLAIN_NAME | NAME_END | USERINFO | PATH | QUERY,
            b'0'..=b'9' | b'a'..=b'f' | b'x' => HOST | PLAIN_NAME | USERINFO | PATH | QUERY,
            b'A'..=b'Z' => HOST | UPPER | USERINFO | PATH | QUERY,
            b'-' => HOST | HYPHEN | NAME_END | USERINFO | PATH | QUERY,
            b'.' => HOST | PLAIN_NAME | USERINFO | QUERY,
            b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' => {
                HOST | PLAIN_NAME | NAME_END | USERINFO | PATH | QUERY
            }
            b'\'' => HOST | PLAIN_NAME | NAME_END | USERINFO | PATH,
            b';' | b'=' => HOST | PLAIN_NAME | NAME_END | PATH | QUERY,
            b'%' => USERINFO | QUERY,
            b'/' | b':' | b'@' | b'[' | b']' | b'^' | b'|' => PATH | QUERY,
            b'?' | b'`' | b'{' | b'}' => QUERY,
            _ => 0,
        };
        octet += 1;
    }
    table
}

/// What follows the octets of the class at the front.
#[inline(always)]
pub(super) fn skip(octets: &[u8], class: u8) -> &[u8] {
    let is = |octet: u8| CLASSES[usize::from(octet)] & class;
    let mut rest = octets;
    // Four at a time halves the work.
    while let Some((&[a, b, c, d], tail)) = rest.split_first_chunk() {
        if is(a) & is(b) & is(c) & is(d) == 0 {
            break;
        }
        rest = tail;
    }
    while let [octet, tail @ ..] = rest {
        if is(*octet) == 0 {
            break;
        }
        rest = tail;
    }
    rest
}
