//! Readers straight from the grammar, without regard to cost: what the fast ones are compared with.
//!
//! Beyond the grammar they take what the core takes on purpose: empty lines in front of a head, line ends without
//! CR in heads and trailer sections (RFC 9112 §2.2), a status line without the space behind the code, folds in
//! responses (§5.2), and whitespace around chunk sizes.

/// Field lines, values unfolded and without the whitespace around them.
pub(crate) type Lines = Vec<(Vec<u8>, Vec<u8>)>;

/// What lines were found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slow<T> {
    /// This, and so many octets long.
    Sound(T, usize),
    /// Not of the grammar.
    Broken,
    /// The empty line is missing.
    Incomplete,
}

/// The lines up to the empty one, each without its line end, and the length of all.
fn lines(input: &[u8]) -> Option<(Vec<&[u8]>, usize)> {
    let mut lines = Vec::new();
    let mut at = 0;
    loop {
        let end = at + input.get(at..)?.iter().position(|&b| b == b'\n')?;
        let line = input[at..end].strip_suffix(b"\r").unwrap_or(&input[at..end]);
        at = end + 1;
        if line.is_empty() {
            return Some((lines, at));
        }
        lines.push(line);
    }
}

/// Empty lines in front of a head: how many octets, and whether CR stands before LF only.
fn leading(input: &[u8]) -> (usize, bool) {
    let len = input.iter().position(|b| !matches!(b, b'\r' | b'\n')).unwrap_or(input.len());
    let stray = input[..len].split(|&b| b == b'\n').any(|part| part.len() > 1);
    let last_is_cr = input[..len].ends_with(b"\r");
    (len, !stray && !last_is_cr)
}

/// `status-line *( field-line CRLF ) CRLF`: minor version, status, reason, fields.
pub(crate) fn response(input: &[u8]) -> Slow<(u8, u16, Vec<u8>, Lines)> {
    let (start, sound) = leading(input);
    let Some((lines, len)) = lines(&input[start..]) else { return Slow::Incomplete };
    let parsed = || {
        let (line, rest) = lines.split_first()?;
        let minor = version(line.get(..8)?)?;
        let code = line.get(8..12)?;
        if code[0] != b' ' || !code[1..].iter().all(u8::is_ascii_digit) {
            return None;
        }
        let status = code[1..].iter().fold(0, |n, b| n * 10 + u16::from(b - b'0'));
        let reason = match &line[12..] {
            [] => &[][..],
            [b' ', reason @ ..] => reason,
            _ => return None,
        };
        (status >= 100 && reason.iter().all(|&b| is_text(b))).then_some(())?;
        Some((minor, status, reason.to_vec(), field_lines(rest, true)?))
    };
    match parsed() {
        Some(parsed) if sound => Slow::Sound(parsed, start + len),
        _ => Slow::Broken,
    }
}

/// `request-line *( field-line CRLF ) CRLF`: method, target, minor version, fields.
pub(crate) fn request(input: &[u8]) -> Slow<(Vec<u8>, Vec<u8>, u8, Lines)> {
    let (start, sound) = leading(input);
    let Some((lines, len)) = lines(&input[start..]) else { return Slow::Incomplete };
    let parsed = || {
        let (line, rest) = lines.split_first()?;
        let words: Vec<&[u8]> = line.split(|&b| b == b' ').collect();
        let [method, target, http] = words[..] else { return None };
        let minor = version(http)?;
        (is_token(method) && !target.is_empty()).then_some(())?;
        target.iter().all(|b| (b'!'..=b'~').contains(b)).then_some(())?;
        Some((method.to_vec(), target.to_vec(), minor, field_lines(rest, false)?))
    };
    match parsed() {
        Some(parsed) if sound => Slow::Sound(parsed, start + len),
        _ => Slow::Broken,
    }
}

/// `*( field-line CRLF ) CRLF` behind the last chunk.
pub(crate) fn trailers(input: &[u8]) -> Slow<Lines> {
    let Some((lines, len)) = lines(input) else { return Slow::Incomplete };
    match field_lines(&lines, true) {
        Some(fields) => Slow::Sound(fields, len),
        None => Slow::Broken,
    }
}

/// The same of a request: no line end without CR, and no fold.
fn strict_trailers(input: &[u8]) -> Slow<Lines> {
    match trailers(input) {
        Slow::Sound(fields, len) => {
            let mut lines = input[..len].split_inclusive(|&b| b == b'\n');
            let sound = lines.all(|line| line.ends_with(b"\r\n") && !matches!(line[0], b' ' | b'\t'));
            if sound { Slow::Sound(fields, len) } else { Slow::Broken }
        }
        other => other,
    }
}

/// `chunked-body`: content, trailers.
pub(crate) fn chunked(input: &[u8]) -> Slow<(Vec<u8>, Lines)> {
    chunked_with(input, trailers)
}

