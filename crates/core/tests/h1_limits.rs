//! What a peer may make us hold or count: one below each limit, at it, and one above, however the octets come.

mod common;

use http::{HeaderMap, Method};
use martlet_core::h1::{ClientConn, Item, ResponseHead, ServerConn, ServerItem};
use martlet_core::{Limits, PeerError};

use common::{Outcome, Seen, feed, get, request};

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn respond(limits: Limits, input: &[u8]) -> Outcome<ClientConn> {
    feed(&request(Method::GET).out_with(limits), input, None)
}

fn ask(limits: Limits, input: &[u8]) -> Outcome<ServerConn> {
    feed(&ServerConn::new(limits), input, None)
}

/// One below, at and above: complete, complete, this error.
fn judge<M>(outcomes: [Outcome<M>; 3], error: PeerError) {
    let [below, at, above] = outcomes;
    assert!(error.is_limit());
    assert_eq!(below.seen.last(), Some(&Seen::End));
    assert_eq!(at.seen.last(), Some(&Seen::End));
    assert_eq!(above.seen.last(), Some(&Seen::Error(error.into())));
}

#[test]
fn the_head_of_a_response_is_bounded() {
    for leading in ["", "\r\n\r\n"] {
        let head = |len: usize| {
            let start = format!("{leading}HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: ");
            format!("{start}{}\r\n\r\n", "x".repeat(len - start.len() - 4)).into_bytes()
        };
        for limit in [60, 200, 300] {
            let limited = limits(|l| l.max_head_size = limit);
            let outcomes = [limit - 1, limit, limit + 1].map(|len| respond(limited.clone(), &head(len)));
            judge(outcomes, PeerError::HeadTooLarge { limit });
        }
    }
}

#[test]
fn the_head_of_a_request_is_bounded() {
    let head = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(len - 27)).into_bytes();
    let limited = limits(|l| l.max_head_size = 100);
    let outcomes = [99, 100, 101].map(|len| ask(limited.clone(), &head(len)));
    judge(outcomes, PeerError::HeadTooLarge { limit: 100 });
}

#[test]
fn a_head_without_end_is_given_up_at_the_limit_and_not_before() {
    let limited = limits(|l| l.max_head_size = 100);
    let endless = [&b"HTTP/1.1 200 OK\r\nA: "[..], &[b'x'; 200]].concat();
    assert_eq!(respond(limited.clone(), &endless[..99]).seen, []);
    for input in [&endless[..100], &endless, &b"\r\n".repeat(60)] {
        let outcome = respond(limited.clone(), input);
        assert_eq!(outcome.error(), Some(&PeerError::HeadTooLarge { limit: 100 }.into()));
        assert_eq!(outcome.seen.len(), 1);
    }
}

#[test]
fn interim_heads_are_bounded_like_final_ones() {
    let limited = limits(|l| l.max_head_size = 60);
    let interim = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
    let outcome = respond(limited, interim);
    assert_eq!(outcome.seen, [Seen::Error(PeerError::HeadTooLarge { limit: 60 }.into())]);
}

#[test]
fn the_number_of_field_lines_is_bounded() {
    // Above 64 they do not fit the parser's first table.
    for limit in [1, 3, 63, 64, 65, 100] {
        let limited = limits(|l| l.max_fields = limit);
        let response = |n: usize| {
            let lines = "A: b\r\n".repeat(n - 1);
            format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{lines}\r\n").into_bytes()
        };
        let request =
            |n: usize| format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(n - 1)).into_bytes();
        let numbers = [limit.max(2) - 1, limit, limit + 1];
        judge(numbers.map(|n| respond(limited.clone(), &response(n))), PeerError::TooManyFields { limit });
        judge(numbers.map(|n| ask(limited.clone(), &request(n))), PeerError::TooManyFields { limit });
    }
}

