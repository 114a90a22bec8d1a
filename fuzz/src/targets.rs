//! The table of all targets.

/// A fuzz target: a body, and what it demands.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its binary and of the folder of its corpus.
    pub name: &'static str,
    /// Takes any octets, and panics where what it tests does not keep its word.
    pub body: fn(&[u8]),
    /// The file in `dictionaries/` with the words that its inputs are made of, where they are text.
    pub dictionary: Option<&'static str>,
    /// So many mutations of its inputs are tried by the tests; fewer where one takes longer.
    pub mutations: usize,
    /// What it demands, in one sentence.
    pub oracle: &'static str,
}

const HTTP1: Option<&str> = Some("http1.dict");

/// All targets, in the order in which they are run.
pub const TARGETS: &[Target] = &[
    Target {
        name: "client_recv",
        body: crate::client_recv,
        dictionary: HTTP1,
        mutations: 10_000,
        oracle: "Whatever a server sends in whatever pieces, the client's machine says the same, makes progress with every \
            answer, leaves less than its limits with the caller, and repeats its errors.",
    },
    Target {
        name: "server_recv",
        body: crate::server_recv,
        dictionary: HTTP1,
        mutations: 10_000,
        oracle: "The same of requests and the server's machine, which answers what it takes and goes on to the next one.",
    },
    Target {
        name: "pair_ops",
        body: crate::pair_ops,
        dictionary: None,
        mutations: 10_000,
        oracle: "Any commands on both ends of a link that may break at any octet: nobody sees what nobody sent, no content ends before \
            its end, errors stay, and a connection is used again at a message boundary only, where neither end has closed it.",
    },
    Target {
        name: "head",
        body: crate::head,
        dictionary: HTTP1,
        mutations: 10_000,
        oracle: "A head is read if and only if a slow reader written from the grammar reads it, and as the same fields.",
    },
    Target {
        name: "chunked",
        body: crate::chunked,
        dictionary: HTTP1,
        mutations: 10_000,
        oracle: "Chunked content and its trailers are those of a slow reader written from the grammar, and end where its end.",
    },
    Target {
        name: "number",
        body: crate::number,
        dictionary: HTTP1,
        mutations: 10_000,
        oracle: "Lengths, chunk sizes, status codes and ports are read as slow arithmetic reads them or not at all, and written as \
            the standard library writes them.",
    },
    Target {
        name: "framing",
        body: crate::framing,
        dictionary: HTTP1,
        mutations: 10_000,
        oracle: "Over heads that httparse has read, messages end where RFC 9112 §6.3 read aloud says, and connections persist \
            where §9.3 does.",
    },
    Target {
        name: "request_round_trip",
        body: crate::request_round_trip,
        dictionary: None,
        mutations: 10_000,
        oracle: "What the client writes of any request, our server reads as that request, and nothing else is on the wire.",
    },
    Target {
        name: "pool_ops",
        body: crate::pool_ops,
        dictionary: None,
        mutations: 10_000,
        oracle: "After any operations the pool has done what a slow model of it does: the same actions and the same next timeout, \
            every handle in one place, nobody waiting in vain.",
    },
    Target {
        name: "eyeballs",
        body: crate::eyeballs,
        dictionary: None,
        mutations: 10_000,
        oracle: "A race starts each address once, in the order and at the times that a naive reading of RFC 8305 gives, never more \
            at once than allowed, and ends once.",
    },
    Target {
        name: "deadlines",
        body: crate::deadlines,
        dictionary: None,
        mutations: 10_000,
        oracle: "The next deadline is the least over a plain list of the phases that run, and what expires is what a scan of it \
            finds.",
    },
    Target {
        name: "client_sim",
        body: crate::client_sim,
        dictionary: None,
        mutations: 1_000,
        oracle: "A run of the simulated workload, of which the octets decide everything, keeps all that holds in runs from seeds.",
    },
    Target {
        name: "client_octets",
        body: crate::client_octets,
        dictionary: HTTP1,
        mutations: 10_000,
        oracle: "Of servers that send any octets the whole client takes the responses that a slow reader finds, every request ends \
            as it may, nothing leaks, and no connection is used again that must not be.",
    },
    Target {
        name: "h2_octets",
        body: crate::h2_octets,
        dictionary: None,
        mutations: 5_000,
        oracle: "The same of servers that send any frames of HTTP/2, or octets that are none: there is no more content than was sent.",
    },
    Target {
        name: "url",
        body: crate::url,
        dictionary: None,
        mutations: 20_000,
        oracle: "A URL is what the `url` crate makes of it or refused on purpose, and its secrets are neither sent nor printed.",
    },
    Target {
        name: "client_fields",
        body: crate::client_fields,
        dictionary: None,
        mutations: 10_000,
        oracle: "What the client makes of Retry-After, Keep-Alive and Content-Length is what slow readers find in them.",
    },
];
