//! The chunked coding against a slow reader.

use http::Method;
use martlet_core::{Ending, Error, PeerError};

use crate::ask::asked;
use crate::feed::{Course, Seen, feed};
use crate::slow::{self, Slow, squeezed};

/// Reads chunked content and compares it with what the grammar says. The first octet chooses the ending.
pub fn chunked(data: &[u8]) {
    let [ending, body @ ..] = data else { return };
    let end = [None, Some(Ending::Fin), Some(Ending::Reset)][usize::from(*ending) % 3];
    let conn = asked(&Method::GET);
    let input = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body].concat();
    let outcome = feed(&conn, &input, &Course::of_one(end));
    assert!(matches!(outcome.seen.first(), Some(Seen::Response(_))));
    let limited = matches!(outcome.error(), Some(Error::Peer(e)) if e.is_limit());
    match slow::chunked(body) {
        _ if limited => {}
        Slow::Broken => {
            let Some(Error::Peer(e)) = outcome.error() else { panic!("taken, but not of the grammar") };
            assert_ne!(*e, PeerError::NotHttp);
        }
        Slow::Incomplete => {
            assert!(!outcome.seen.contains(&Seen::End), "complete, but the grammar wants more");
            match outcome.error() {
                None => assert_eq!(end, None),
                // What is wrong already need not wait for the end of the line.
                Some(Error::Peer(_)) => {}
                Some(Error::Closed(closed)) => assert_eq!(Some(closed.by()), end),
                Some(Error::Misuse(e)) => panic!("{e}"),
            }
        }
        Slow::Sound((content, trailers), len) => {
            assert_eq!(outcome.error(), None);
            assert_eq!(outcome.content(), content);
            assert_eq!(outcome.rest, &body[len..]);
            let ours =
                outcome.seen.iter().find_map(|s| if let Seen::Trailers(t) = s { Some(t) } else { None });
            let ours = ours.map(|t| t.iter().map(|(name, value)| (name.clone(), squeezed(value))).collect());
            assert_eq!(ours.unwrap_or_else(Vec::new), trailers);
            assert!(outcome.seen.contains(&Seen::End));
        }
    }
}
