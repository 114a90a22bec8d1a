//! The server goes away in the middle: announced by close_notify, not announced, and by a reset.

use std::error::Error as StdError;
use std::io::{self, Write};

use martlet::tls::TlsFailure;
use martlet::{Client, Closed, Delivery, Ending, Error, Kind};

use crate::common::flavor::{Flavor, everywhere, watched};
use crate::peer::{End, HELLO, ONLY_12, ONLY_13, Then, TlsServer};
use crate::{client, options, trusting};

/// A head, then framing (false) and content (true).
struct Message {
    head: &'static str,
    body: &'static [(bool, &'static str)],
    declared: Option<u64>,
    /// The end of the connection is its end.
    delimited: bool,
}

const MESSAGES: [Message; 3] = [
    Message {
        head: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        body: &[(true, "hello")],
        declared: Some(5),
        delimited: false,
    },
    Message {
        head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        body: &[
            (false, "5\r\n"),
            (true, "hello"),
            (false, "\r\n1\r\n"),
            (true, "!"),
            (false, "\r\n0\r\n\r\n"),
        ],
        declared: None,
        delimited: false,
    },
    Message {
        head: "HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
        body: &[(true, "to the end")],
        declared: None,
        delimited: true,
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leave {
    Announced,
    Cut,
    Reset,
}

impl Leave {
    const ALL: [Self; 3] = [Self::Announced, Self::Cut, Self::Reset];

    fn then(self) -> fn() -> Then {
        match self {
            Self::Announced => || Then::Close,
            Self::Cut => || Then::Cut,
            Self::Reset => || Then::Reset,
        }
    }

    fn by(self) -> Ending {
        if self == Self::Announced { Ending::Fin } else { Ending::Reset }
    }

    /// What the transport says.
    fn said(self) -> Option<io::ErrorKind> {
        match self {
            Self::Announced => None,
            Self::Cut => Some(io::ErrorKind::UnexpectedEof),
            Self::Reset => Some(io::ErrorKind::ConnectionReset),
        }
    }
}

impl Message {
    fn text(&self) -> String {
        let body: String = self.body.iter().map(|(_, part)| *part).collect();
        format!("{}{body}", self.head)
    }

    /// The content among the first octets.
    fn content(&self, octets: usize) -> String {
        let mut left = octets.saturating_sub(self.head.len());
        let mut content = String::new();
        for (is_content, part) in self.body {
            let n = part.len().min(left);
            left -= n;
            if *is_content {
                content.push_str(&part[..n]);
            }
        }
        content
    }

    /// What has come when the server leaves after so many octets, and what is missing.
    fn outcome(&self, octets: usize, leave: Leave) -> (String, Option<Closed>) {
        let (content, by) = (self.content(octets), leave.by());
        let is_whole = if self.delimited {
            octets >= self.head.len() && leave == Leave::Announced
        } else {
            octets == self.text().len()
        };
        let closed = match octets {
            _ if is_whole => None,
            0 => Some(Closed::BeforeResponse { interim: false, by }),
            n if n < self.head.len() => Some(Closed::InHead { received: n as u64, by }),
            _ => {
                let received = content.len() as u64;
                Some(Closed::InContent { expected: self.declared, received, by })
            }
        };
        (content, closed)
    }
}

/// What of the content has come, and how it ended.
async fn received(client: &Client, server: &TlsServer) -> (String, Option<Error>) {
    let mut content = String::new();
    let mut response = match client.get(server.url("/")).send().await {
        Ok(response) => response,
        Err(e) => return (content, Some(e)),
    };
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => content.push_str(std::str::from_utf8(&piece).unwrap()),
            Ok(None) => return (content, None),
            Err(e) => return (content, Some(e)),
        }
    }
}

fn cause(e: &Error) -> Option<io::ErrorKind> {
    e.source().and_then(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind)
}

async fn check(client: &Client, message: &Message, octets: usize, leave: Leave) {
    let server = options().says(&message.text()[..octets], leave.then()).start();
    let (content, e) = received(client, &server).await;
    let (expected, closed) = message.outcome(octets, leave);
    let place = format!("{leave:?} after {octets} of {:?}: {e:?}", message.text());
    assert_eq!(content, expected, "{place}");
    assert_eq!(e.as_ref().map(Error::kind), closed.map(Kind::Closed), "{place}");
    if let Some(e) = e {
        let delivery = if octets == 0 { Delivery::Unknown } else { Delivery::Answered };
        assert_eq!(e.delivery(), delivery, "{place}");
        assert_eq!(cause(&e), leave.said(), "{place}");
    }
    assert_eq!(server.requests(), 1);
}

#[test]
fn s096_a_server_that_leaves_at_any_octet_is_told_apart_by_how_it_leaves() {
    for leave in Leave::ALL {
        watched(format!("{leave:?}"), move || {
            Flavor::TokioOneThread.block_on(async move {
                let client = client(trusting());
                for message in &MESSAGES {
                    for octets in 0..=message.text().len() {
                        check(&client, message, octets, leave).await;
                    }
                }
            });
        });
    }
}

#[test]
fn s096_and_so_it_is_on_every_runtime() {
    everywhere(|_| async {
        let client = client(trusting());
        for leave in Leave::ALL {
            for message in &MESSAGES {
                let (head, whole) = (message.head.len(), message.text().len());
                for octets in [0, 3, head, head + 2, whole - 2, whole] {
                    check(&client, message, octets, leave).await;
                }
            }
        }
    });
}

