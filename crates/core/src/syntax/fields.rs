//! Field lines where they were read: spans of the input instead of copies.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Version};

/// A stretch of the octets that a head or a trailer section was read from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// Where `part` lies in `whole`, of which it must be a slice.
    pub(crate) fn of(part: &[u8], whole: &[u8]) -> Self {
        let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
        Self::new(start, start + part.len())
    }

    /// From `start` up to `end`. The limits keep both far below 4 GiB.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The octets; nothing if `whole` is not what the span was made for.
    pub(crate) fn get(self, whole: &[u8]) -> &[u8] {
        whole.get(self.range()).unwrap_or_default()
    }

    pub(crate) fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The same stretch where there are `by` more octets in front of it.
    pub(crate) fn moved_up(self, by: usize) -> Self {
        Self::new(self.start as usize + by, self.end as usize + by)
    }

    /// The same stretch where `by` octets in front of it are gone.
    pub(crate) fn moved_down(self, by: usize) -> Self {
        let by = by as u32;
        Self { start: self.start.saturating_sub(by), end: self.end.saturating_sub(by) }
    }
}

/// Where one field line's name and value lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FieldSpan {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// Where the field lines of a section lie in the octets that were shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSpans {
    pub(crate) lines: Vec<FieldSpan>,
    /// Whether a value holds an obs-fold, whose CR and LF are still in place.
    pub(crate) folded: bool,
}

impl FieldSpans {
    /// The number of field lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no field line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Names and values in wire order, as slices of the octets that `recv` was shown. An obs-fold is still in
    /// its value as CR and LF, to be read as SP (RFC 9112 §5.2).
    pub fn iter<'a>(&'a self, input: &'a [u8]) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> {
        self.lines.iter().map(|line| (line.name.get(input), line.value.get(input)))
    }

    /// The value of the first field line of this name, compared without case.
    pub fn get<'a>(&self, input: &'a [u8], name: &str) -> Option<&'a [u8]> {
        let is_named = |line: &&FieldSpan| line.name.get(input).eq_ignore_ascii_case(name.as_bytes());
        self.lines.iter().find(is_named).map(|line| line.value.get(input))
    }

    /// Counts from `by` octets earlier.
    pub(crate) fn move_up(&mut self, by: usize) {
        for line in &mut self.lines {
            line.name = line.name.moved_up(by);
            line.value = line.value.moved_up(by);
        }
    }

    /// Counts from `by` octets later.
    pub(crate) fn move_down(&mut self, by: usize) {
        for line in &mut self.lines {
            line.name = line.name.moved_down(by);
            line.value = line.value.moved_down(by);
        }
    }

    /// Rewrites the line ends inside of values to SP, in a copy of the octets.
    pub(crate) fn unfold(&self, octets: &mut [u8]) {
        if self.folded {
            for line in &self.lines {
                for b in octets.get_mut(line.value.range()).unwrap_or_default() {
                    if matches!(b, b'\r' | b'\n') {
                        *b = b' ';
                    }
                }
            }
        }
    }
}

/// Where the parts of a response head lie in the octets that `recv` was shown, counted from their beginning.
///
/// [`ResponseHead::copy_from`](super::ResponseHead::copy_from) makes a head of one's own of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadSpans {
    pub(crate) version: Version,
    pub(crate) status: u16,
    pub(crate) reason: Span,
    pub(crate) fields: FieldSpans,
    pub(crate) len: usize,
}

impl HeadSpans {
    /// The status code, 100 to 999.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The reason phrase as received.
    pub fn reason<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        self.reason.get(input)
    }

    /// The field lines.
    pub fn fields(&self) -> &FieldSpans {
        &self.fields
    }

    /// Octets of the head, the empty line at its end included. `recv` consumed as many.
    pub fn head_len(&self) -> usize {
        self.len
    }
}

/// Where the parts of a request head lie in the octets that `recv` was shown, counted from their beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestSpans {
    pub(crate) version: Version,
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) fields: FieldSpans,
    pub(crate) len: usize,
}

impl RequestSpans {
    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The method.
    pub fn method<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        self.method.get(input)
    }

    /// The request target as received.
    pub fn target<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        self.target.get(input)
    }

    /// The field lines.
    pub fn fields(&self) -> &FieldSpans {
        &self.fields
    }

    /// Octets of the head, the empty line at its end included. `recv` consumed as many.
    pub fn head_len(&self) -> usize {
        self.len
    }
}

/// The field lines of a head or a trailer section: one `Bytes` and the spans in it.
///
/// Order and the case of names are those of the wire. Nothing is copied until
/// [`to_header_map`](Fields::to_header_map) is called, and then the values share these octets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    octets: Bytes,
    spans: FieldSpans,
}

impl Fields {
    /// A copy of the field lines of a section out of the octets that `recv` was shown. Obs-folds become SP.
    pub fn copy_from(input: &[u8], spans: FieldSpans) -> Self {
        let end = spans.lines.iter().map(|line| line.value.range().end.max(line.name.range().end)).max();
        let mut octets = input.get(..end.unwrap_or(0)).unwrap_or_default().to_vec();
        spans.unfold(&mut octets);
        let spans = FieldSpans { folded: false, ..spans };
        Self { octets: octets.into(), spans }
    }

    /// The field lines of a map, in its order, with names in lower case: for what did not come as octets. All of it is
    /// copied.
    pub fn from_header_map(map: &HeaderMap) -> Self {
        let size = map.iter().flat_map(|(name, value)| [name.as_str().len(), value.len()]).sum();
        let mut octets = Vec::with_capacity(size);
        let mut lines = Vec::with_capacity(map.len());
        for (name, value) in map {
            let start = octets.len();
            octets.extend_from_slice(name.as_str().as_bytes());
            let middle = octets.len();
            octets.extend_from_slice(value.as_bytes());
            let value = Span::new(middle, octets.len());
            lines.push(FieldSpan { name: Span::new(start, middle), value });
        }
        Self { octets: octets.into(), spans: FieldSpans { lines, folded: false } }
    }

    /// Field lines over octets that are shared; they are copied only if an obs-fold must be rewritten.
    pub fn from_shared(octets: Bytes, spans: FieldSpans) -> Self {
        if spans.folded { Self::copy_from(&octets, spans) } else { Self { octets, spans } }
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// The number of field lines.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no field line.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The value of the first field line of this name, compared without case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.spans.get(&self.octets, name)
    }

    /// The values of all field lines of this name, in wire order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// Names and values in wire order and case.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        self.spans.iter(&self.octets)
    }

    /// A map of them. The values share these octets; names are lower-cased and equal ones grouped.
    pub fn to_header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.len());
        for line in &self.spans.lines {
            let name = HeaderName::from_bytes(line.name.get(&self.octets));
            let value = HeaderValue::from_maybe_shared(self.octets.slice_ref(line.value.get(&self.octets)));
            // Both were checked when they were read, by the same rules.
            if let (Ok(name), Ok(value)) = (name, value) {
                map.append(name, value);
            }
        }
        map
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lossy = |octets| String::from_utf8_lossy(octets);
        f.debug_map().entries(self.iter().map(|(name, value)| (lossy(name), lossy(value)))).finish()
    }
}
