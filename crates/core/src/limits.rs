//! What a peer may make us hold or count.

/// Bounds on what a peer may send before an exchange is given up.
///
/// Every loop over a peer's octets is bounded by one of these. Going beyond one is a
/// [`PeerError`](crate::PeerError) of its own, for which [`is_limit`](crate::PeerError::is_limit) holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Octets of one message head, from its start line (and empty lines before it) to the empty line that ends
    /// it, inclusive. Default 131,072 (128 KiB). Precedents: Node 16 KiB, curl 300 KB, hyper about 400 KB, Go
    /// 1 MiB for requests.
    pub max_head_size: usize,
    /// Field lines of one message head. Default 256; at most 16,384 count, since an `http::HeaderMap` holds no
    /// more. Precedents: Apache httpd, Python and hyper 100, Node 2,000.
    pub max_fields: usize,
    /// Interim (1xx) responses before a final one. Default 32. Precedent: Go 5.
    pub max_interim: usize,
    /// Octets in the chunk-size lines of one message beyond the sizes themselves: extensions, whitespace and
    /// superfluous leading zeros. Default 16,384 (16 KiB), as in hyper and Node.
    pub max_chunk_extensions: usize,
    /// Octets of one trailer section, with the empty line that ends it. Default 16,384 (16 KiB). Precedent:
    /// hyper 16 KiB.
    pub max_trailer_size: usize,
    /// Field lines of one trailer section. Default 128; at most 16,384 count.
    pub max_trailers: usize,
}

impl Limits {
    /// The defaults named at each field.
    pub const fn new() -> Self {
        Self {
            max_head_size: 128 * 1024,
            max_fields: 256,
            max_interim: 32,
            max_chunk_extensions: 16 * 1024,
            max_trailer_size: 16 * 1024,
            max_trailers: 128,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
