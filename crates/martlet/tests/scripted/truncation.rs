//! The server goes away at every octet of a response.

use std::io;

use martlet::{Closed, Delivery, Ending, Kind};

use crate::client;
use crate::common::poll::run;
use crate::common::wire::{Read, octets, wire};

/// A response in parts: what precedes the head, the head, then framing (false) and content (true).
struct Message {
    interim: &'static str,
    head: &'static str,
    body: &'static [(bool, &'static str)],
    declared: Option<u64>,
    /// The end of the connection is its end.
    delimited: bool,
}

const MESSAGES: [Message; 6] = [
    Message {
        interim: "",
        head: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        body: &[(true, "hello")],
        declared: Some(5),
        delimited: false,
    },
    Message {
        interim: "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        head: "HTTP/1.0 404 Not Found\r\nContent-Length: 3\r\n\r\n",
        body: &[(true, "not")],
        declared: Some(3),
        delimited: false,
    },
    Message {
        interim: "",
        head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        body: &[
            (false, "5\r\n"),
            (true, "hello"),
            (false, "\r\n00a;x=\"y\"\r\n"),
            (true, " wonderful"),
            (false, "\r\n0\r\n\r\n"),
        ],
        declared: None,
        delimited: false,
    },
    Message {
        interim: "HTTP/1.1 100 Continue\r\n\r\n",
        head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        body: &[(false, "1\r\n"), (true, "x"), (false, "\r\n0\r\nX-Sum: 1\r\nX-Two: 2\r\n\r\n")],
        declared: None,
        delimited: false,
    },
    Message {
        interim: "",
        head: "HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
        body: &[(true, "to the end")],
        declared: None,
        delimited: true,
    },
    Message {
        interim: "",
        head: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        body: &[],
        declared: Some(0),
        delimited: false,
    },
];

impl Message {
    fn text(&self) -> String {
        let body: String = self.body.iter().map(|(_, part)| *part).collect();
        format!("{}{}{body}", self.interim, self.head)
    }

    /// The content among the first octets of the body.
    fn content(&self, mut octets: usize) -> String {
        let mut content = String::new();
        for (is_content, part) in self.body {
            let n = part.len().min(octets);
            octets -= n;
            if *is_content {
                content += &part[..n];
            }
        }
        content
    }

    /// What must become of it when so many octets come and then the stream ends: the content, and the failure.
    fn outcome(&self, cut: usize, by: Ending) -> (Option<String>, Option<Closed>) {
        let (interim, head) = (self.interim.len(), self.interim.len() + self.head.len());
        if cut == 0 || (cut == interim && interim > 0) {
            return (None, Some(Closed::BeforeResponse { interim: cut > 0, by }));
        }
        if cut < interim {
            return (None, Some(Closed::InHead { received: cut as u64, by }));
        }
        if cut < head {
            return (None, Some(Closed::InHead { received: (cut - interim) as u64, by }));
        }
        let content = self.content(cut - head);
        let is_whole = cut == self.text().len() && (!self.delimited || by == Ending::Fin);
        if is_whole || (self.delimited && by == Ending::Fin) {
            return (Some(content), None);
        }
        let received = content.len() as u64;
        (Some(content), Some(Closed::InContent { expected: self.declared, received, by }))
    }
}

fn each_cut(mut check: impl FnMut(&Message, usize, Ending, Vec<Read>)) {
    for message in &MESSAGES {
        let text = message.text();
        for cut in 0..=text.len() {
            for (by, end) in
                [(Ending::Fin, Read::Fin), (Ending::Reset, Read::Fail(io::ErrorKind::ConnectionReset))]
            {
                let seen = &text.as_bytes()[..cut];
                for size in [1, 2, 3, usize::MAX] {
                    for pause in [false, true] {
                        let mut reads: Vec<_> = seen.chunks(size).map(octets).collect();
                        if pause {
                            reads.push(Read::Pending);
                        }
                        reads.push(end.clone());
                        check(message, cut, by, reads);
                    }
                }
            }
        }
    }
}

#[test]
fn every_cut_has_its_kind_and_content_that_came_is_delivered_first() {
    each_cut(|message, cut, by, reads| {
        let (content, closed) = message.outcome(cut, by);
        let (wire, peer) = wire(reads, []);
        let case = format!("{by:?} after {cut} octets of {:?}", message.text());
        let failed = match run(client(wire).get("http://a/").send()) {
            Err(e) => {
                assert_eq!(content, None, "{case}");
                Some(e)
            }
            Ok(mut response) => {
                let mut all = Vec::new();
                let failed = loop {
                    match run(response.chunk()) {
                        Ok(Some(piece)) => all.extend_from_slice(&piece),
                        Ok(None) => break None,
                        Err(e) => break Some(e),
                    }
                };
                assert_eq!(Some(String::from_utf8(all).unwrap()), content, "{case}");
                let again = run(response.chunk()).map_err(|e| e.kind());
                assert_eq!(again, failed.as_ref().map_or(Ok(None), |e| Err(e.kind())), "{case}");
                failed
            }
        };
        assert_eq!(failed.as_ref().map(|e| e.kind()), closed.map(Kind::Closed), "{case}");
        if let Some(e) = failed {
            let delivery = if cut == 0 { Delivery::Unknown } else { Delivery::Answered };
            assert_eq!(e.delivery(), delivery, "{case}");
            assert_eq!(e.url().unwrap(), "http://a/");
            let is_reset =
                crate::cause::<io::Error>(&e).is_some_and(|e| e.kind() == io::ErrorKind::ConnectionReset);
            assert_eq!(is_reset, by == Ending::Reset, "{case}");
        }
        peer.assert_closed();
    });
}

#[test]
fn the_reader_tells_the_same() {
    use futures_lite::AsyncReadExt;
    each_cut(|message, cut, by, reads| {
        let (content, closed) = message.outcome(cut, by);
        let (wire, peer) = wire(reads, []);
        let Some(content) = content else {
            return;
        };
        let mut response = run(client(wire).get("http://a/").send()).unwrap();
        let (mut all, mut buffer) = (Vec::new(), [0; 4]);
        let failed = loop {
            match run(response.read(&mut buffer)) {
                Ok(0) => break None,
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(e) => break Some(e),
            }
        };
        let kind = failed.map(|e| e.get_ref().unwrap().downcast_ref::<martlet::Error>().unwrap().kind());
        assert_eq!(
            (String::from_utf8(all).unwrap(), kind),
            (content, closed.map(Kind::Closed)),
            "{by:?} {cut}"
        );
        peer.assert_closed();
    });
}

#[test]
fn the_texts_of_a_truncation_say_how_much_came() {
    let (wire, _peer) = wire([octets("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"), Read::Fin], []);
    let response = run(client(wire).get("http://u:p@a/x?secret").send()).unwrap();
    let text = run(response.bytes()).unwrap_err().to_string();
    assert_eq!(text, "connection closed inside content, 2 of 9 octets received for http://a/x");
}
