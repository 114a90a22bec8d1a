//! A message in parts, so that each of them can be made odd on its own.

/// The parts of one message.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// In front of the start line.
    pub(super) lead: Vec<u8>,
    pub(super) start: Vec<u8>,
    pub(super) start_end: Vec<u8>,
    pub(super) fields: Vec<FieldLine>,
    /// The empty line behind the head.
    pub(super) blank: Vec<u8>,
    pub(super) body: Body,
}

/// A field line.
#[derive(Clone, Debug)]
pub(super) struct FieldLine {
    pub(super) name: Vec<u8>,
    /// The colon, and what is around it.
    pub(super) colon: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) end: Vec<u8>,
}

/// What follows a head.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Plain(Vec<u8>),
    Chunked {
        chunks: Vec<Chunk>,
        /// The size, extensions and line end of the last chunk.
        last: Vec<u8>,
        trailers: Vec<FieldLine>,
        blank: Vec<u8>,
    },
}

/// One chunk.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) size: Vec<u8>,
    pub(super) extension: Vec<u8>,
    pub(super) size_end: Vec<u8>,
    pub(super) data: Vec<u8>,
    pub(super) data_end: Vec<u8>,
}

impl Default for Body {
    fn default() -> Self {
        Self::Plain(Vec::new())
    }
}

impl FieldLine {
    pub(super) fn new(name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), colon: b": ".to_vec(), value: value.into(), end: b"\r\n".to_vec() }
    }

    fn write(&self, out: &mut Vec<u8>) {
        for part in [&self.name, &self.colon, &self.value, &self.end] {
            out.extend_from_slice(part);
        }
    }
}

impl Chunk {
    pub(super) fn new(data: &[u8]) -> Self {
        Self {
            size: format!("{:x}", data.len()).into_bytes(),
            extension: Vec::new(),
            size_end: b"\r\n".to_vec(),
            data: data.to_vec(),
            data_end: b"\r\n".to_vec(),
        }
    }
}

impl Draft {
    /// A head of this start line and no fields.
    pub(super) fn new(start: impl Into<Vec<u8>>) -> Self {
        let line_end = || b"\r\n".to_vec();
        Self { start: start.into(), start_end: line_end(), blank: line_end(), ..Self::default() }
    }

    pub(super) fn field(&mut self, name: &str, value: impl Into<Vec<u8>>) {
        self.fields.push(FieldLine::new(name, value));
    }

    /// Puts all parts behind `out`.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for part in [&self.lead, &self.start, &self.start_end] {
            out.extend_from_slice(part);
        }
        self.fields.iter().for_each(|line| line.write(out));
        out.extend_from_slice(&self.blank);
        match &self.body {
            Body::Plain(octets) => out.extend_from_slice(octets),
            Body::Chunked { chunks, last, trailers, blank } => {
                for chunk in chunks {
                    for part in [&chunk.size, &chunk.extension, &chunk.size_end, &chunk.data, &chunk.data_end]
                    {
                        out.extend_from_slice(part);
                    }
                }
                out.extend_from_slice(last);
                trailers.iter().for_each(|line| line.write(out));
                out.extend_from_slice(blank);
            }
        }
    }
}
