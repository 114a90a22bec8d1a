//! Dot segments and their removal (RFC 3986 §5.2.4).

/// Whether a path that goes on like this has a dot segment next.
pub(super) fn begins_with_dot_segment(octets: &[u8]) -> bool {
    let end = octets.iter().position(|octet| matches!(octet, b'/' | b'?' | b'#')).unwrap_or(octets.len());
    dots(&octets[..end]).is_some()
}

/// Appends a path that begins with a slash, without its dot segments; nothing before it in `out` is touched.
pub(super) fn push_without_dot_segments(out: &mut String, path: &str) {
    let start = out.len();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match dots(segment.as_bytes()) {
            None => {
                out.push('/');
                out.push_str(segment);
                continue;
            }
            Some(Dots::Here) => {}
            Some(Dots::Parent) => {
                let parent = out[start..].rfind('/').map_or(start, |slash| start + slash);
                out.truncate(parent);
            }
        }
        // A dot segment at the end leaves the slash before it.
        if segments.peek().is_none() {
            out.push('/');
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dots {
    /// `.`
    Here,
    /// `..`
    Parent,
}

/// Which dot segment a segment is, if any. `%2e` is a dot, which it is equivalent to (RFC 3986 §6.2.2.2).
fn dots(segment: &[u8]) -> Option<Dots> {
    match without_dot(segment)? {
        [] => Some(Dots::Here),
        rest => without_dot(rest)?.is_empty().then_some(Dots::Parent),
    }
}

fn without_dot(segment: &[u8]) -> Option<&[u8]> {
    match segment {
        [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
