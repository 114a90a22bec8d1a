//! The head readers against slow ones.

use std::mem::MaybeUninit;

use http::{Method, Version};
use martlet_core::h1::ServerConn;
use martlet_core::{Error, Limits, PeerError};

use crate::ask::asked;
use crate::feed::{Course, Outcome, Seen, feed};
use crate::slow::{self, Lines, Slow, squeezed};

/// Reads a head and compares it with what the grammar says. The first octet chooses response or request.
pub fn head(data: &[u8]) {
    match data {
        [which, input @ ..] if which & 1 == 0 => response(input),
        [_, input @ ..] => request(input),
        [] => {}
    }
}

fn response(input: &[u8]) {
    // To HEAD, so that the framing of the content says nothing about the head.
    let conn = asked(&Method::HEAD);
    let outcome = feed(&conn, input, &Course::of_one(None));
    match slow::response(input) {
        Slow::Incomplete => unfinished(&outcome, input),
        Slow::Broken => assert!(outcome.error().is_some(), "taken, but not of the grammar"),
        Slow::Sound((_, 101, ..), _) => {
            assert_eq!(outcome.error(), Some(&PeerError::UnexpectedUpgrade.into()));
        }
        Slow::Sound((minor, status, reason, lines), len) => {
            let ours = match outcome.seen.first() {
                Some(Seen::Response(head) | Seen::Interim(head)) => head,
                Some(Seen::Continue) if status == 100 => return,
                Some(Seen::Error(Error::Peer(PeerError::TooManyFields { .. }))) if lines.len() > 256 => {
                    return;
                }
                other => panic!("{other:?}, but it is of the grammar"),
            };
            assert_eq!(ours.version() == Version::HTTP_11, minor == 1);
            assert_eq!(ours.status().as_u16(), status);
            assert_eq!(ours.reason(), reason);
            assert_eq!(all(ours.fields().iter()), lines);
            if status >= 200 {
                assert_eq!(outcome.rest, &input[len..], "the head ends elsewhere");
            }
            assert_eq!(httparse_len(input), len, "httparse sees the end elsewhere");
        }
    }
}

fn request(input: &[u8]) {
    let outcome = feed(&ServerConn::new(Limits::default()), input, &Course::of_one(None));
    match slow::request(input) {
        Slow::Incomplete => unfinished(&outcome, input),
        Slow::Broken => assert!(outcome.error().is_some(), "taken, but not of the grammar"),
        Slow::Sound((method, target, minor, lines), _) => match outcome.seen.first() {
            Some(Seen::Request(head)) => {
                assert_eq!((head.method(), head.target()), (method.as_slice(), target.as_slice()));
                assert_eq!(head.version() == Version::HTTP_11, minor == 1);
                assert_eq!(all(head.fields().iter()), lines);
            }
            // What a server refuses although it is of the grammar.
            Some(Seen::Error(Error::Peer(
                PeerError::Target
                | PeerError::Host
                | PeerError::ContentLength
                | PeerError::ContentLengthConflict
                | PeerError::TransferEncoding
                | PeerError::TransferEncodingInHttp10
                | PeerError::AmbiguousFraming
                | PeerError::TooManyFields { .. },
            ))) => {}
            other => panic!("{other:?}, but it is of the grammar"),
        },
    }
}

/// The end is missing: more is wanted, unless the start is of no message.
fn unfinished<M>(outcome: &Outcome<M>, input: &[u8]) {
    match outcome.error() {
        None => assert_eq!((outcome.seen.as_slice(), outcome.rest.as_slice()), (&[][..], input)),
        Some(Error::Peer(PeerError::NotHttp | PeerError::Version | PeerError::HeadTooLarge { .. })) => {}
        Some(e) => panic!("{e} in a head that is not complete"),
    }
}

fn all<'a>(lines: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Lines {
    lines.map(|(name, value)| (name.to_vec(), squeezed(value))).collect()
}

fn httparse_len(input: &[u8]) -> usize {
    let mut config = httparse::ParserConfig::default();
    config.allow_obsolete_multiline_headers_in_responses(true);
    let mut response = httparse::Response::new(&mut []);
    let mut room = [const { MaybeUninit::uninit() }; 256];
    match config.parse_response_with_uninit_headers(&mut response, input, &mut room) {
        Ok(httparse::Status::Complete(len)) => len,
        other => panic!("httparse: {other:?}"),
    }
}