#[test]
fn s096_10_content_that_ends_with_the_connection_must_be_vouched_for() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            for (leave, is_whole) in [(Leave::Announced, true), (Leave::Cut, false)] {
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
                let mut options = options().says(format!("{head}all of it"), leave.then());
                options.versions = versions;
                let (content, e) = received(&client(trusting()), &options.start()).await;
                assert_eq!((content.as_str(), e.is_none()), ("all of it", is_whole), "{e:?}");
            }
        }
    });
}

#[test]
fn s096_10_close_notify_is_the_end_also_while_the_socket_stays_open() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let mut options = options().says("HTTP/1.1 200 OK\r\n\r\nall of it", || Then::Announce);
            options.versions = versions;
            let server = options.start();
            let (content, e) = received(&client(trusting()), &server).await;
            assert_eq!((content.as_str(), e.is_none()), ("all of it", true), "{e:?}");
            // The client has answered in kind.
            server.all_ended().await;
            assert_eq!(server.seen_one().end, Some(End::Announced));
        }
    });
}

#[test]
fn s096_07_content_that_is_whole_needs_no_farewell_and_the_connection_is_not_used_again() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            for leave in Leave::ALL {
                let mut options = options().says(HELLO, leave.then());
                options.versions = versions;
                let (server, client) = (options.start(), client(trusting()));
                for number in 1..=2 {
                    assert_eq!(received(&client, &server).await.0, "hello");
                    server.until("left", |seen| seen.iter().all(|seen| seen.left)).await;
                    async_io::Timer::after(std::time::Duration::from_millis(5)).await;
                    assert_eq!(server.seen().len(), number);
                }
            }
        }
    });
}

#[test]
fn of_a_record_that_is_cut_nothing_is_handed_out() {
    everywhere(|_| async {
        // Header, content type and tag are the rest of it.
        let whole = HELLO.len() + 5 + 1 + 16;
        for octets in (0..whole).step_by(8).chain([whole - 1, whole]) {
            let mut options = options().answer(move |session, _| {
                session.end_after(octets);
                session.write_all(HELLO)?;
                Ok(Then::Cut)
            });
            options.versions = ONLY_13;
            let (content, e) = received(&client(trusting()), &options.start()).await;
            let closed = Closed::BeforeResponse { interim: false, by: Ending::Reset };
            let (expected, failure) =
                if octets == whole { ("hello", None) } else { ("", Some(Kind::Closed(closed))) };
            assert_eq!((content.as_str(), e.as_ref().map(Error::kind)), (expected, failure), "{octets}");
        }
    });
}

#[test]
fn records_before_the_one_that_is_cut_are_handed_out() {
    everywhere(|_| async {
        let mut options = options().answer(|session, _| {
            session.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234")?;
            session.end_after(20);
            session.write_all(b"567890")?;
            Ok(Then::Cut)
        });
        options.versions = ONLY_13;
        let (content, e) = received(&client(trusting()), &options.start()).await;
        let closed = Closed::InContent { expected: Some(10), received: 4, by: Ending::Reset };
        assert_eq!((content.as_str(), e.unwrap().kind()), ("1234", Kind::Closed(closed)));
    });
}

#[test]
fn a_response_on_a_connection_that_was_used_before_is_cut_like_any_other() {
    everywhere(|_| async {
        for leave in Leave::ALL {
            let options = options().answer(move |session, request| {
                if request.line == "GET /first" {
                    session.write_all(HELLO)?;
                    return Ok(Then::GoOn);
                }
                session.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234")?;
                Ok(leave.then()())
            });
            let (server, client) = (options.start(), client(trusting()));
            client.get(server.url("/first")).send().await.unwrap().bytes().await.unwrap();
            let mut response = client.get(server.url("/second")).send().await.unwrap();
            assert!(response.connection().is_reused());
            assert_eq!(response.chunk().await.unwrap().unwrap(), "1234");
            let closed = Closed::InContent { expected: Some(10), received: 4, by: leave.by() };
            assert_eq!(response.chunk().await.unwrap_err().kind(), Kind::Closed(closed));
            assert_eq!(client.stats().connections, 0);
        }
    });
}

#[test]
fn an_alert_in_the_middle_is_told_after_what_came_before_it() {
    everywhere(|_| async {
        for versions in [ONLY_12, ONLY_13] {
            let mut options = options().answer(|session, request| {
                if request.line == "GET /content" {
                    session.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234")?;
                }
                session.refuse()?;
                Ok(Then::Cut)
            });
            options.versions = versions;
            let (server, client) = (options.start(), client(trusting()));
            // bad_record_mac
            let alert = Kind::Tls(TlsFailure::Alert(20));
            let mut response = client.get(server.url("/content")).send().await.unwrap();
            assert_eq!(response.chunk().await.unwrap().unwrap(), "1234");
            for _ in 0..2 {
                let e = response.chunk().await.unwrap_err();
                assert_eq!((e.kind(), e.delivery(), e.is_connect()), (alert, Delivery::Answered, false));
            }
            let e = client.get(server.url("/")).send().await.unwrap_err();
            assert_eq!((e.kind(), e.delivery(), e.is_connect()), (alert, Delivery::Unknown, false));
            assert_eq!((client.stats().connections, server.seen().len()), (0, 2));
        }
    });
}
