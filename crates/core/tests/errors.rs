//! What errors say: one clause each, with the numbers that matter and the section that was broken.

mod common;

use std::error::Error as _;

use martlet_core::{Closed, Delivery, Ending, Error, Misuse, PeerError};

use common::assert_clauses;

fn strings<T: ToString>(of: &[T]) -> Vec<String> {
    of.iter().map(ToString::to_string).collect()
}

/// Those that a peer's limits have nothing to do with.
const BROKEN: [PeerError; 21] = [
    PeerError::NotHttp,
    PeerError::Version,
    PeerError::Status,
    PeerError::Reason,
    PeerError::Method,
    PeerError::Target,
    PeerError::FieldName,
    PeerError::FieldValue,
    PeerError::LineEnd,
    PeerError::Host,
    PeerError::ContentLength,
    PeerError::ContentLengthConflict,
    PeerError::TransferEncoding,
    PeerError::TransferEncodingInHttp10,
    PeerError::AmbiguousFraming,
    PeerError::ChunkSize,
    PeerError::ChunkSizeOverflow,
    PeerError::ChunkExtension,
    PeerError::ChunkEnd,
    PeerError::UnexpectedUpgrade,
    PeerError::UnexpectedData,
];

const LIMITS: [PeerError; 6] = [
    PeerError::HeadTooLarge { limit: 4711 },
    PeerError::TooManyFields { limit: 4711 },
    PeerError::TooManyInterim { limit: 4711 },
    PeerError::ChunkExtensionsTooLarge { limit: 4711 },
    PeerError::TrailersTooLarge { limit: 4711 },
    PeerError::TooManyTrailers { limit: 4711 },
];

#[test]
fn what_a_peer_broke_is_one_clause_and_a_section_of_an_rfc() {
    let all = [&BROKEN[..], &LIMITS].concat();
    assert_clauses(&strings(&all));
    for error in all {
        let (rfc, section) = error.section().split_once(" §").expect("RFC and section");
        assert!(["RFC 9110", "RFC 9112"].contains(&rfc), "{error}");
        assert!(section.split('.').all(|number| number.parse::<u32>().is_ok()), "{error}");
    }
}

#[test]
fn an_error_of_a_limit_is_known_as_one_and_names_it() {
    assert!(LIMITS.iter().all(|error| error.is_limit() && error.to_string().contains("4711")));
    assert!(!BROKEN.iter().any(PeerError::is_limit));
}

#[test]
fn framing_that_was_broken_cites_the_section_on_framing() {
    for (error, section) in [
        (PeerError::ContentLengthConflict, "RFC 9112 §6.3"),
        (PeerError::AmbiguousFraming, "RFC 9112 §6.1"),
        (PeerError::ChunkSize, "RFC 9112 §7.1"),
        (PeerError::ChunkExtension, "RFC 9112 §7.1.1"),
        (PeerError::NotHttp, "RFC 9112 §2.3"),
        (PeerError::Host, "RFC 9112 §3.2"),
        (PeerError::UnexpectedData, "RFC 9112 §9.2"),
    ] {
        assert_eq!(error.section(), section);
    }
}

#[test]
fn how_the_other_side_went_away_is_one_clause_with_what_had_come() {
    let by = Ending::Fin;
    let closed = [
        Closed::BeforeResponse { interim: false, by },
        Closed::BeforeResponse { interim: true, by },
        Closed::InHead { received: 17, by },
        Closed::InContent { expected: Some(4711), received: 18, by },
        Closed::InContent { expected: None, received: 19, by },
        Closed::InHead { received: 17, by: Ending::Reset },
    ];
    let texts = strings(&closed);
    assert_clauses(&texts);
    assert!(texts[2].contains("17") && texts[3].contains("18 of 4711") && texts[4].contains("19"));
    assert!(texts[2].contains("closed") && texts[5].contains("reset"));
    assert_eq!([closed[2].by(), closed[5].by()], [Ending::Fin, Ending::Reset]);
}

#[test]
fn what_the_caller_did_wrong_is_one_clause() {
    let misuses = [
        Misuse::OutOfTurn,
        Misuse::Finished,
        Misuse::Backpressure,
        Misuse::InvalidTarget,
        Misuse::InvalidHost,
        Misuse::InvalidReason,
        Misuse::ConflictingFields,
        Misuse::ConflictingFraming,
        Misuse::NotADefaultField,
        Misuse::UnsupportedVersion,
        Misuse::ContentLengthUnknown,
        Misuse::ContentNotAllowed,
        Misuse::ExpectWithoutContent,
        Misuse::ContentTooLong { declared: 4711 },
        Misuse::ContentTooShort { declared: 4711, sent: 17 },
        Misuse::TrailersNotAllowed,
        Misuse::PassthroughTooLong,
        Misuse::InvalidStatus,
    ];
    let texts = strings(&misuses);
    assert_clauses(&texts);
    assert!(texts[13].contains("4711") && texts[14].contains("4711") && texts[14].contains("17"));
}

#[test]
fn an_error_says_what_its_kind_says_and_nothing_lies_behind_it() {
    let closed = Closed::InHead { received: 1, by: Ending::Fin };
    let kinds: [(Error, String); 3] = [
        (closed.into(), closed.to_string()),
        (PeerError::Host.into(), PeerError::Host.to_string()),
        (Misuse::OutOfTurn.into(), Misuse::OutOfTurn.to_string()),
    ];
    for (error, text) in kinds {
        assert_eq!(error.to_string(), text);
        assert!(error.source().is_none());
    }
}

#[test]
fn delivery_grows_with_what_the_peer_can_know_and_each_has_its_words() {
    let growing = [Delivery::NotSent, Delivery::Refused, Delivery::Unknown, Delivery::Answered];
    assert!(growing.is_sorted_by(|a, b| a < b));
    let mut texts = strings(&growing);
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), growing.len());
    assert!(texts.iter().all(|text| !text.is_empty()));
}