#[test]
fn no_field_at_all_may_be_allowed() {
    let limited = limits(|l| l.max_fields = 0);
    let outcome = respond(limited.clone(), b"HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(outcome.seen, [Seen::Response(204), Seen::End]);
    let outcome = respond(limited, b"HTTP/1.1 204 No Content\r\nA: b\r\n\r\n");
    assert_eq!(outcome.seen, [Seen::Error(PeerError::TooManyFields { limit: 0 }.into())]);
}

#[test]
fn more_field_lines_than_a_header_map_holds_are_refused_whatever_the_limits_say() {
    let limited = limits(|l| {
        l.max_fields = usize::MAX;
        l.max_head_size = usize::MAX;
    });
    let head = |n: usize| {
        let lines: Vec<String> = (0..n).map(|i| format!("a{i}: b\r\n")).collect();
        format!("HTTP/1.1 204 No Content\r\n{}\r\n", lines.concat()).into_bytes()
    };
    let most = head(16 * 1024);
    let mut conn = request(Method::GET).out_with(limited.clone());
    let Item::Response(spans) = conn.recv(&most).unwrap().item else { panic!("a response was due") };
    let map: HeaderMap = ResponseHead::copy_from(&most, spans).fields().to_header_map();
    assert_eq!(map.len(), 16 * 1024);
    let mut conn = request(Method::GET).out_with(limited);
    assert!(conn.recv(&head(16 * 1024 + 1)).is_err());
}

#[test]
fn a_field_name_longer_than_http_can_hold_is_refused() {
    let with_name = |len: usize| {
        let mut conn = get();
        let input = format!("HTTP/1.1 204 No Content\r\n{}: b\r\n\r\n", "a".repeat(len)).into_bytes();
        conn.recv(&input).map(|received| match received.item {
            Item::Response(spans) => ResponseHead::copy_from(&input, spans).fields().to_header_map().len(),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(with_name(65_535), Ok(1));
    assert_eq!(with_name(65_536), Err(PeerError::FieldName.into()));
}

#[test]
fn the_number_of_interim_responses_is_bounded() {
    for limit in [0, 1, 5] {
        let limited = limits(|l| l.max_interim = limit);
        let input = |n: usize| {
            let interim = ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early Hints\r\n\r\n"];
            let interim: String = (0..n).map(|i| interim[i % 2]).collect();
            format!("{interim}HTTP/1.1 204 No Content\r\n\r\n").into_bytes()
        };
        let outcomes = [limit.max(1) - 1, limit, limit + 1].map(|n| respond(limited.clone(), &input(n)));
        judge(outcomes, PeerError::TooManyInterim { limit });
    }
}

#[test]
fn interim_responses_are_counted_anew_for_each_exchange() {
    let limited = limits(|l| l.max_interim = 2);
    let mut conn = request(Method::GET).out_with(limited);
    for _ in 0..3 {
        let input = [&b"HTTP/1.1 103 x\r\n\r\n".repeat(2)[..], b"HTTP/1.1 204 x\r\n\r\n"].concat();
        conn = feed(&conn, &input, None).conn;
        conn.start_next_exchange().unwrap();
        request(Method::GET).send(&mut conn).unwrap();
        common::Machine::taken(&mut conn);
    }
}

#[test]
fn octets_of_chunk_extensions_are_bounded_over_the_whole_message() {
    let limited = limits(|l| l.max_chunk_extensions = 20);
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let one_chunk = |n: usize| format!("{head}1;{}\r\na\r\n0\r\n\r\n", "x".repeat(n - 1)).into_bytes();
    let error = PeerError::ChunkExtensionsTooLarge { limit: 20 };
    judge([19, 20, 21].map(|n| respond(limited.clone(), &one_chunk(n))), error);
    let one_each = |n: usize| format!("{head}{}0\r\n\r\n", "1;\r\na\r\n".repeat(n)).into_bytes();
    judge([19, 20, 21].map(|n| respond(limited.clone(), &one_each(n))), error);
    let blanks =
        |n: usize| format!("{head}1{}\r\na\r\n0\r\n\r\n", " \t".repeat(11)[..n].to_owned()).into_bytes();
    judge([19, 20, 21].map(|n| respond(limited.clone(), &blanks(n))), error);
    let zeros = |n: usize| format!("{head}{}1\r\na\r\n0\r\n\r\n", "0".repeat(15 + n)).into_bytes();
    judge([19, 20, 21].map(|n| respond(limited.clone(), &zeros(n))), error);
}

#[test]
fn a_trailer_section_is_bounded() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let section = |len: usize| format!("{head}A: {}\r\n\r\n", "x".repeat(len - 7)).into_bytes();
    let limited = limits(|l| l.max_trailer_size = 50);
    judge(
        [49, 50, 51].map(|len| respond(limited.clone(), &section(len))),
        PeerError::TrailersTooLarge { limit: 50 },
    );
    let endless = [head.as_bytes(), b"A: ", &[b'x'; 100]].concat();
    let error = Seen::Error(PeerError::TrailersTooLarge { limit: 50 }.into());
    assert_eq!(respond(limited.clone(), &endless[..head.len() + 49]).seen, [Seen::Response(200)]);
    assert_eq!(respond(limited, &endless[..head.len() + 50]).seen, [Seen::Response(200), error]);
}

#[test]
fn a_limit_that_leaves_no_room_for_trailers_still_lets_chunked_content_end() {
    for limit in [0, 1, 2, 3] {
        let limited = limits(|l| l.max_trailer_size = limit);
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
        let outcome = respond(limited.clone(), format!("{head}\r\n").as_bytes());
        assert_eq!(outcome.seen, [Seen::Response(200), Seen::End]);
        let outcome = respond(limited, format!("{head}A: b\r\n\r\n").as_bytes());
        assert_eq!(outcome.error(), Some(&PeerError::TrailersTooLarge { limit }.into()));
    }
}

#[test]
fn the_number_of_trailers_is_bounded() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    for limit in [1, 15, 16, 17, 40] {
        for line in ["A: b\r\n", "A: b\r\n c\r\n"] {
            let limited = limits(|l| l.max_trailers = limit);
            let section = |n: usize| format!("{head}{}\r\n", line.repeat(n)).into_bytes();
            let outcomes = [limit - 1, limit, limit + 1].map(|n| respond(limited.clone(), &section(n)));
            judge(outcomes, PeerError::TooManyTrailers { limit });
        }
    }
    let none = limits(|l| l.max_trailers = 0);
    let outcome = respond(none, format!("{head}A: b\r\n\r\n").as_bytes());
    assert_eq!(outcome.error(), Some(&PeerError::TooManyTrailers { limit: 0 }.into()));
}

/// An octet that was looked at is not looked at again, so it does not matter what it has become. This breaks the
/// contract of `recv` on purpose: it makes a second look visible without measuring time.
#[test]
fn octets_of_an_incomplete_head_are_looked_at_once() {
    let mut shown = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nA: ".to_vec();
    shown.extend([b'x'; 100]);
    for at in 20..shown.len() - 4 {
        let mut conn = get();
        assert_eq!(conn.recv(&shown).unwrap().item, Item::NeedInput);
        let mut altered = shown.clone();
        altered[at..at + 4].copy_from_slice(b"\r\n\r\n");
        altered.push(b'x');
        assert_eq!(
            conn.recv(&altered).unwrap().item,
            Item::NeedInput,
            "octets from {at} were looked at again"
        );
    }
    let mut server = ServerConn::new(Limits::default());
    let mut shown = b"GET / HTTP/1.1\r\nHost: a\r\nA: xxxxxxxxxxxx".to_vec();
    assert_eq!(server.recv(&shown).unwrap().item, ServerItem::NeedInput);
    shown[30..34].copy_from_slice(b"\r\n\r\n");
    assert_eq!(server.recv(&shown).unwrap().item, ServerItem::NeedInput);
}

#[test]
fn empty_lines_in_front_of_a_head_are_looked_at_once() {
    let mut shown = b"\r\n".repeat(50);
    let mut client = get();
    let mut server = ServerConn::new(Limits::default());
    assert_eq!(client.recv(&shown).unwrap().item, Item::NeedInput);
    assert_eq!(server.recv(&shown).unwrap().item, ServerItem::NeedInput);
    shown[20] = b'\0';
    shown.extend(b"\r\n");
    assert_eq!(client.recv(&shown).map(|r| r.item), Ok(Item::NeedInput));
    assert_eq!(server.recv(&shown).map(|r| r.item), Ok(ServerItem::NeedInput));
}

#[test]
fn octets_of_an_incomplete_trailer_section_are_looked_at_once() {
    let mut conn = feed(&get(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", None).conn;
    let mut shown = b"A: xxxxxxxxxxxxxxxxxxxx".to_vec();
    assert_eq!(conn.recv(&shown).unwrap().item, Item::NeedInput);
    shown[8..12].copy_from_slice(b"\r\n\r\n");
    shown.push(b'x');
    assert_eq!(conn.recv(&shown).unwrap().item, Item::NeedInput);
}

#[test]
fn framing_of_chunks_is_never_left_unconsumed() {
    let mut conn = feed(&get(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None).conn;
    for piece in [&b"0000"[..], b"3", b" ;ext=1", b";more", b"\r"] {
        let received = conn.recv(piece).unwrap();
        assert_eq!((received.consumed, received.item), (piece.len(), Item::NeedInput));
    }
}

#[test]
fn garbage_is_not_called_a_large_head_however_much_of_it_comes_at_once() {
    let limited = limits(|l| l.max_head_size = 30);
    let garbage = b"<html><head><title>Not HTTP at all</title></head></html>";
    assert_eq!(respond(limited.clone(), garbage).seen, [Seen::Error(PeerError::NotHttp.into())]);
    let garbage = b"{\"not\": \"HTTP\", \"at\": \"all\", \"whatever\": \"it says\"}";
    assert_eq!(ask(limited.clone(), garbage).seen, [Seen::Error(PeerError::NotHttp.into())]);
    // Behind so many empty lines nothing is looked at any more.
    let error = Seen::Error(PeerError::HeadTooLarge { limit: 30 }.into());
    assert_eq!(respond(limited, &[&b"\r\n".repeat(15)[..], b"<html>"].concat()).seen, [error]);
}
