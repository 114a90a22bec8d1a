//! Sources of content that do not keep to what was said, or fail.

use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use bytes::Bytes;
use futures_lite::stream;
use martlet::{Body, Delivery, Kind};
use martlet_sim::Script;

use crate::common::calm;
use crate::common::leave::{listen, trusting, url};
use crate::world::{OK, expect_next_on_another, send};

/// Makes a source fail.
#[derive(Clone, Default)]
pub(crate) struct Fails(Arc<Mutex<(bool, Option<Waker>)>>);

impl Fails {
    pub(crate) fn fail(&self) {
        let mut state = self.0.lock().expect("sound");
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Content of unknown length that has a piece, and then fails when it is told to.
pub(crate) fn failing(piece: &'static str) -> (Body, Fails) {
    let fails = Fails::default();
    let told = fails.clone();
    let mut piece = Some(piece);
    let pieces = stream::poll_fn(move |cx| {
        if let Some(piece) = piece.take() {
            return Poll::Ready(Some(Ok(Bytes::from(piece))));
        }
        let mut state = told.0.lock().expect("sound");
        if state.0 {
            return Poll::Ready(Some(Err(io::Error::other("the disk is on fire"))));
        }
        state.1 = Some(cx.waker().clone());
        Poll::Pending
    });
    (Body::stream(pieces), fails)
}

fn sized(length: u64, pieces: &[&'static str]) -> Body {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok::<_, io::Error>(Bytes::from(*piece))).collect();
    Body::sized_stream(length, stream::iter(pieces))
}

/// A server that waits for all of the request.
fn patient() -> [Script; 2] {
    [Script::new().read_to_end(), Script::new().expect_head().send(OK).read_to_end()]
}

#[test]
fn s096_29_content_of_another_length_than_declared_is_an_error_and_no_octet_too_many_is_sent() {
    let sources: [(&[&'static str], &str); 4] =
        [(&["four", "five5"], "four"), (&["0123456789"], ""), (&["four"], "four"), (&[], "")];
    for is_tls in [false, true] {
        for (pieces, most) in sources {
            let sim = calm();
            let server = listen(&sim, is_tls, patient());
            let client = trusting(&sim, |builder| builder);
            let posted = client.post(url(is_tls)).body(sized(8, pieces)).send();
            let e = sim.block_on(send(posted)).expect("no dead-lock").expect_err("it is not eight octets");
            assert_eq!((e.kind(), e.attempts()), (Kind::Body, 1), "{pieces:?}");
            expect_next_on_another(&sim, &client, is_tls);
            let log = server.log();
            let seen = log.iter().filter(|seen| seen.method == "POST");
            assert!(seen.clone().all(|seen| !seen.complete && seen.content.len() <= 8), "{pieces:?}");
            assert!(seen.clone().all(|seen| most.as_bytes().starts_with(&seen.content)), "{pieces:?}");
            if seen.clone().any(|seen| seen.head_complete) {
                assert_eq!(e.delivery(), Delivery::Unknown);
            }
        }
    }
}

#[test]
fn s096_30_a_source_that_fails_leaves_a_message_without_an_end() {
    for is_tls in [false, true] {
        let sim = calm();
        let server = listen(&sim, is_tls, patient());
        let client = trusting(&sim, |builder| builder);
        let (body, fails) = failing("some");
        fails.fail();
        let posted = client.post(url(is_tls)).body(body).send();
        let e = sim.block_on(send(posted)).expect("no dead-lock").expect_err("it fails");
        assert_eq!((e.kind(), e.delivery(), e.attempts()), (Kind::Body, Delivery::Unknown, 1));
        expect_next_on_another(&sim, &client, is_tls);
        let log = server.log();
        assert!(log[0].head_complete && !log[0].complete);
        assert_eq!(log[0].content, b"some");
        assert!(log[0].octets.ends_with(b"4\r\nsome\r\n"), "{:?}", log[0].octets);
    }
}
