//! The rows, each behind every octet that it speaks of.

use martlet::http::Method;
use martlet::{Delivery, Kind};

use crate::answers::{
    Answer, CHUNKED, CONTINUE, EARLY_HINTS, EMPTY, GARBAGE, NO_CONTENT, NOT_MODIFIED, NOTHING, SIZED,
    SIZED_HTTP10, SWITCHING, TO_HEAD, TO_THE_END, TO_THE_END_HTTP10, TRAILERS, WRONG_CHUNKS,
};
use crate::common::calm;
use crate::common::leave::{Leave, trusting};
use crate::run::{Case, check};

const ALL: [&Answer; 16] = [
    &SIZED,
    &EMPTY,
    &CHUNKED,
    &TRAILERS,
    &TO_THE_END,
    &TO_THE_END_HTTP10,
    &SIZED_HTTP10,
    &CONTINUE,
    &EARLY_HINTS,
    &TO_HEAD,
    &NO_CONTENT,
    &NOT_MODIFIED,
    &SWITCHING,
    &GARBAGE[0],
    &WRONG_CHUNKS[0],
    &WRONG_CHUNKS[1],
];

#[test]
fn s096_01_an_answer_that_never_begins_on_a_new_connection_is_not_asked_for_again() {
    for leave in Leave::ALL {
        for method in NOTHING.methods {
            Case { answer: &NOTHING, octets: 0, leave, reused: false, method }.check();
        }
    }
}

#[test]
fn s096_02_on_a_used_connection_it_is_asked_for_again_where_that_does_no_harm() {
    for leave in Leave::ALL {
        for method in NOTHING.methods {
            Case { answer: &NOTHING, octets: 0, leave, reused: true, method }.check();
        }
    }
}

#[test]
fn s096_03_any_prefix_of_a_head_is_a_truncated_head() {
    for answer in [&SIZED, &EMPTY, &CHUNKED, &TRAILERS, &TO_THE_END] {
        check(answer, 1..=answer.behind_head() - 1);
    }
}

#[test]
fn s096_04_an_interim_response_alone_is_an_answer_and_no_response() {
    for answer in [&CONTINUE, &EARLY_HINTS] {
        check(answer, 1..=answer.len());
    }
}

#[test]
fn s096_05_a_head_whose_content_does_not_come_is_delivered() {
    check(&SIZED, SIZED.behind_head()..=SIZED.behind_head());
}

#[test]
fn s096_06_content_that_came_is_delivered_before_the_error() {
    check(&SIZED, SIZED.behind_head() + 1..=SIZED.len() - 1);
}

#[test]
fn s096_07_content_that_is_whole_is_a_success_whatever_follows() {
    for answer in [&SIZED, &EMPTY] {
        check(answer, answer.len()..=answer.len());
    }
}

#[test]
fn s096_08_chunks_that_are_cut_anywhere_are_truncated_content() {
    for answer in [&CHUNKED, &TRAILERS] {
        check(answer, answer.behind_head()..=answer.len() - 1);
    }
}

#[test]
fn s096_09_chunks_that_are_whole_are_a_success_with_trailers() {
    for answer in [&CHUNKED, &TRAILERS] {
        check(answer, answer.len()..=answer.len());
    }
}

#[test]
fn s096_10_content_up_to_the_end_needs_an_end_in_order() {
    for answer in [&TO_THE_END, &TO_THE_END_HTTP10] {
        check(answer, answer.behind_head()..=answer.len());
    }
}

#[test]
fn s096_11_a_length_without_content_is_no_truncation() {
    for answer in [&TO_HEAD, &NO_CONTENT, &NOT_MODIFIED] {
        check(answer, 1..=answer.len());
    }
}

#[test]
fn s096_12_a_length_of_http10_is_kept_to() {
    check(&SIZED_HTTP10, 1..=SIZED_HTTP10.len());
}

/// No request asks for another protocol, and CONNECT is not sent: what switches all the same breaks the protocol.
#[test]
fn s096_13_a_switch_that_nobody_asked_for_is_a_breach_of_protocol() {
    check(&SWITCHING, 1..=SWITCHING.len());
}

/// Nothing is dialled for it, so no end of a tunnel can be met.
#[test]
fn s096_13_a_tunnel_is_not_asked_for() {
    let sim = calm();
    let server = Leave::Fin.listen(&sim, []);
    let client = trusting(&sim, |builder| builder);
    let asked = sim.block_on(client.request(Method::CONNECT, Leave::Fin.url()).send()).expect("no dead-lock");
    let e = asked.expect_err("it is not supported");
    assert_eq!((e.kind(), e.delivery(), server.accepted()), (Kind::Builder, Delivery::NotSent, 0));
}

#[test]
fn s096_14_garbage_instead_of_a_head_is_a_breach_of_protocol() {
    for answer in &GARBAGE {
        check(answer, 1..=answer.len());
    }
}

#[test]
fn s096_15_lines_of_chunks_that_end_otherwise_are_a_breach_of_protocol() {
    for answer in &WRONG_CHUNKS {
        check(answer, answer.behind_head()..=answer.len());
    }
}

#[test]
fn s096_every_row_is_the_same_where_octets_come_one_by_one() {
    for answer in ALL {
        for octets in 0..=answer.len() {
            for leave in Leave::PLAIN {
                let method = answer.methods[0];
                Case { answer, octets, leave, reused: true, method }.check_octet_by_octet();
            }
        }
    }
}