/// The same of a request, whose trailer section is taken by the letter.
pub(crate) fn chunked_strictly(input: &[u8]) -> Slow<(Vec<u8>, Lines)> {
    chunked_with(input, strict_trailers)
}

fn chunked_with(input: &[u8], trailers: fn(&[u8]) -> Slow<Lines>) -> Slow<(Vec<u8>, Lines)> {
    let mut content = Vec::new();
    let mut at = 0;
    loop {
        let rest = &input[at..];
        let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") else {
            return Slow::Incomplete;
        };
        let Some(size) = chunk_size(&rest[..end]) else { return Slow::Broken };
        at += end + 2;
        if size == 0 {
            return match trailers(&input[at..]) {
                Slow::Sound(fields, len) => Slow::Sound((content, fields), at + len),
                Slow::Broken => Slow::Broken,
                Slow::Incomplete => Slow::Incomplete,
            };
        }
        let Some(data) = usize::try_from(size).ok().and_then(|size| input[at..].get(..size)) else {
            return Slow::Incomplete;
        };
        content.extend_from_slice(data);
        at += data.len();
        match &input[at..] {
            [b'\r', b'\n', ..] => at += 2,
            [] | [b'\r'] => return Slow::Incomplete,
            _ => return Slow::Broken,
        }
    }
}

/// What of chunked content has come whose end has not.
pub(crate) fn chunked_so_far(input: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    let mut rest = input;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let size = chunk_size(&rest[..end]).and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        rest = &rest[end + 2..];
        let data = rest.len().min(size);
        content.extend_from_slice(&rest[..data]);
        rest = rest.get(data + 2..).unwrap_or_default();
        if size == 0 {
            break;
        }
    }
    content
}

/// `1*HEXDIG [ BWS ] [ ";" ... ]`.
pub(crate) fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().position(|b| !b.is_ascii_hexdigit()).unwrap_or(line.len());
    let size = std::str::from_utf8(&line[..digits]).ok()?;
    let behind = line[digits..].iter().position(|b| !matches!(b, b' ' | b'\t'));
    let extensions = behind.map_or(&[][..], |at| &line[digits + at..]);
    let sound = matches!(extensions, [] | [b';', ..]) && extensions.iter().all(|&b| is_text(b));
    if sound { u64::from_str_radix(size, 16).ok() } else { None }
}

/// `1*DIGIT` of at most 64 bits.
pub(crate) fn decimal(octets: &[u8]) -> Option<u64> {
    if octets.is_empty() || !octets.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let zeros = octets.iter().take_while(|&&b| b == b'0').count();
    let digits = std::str::from_utf8(&octets[zeros..]).ok()?;
    match digits.len() {
        0 => Some(0),
        1..=20 => digits.parse::<u128>().ok()?.try_into().ok(),
        _ => None,
    }
}

/// The values of all Content-Length lines, each one a list: "all values in the list are valid, and all values in the list
/// are the same" (RFC 9112 §6.3).
pub(crate) fn content_length(lines: &[&[u8]]) -> Option<u64> {
    let mut lengths = Vec::new();
    for line in lines {
        let members = line.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty());
        let values: Option<Vec<u64>> = members.map(decimal).collect();
        lengths.extend(values.filter(|values| !values.is_empty())?);
    }
    let first = *lengths.first()?;
    lengths.iter().all(|length| *length == first).then_some(first)
}

fn version(octets: &[u8]) -> Option<u8> {
    match octets {
        b"HTTP/1.0" => Some(0),
        b"HTTP/1.1" => Some(1),
        _ => None,
    }
}

fn field_lines(lines: &[&[u8]], may_fold: bool) -> Option<Lines> {
    let mut fields: Lines = Vec::new();
    for line in lines {
        if let [b' ' | b'\t', ..] = line {
            line.iter().all(|&b| is_text(b)).then_some(())?;
            let (_, value) = fields.last_mut().filter(|_| may_fold)?;
            // "replace each received obs-fold with one or more SP octets": how many is not compared.
            value.push(b' ');
            value.extend_from_slice(line);
            continue;
        }
        let colon = line.iter().position(|&b| b == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        (is_token(name) && value.iter().all(|&b| is_text(b))).then_some(())?;
        fields.push((name.to_vec(), value.to_vec()));
    }
    for (_, value) in &mut fields {
        *value = squeezed(value);
    }
    Some(fields)
}

/// Without outer whitespace, and with one space for each run of inner whitespace.
pub(crate) fn squeezed(value: &[u8]) -> Vec<u8> {
    let words = value.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(&b' ')
}

fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

pub(crate) fn is_text(b: u8) -> bool {
    matches!(b, b'\t' | b' '..=b'~' | 0x80..)
}
