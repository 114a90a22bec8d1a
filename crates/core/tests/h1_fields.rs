//! Field lines as they are handed out: order, case, folds, and whose memory they are in.

mod common;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use martlet_core::h1::{
    ClientConn, Disposition, FieldSpans, Fields, HeadSpans, Item, ReceivedRequest, ResponseContent,
    ResponseHead, ServerConn, ServerItem,
};
use martlet_core::{Ending, Limits, Misuse, PeerError};

use common::{Machine, feed, get};

fn parse(input: &[u8]) -> HeadSpans {
    assert_eq!(feed(&get(), input, None).error(), None);
    match get().recv(input).map(|received| received.item) {
        Ok(Item::Response(spans)) => spans,
        other => panic!("{other:?}"),
    }
}

fn head(input: &[u8]) -> ResponseHead {
    ResponseHead::copy_from(input, parse(input))
}

fn trailers(section: &[u8]) -> (ClientConn, FieldSpans) {
    let input = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    assert_eq!(feed(&get(), &[&input[..], section].concat(), None).error(), None);
    let mut conn = feed(&get(), input, None).conn;
    match conn.recv(section).map(|received| received.item) {
        Ok(Item::Trailers(spans)) => (conn, spans),
        other => panic!("{other:?}"),
    }
}

#[test]
fn order_and_case_are_those_of_the_wire() {
    let head = head(b"HTTP/1.1 204 x\r\nZ-Last: 1\r\nsEt-CooKie: a\r\nA: 2\r\nset-cookie: b\r\n\r\n");
    let lines: Vec<_> = head.fields().iter().collect();
    let expected: [(&[u8], &[u8]); 4] =
        [(b"Z-Last", b"1"), (b"sEt-CooKie", b"a"), (b"A", b"2"), (b"set-cookie", b"b")];
    assert_eq!(lines, expected);
    assert_eq!(head.fields().get("SET-COOKIE"), Some(&b"a"[..]));
    assert_eq!(head.fields().get_all("set-cookie").collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(head.fields().get("absent"), None);
    assert_eq!((head.fields().len(), head.fields().is_empty()), (4, false));
}

#[test]
fn whitespace_around_a_value_is_not_part_of_it() {
    let head = head(b"HTTP/1.1 204 x\r\nA: \t b  c \t\r\nB:\r\nC: \r\nD:d\r\n\r\n");
    let values: Vec<_> = head.fields().iter().map(|(_, value)| value).collect();
    assert_eq!(values, [&b"b  c"[..], b"", b"", b"d"]);
}

#[test]
fn obs_text_is_handed_on_as_it_came() {
    let head = head(b"HTTP/1.1 204 \xe9t\xe9\r\nA: \xff\x80\r\n\r\n");
    assert_eq!(head.reason(), b"\xe9t\xe9");
    assert_eq!(head.fields().get("a"), Some(&b"\xff\x80"[..]));
    assert_eq!(head.fields().to_header_map()["a"], HeaderValue::from_bytes(b"\xff\x80").unwrap());
}

#[test]
fn the_reason_is_what_stands_behind_the_status() {
    for (line, reason) in [
        (&b"HTTP/1.1 204 No Content"[..], &b"No Content"[..]),
        (b"HTTP/1.1 204 ", b""),
        (b"HTTP/1.1 204", b""),
        (b"HTTP/1.1 204 \xe9", b"\xe9"),
        (b"\r\n\r\nHTTP/1.1 204 \xe9", b"\xe9"),
        (b"HTTP/1.1 204 a\tb", b"a\tb"),
    ] {
        for end in [&b"\r\n"[..], b"\n"] {
            let input = [line, end, b"A: b", end, end].concat();
            assert_eq!(head(&input).reason(), reason, "{:?}", String::from_utf8_lossy(&input));
        }
    }
}

#[test]
fn a_fold_becomes_spaces_in_every_copy_and_stays_in_the_input() {
    let input = b"HTTP/1.1 204 x\r\nA: b\r\n  c\r\n\td\r\nE: f\r\n\r\n";
    let spans = parse(input);
    assert_eq!(spans.fields().get(input, "a"), Some(&b"b\r\n  c\r\n\td"[..]));
    let shared = Bytes::from_static(input);
    for head in
        [ResponseHead::copy_from(input, spans.clone()), ResponseHead::from_shared(shared.clone(), spans)]
    {
        assert_eq!(head.fields().get("a"), Some(&b"b    c  \td"[..]));
        assert_eq!(head.fields().get("e"), Some(&b"f"[..]));
        assert_eq!(head.fields().to_header_map().len(), 2);
    }
    assert_eq!(shared, &input[..]);
}

#[test]
fn trailers_are_unfolded_like_fields_of_a_head() {
    let section = b"A: b\r\n c\r\nD: e\r\n\r\n";
    let (_, spans) = trailers(section);
    assert_eq!(spans.get(section, "d"), Some(&b"e"[..]));
    for fields in [
        Fields::copy_from(section, spans.clone()),
        Fields::from_shared(Bytes::from_static(section), spans.clone()),
    ] {
        assert_eq!(fields.get("a"), Some(&b"b   c"[..]));
        assert_eq!(fields.get("d"), Some(&b"e"[..]));
    }
}

#[test]
fn shared_octets_are_shared_with_the_head_and_with_its_header_map() {
    let input = Bytes::from(b"HTTP/1.1 204 x\r\nA: bcd\r\n\r\n".to_vec());
    let head = ResponseHead::from_shared(input.clone(), parse(&input));
    assert_eq!(head.fields().get("a").unwrap().as_ptr(), input[19..].as_ptr());
    let map = head.fields().to_header_map();
    assert_eq!(map["a"].as_bytes().as_ptr(), input[19..].as_ptr());
    let copy = ResponseHead::copy_from(&input, parse(&input));
    assert_ne!(copy.fields().get("a").unwrap().as_ptr(), input[19..].as_ptr());
    assert_eq!(copy, head);
}

#[test]
fn a_copy_holds_the_head_and_nothing_of_what_follows_it() {
    let head_only = b"HTTP/1.1 200 x\r\nContent-Length: 90000\r\n\r\n";
    let input = [&head_only[..], &[b'x'; 90_000]].concat();
    let Item::Response(spans) = get().recv(&input).unwrap().item else { panic!("a response was due") };
    assert_eq!(spans.head_len(), head_only.len());
    assert_eq!(ResponseHead::copy_from(&input, spans.clone()), ResponseHead::copy_from(head_only, spans));
}

#[test]
fn equal_names_are_grouped_in_a_header_map_in_wire_order() {
    let map = head(b"HTTP/1.1 204 x\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n").fields().to_header_map();
    let values: Vec<_> = map.get_all("a").iter().collect();
    assert_eq!(values, ["1", "3"]);
}

#[test]
fn spans_over_octets_that_they_were_not_made_for_give_nothing_and_do_not_panic() {
    let input = b"HTTP/1.1 204 reason\r\nA: bcd\r\nE: f\r\n g\r\n\r\n";
    for octets in [&b""[..], b"HTTP/1.1", &input[..24], &input[..33]] {
        let spans = parse(input);
        let _ = (spans.reason(octets), spans.fields().get(octets, "a"), spans.fields().iter(octets).count());
        let shared = Bytes::copy_from_slice(octets);
        for head in [ResponseHead::copy_from(octets, spans.clone()), ResponseHead::from_shared(shared, spans)]
        {
            let _ = (head.reason(), head.to_http(), head.fields().get("e"), format!("{head:?}"));
        }
    }
    let section = b"A: b\r\nC: d\r\n\r\n";
    let (_, spans) = trailers(section);
    for octets in [&b""[..], b"A: b"] {
        let fields = Fields::from_shared(Bytes::copy_from_slice(octets), spans.clone());
        let _ = (
            fields.to_header_map(),
            fields.get("c"),
            Fields::copy_from(octets, spans.clone()).to_header_map(),
        );
    }
}

#[test]
fn heads_are_shown_to_people_as_text() {
    let shown = format!("{:?}", head(b"HTTP/1.1 204 No\r\nA: b\r\n\r\n"));
    assert!(shown.contains("204") && shown.contains("\"No\"") && shown.contains("\"A\": \"b\""), "{shown}");
    assert_eq!(get().taken(), b"");
}

/// Length and last letter are those of a field that decides about the message.
#[test]
fn a_field_is_known_by_its_whole_name() {
    let input = b"HTTP/1.1 200 x\r\nX-Request-Path: 3\r\nX-Transfer-Coding: chunked\r\nX-Location: close\r\n\r\nabcdef";
    let outcome = feed(&get(), input, Some(Ending::Fin));
    assert_eq!(outcome.content(), b"abcdef", "the content ends with the connection");
    let input = b"HTTP/1.1 200 x\r\nContent-Length: 3\r\nX-Location: close\r\n\r\nabc";
    assert_eq!(feed(&get(), input, None).conn.disposition(), Disposition::Reusable);

    let ask = |lines: &str| {
        feed(&ServerConn::new(Limits::default()), format!("POST / HTTP/1.1\r\n{lines}\r\n").as_bytes(), None)
    };
    assert_eq!(ask("Cost: a\r\n").error(), Some(&PeerError::Host.into()));
    assert_eq!(ask("Host: a\r\nCost: a\r\n").error(), None);
    let object = ask("Host: a\r\nObject: 100-continue\r\nContent-Length: 3\r\n").conn;
    assert!(!object.expects_continue());
    let mut archive = ask("Host: a\r\nArchive: x\r\nConnection: upgrade\r\n").conn;
    let status = StatusCode::SWITCHING_PROTOCOLS;
    let switched = archive.send_response(status, None, &HeaderMap::new(), ResponseContent::None);
    assert_eq!(switched, Err(Misuse::InvalidStatus));
}

#[test]
fn what_was_unfolded_is_equal_to_what_never_was_folded() {
    let (folded, plain) = (b"A: b\r\n c\r\nD: e\r\n\r\n", b"A: b   c\r\nD: e\r\n\r\n");
    let plain = Fields::copy_from(plain, trailers(plain).1);
    assert_eq!(Fields::copy_from(folded, trailers(folded).1), plain);
    assert_eq!(Fields::from_shared(Bytes::from_static(folded), trailers(folded).1), plain);
}

#[test]
fn a_fold_among_trailers_is_found_where_there_is_no_other_blank() {
    let section = b"A:b\r\n\tc\r\nD:e\r\n\r\n";
    let fields = Fields::copy_from(section, trailers(section).1);
    assert_eq!(fields.get("a"), Some(&b"b  \tc"[..]));
}

#[test]
fn octets_are_shared_however_many_field_lines_there_are() {
    let lines: String = (0..70).map(|n| format!("a{n}: {n}\r\n")).collect();
    let input = Bytes::from(format!("HTTP/1.1 204 x\r\n{lines}\r\n"));
    let head = ResponseHead::from_shared(input.clone(), parse(&input));
    let value = head.fields().get("a69").expect("it is there");
    assert!(input.as_ptr_range().contains(&value.as_ptr()));
}

#[test]
fn fields_of_a_map_are_its_lines_in_its_order() {
    let mut map = HeaderMap::new();
    assert!(Fields::from_header_map(&map).is_empty());
    for (name, value) in [("B", "1"), ("a", ""), ("b", "\u{e9}")] {
        map.append(
            http::HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let fields = Fields::from_header_map(&map);
    assert_eq!((fields.len(), fields.is_empty()), (3, false));
    assert_eq!(fields.get_all("b").collect::<Vec<_>>(), [&b"1"[..], "\u{e9}".as_bytes()]);
    assert_eq!(fields.get("A"), Some(&b""[..]));
    assert_eq!(fields.to_header_map(), map);
    assert!(head(b"HTTP/1.1 204 x\r\n\r\n").fields().is_empty());
}

#[test]
fn the_version_is_the_one_on_the_wire() {
    for (text, version) in [("1.0", Version::HTTP_10), ("1.1", Version::HTTP_11)] {
        let response = format!("HTTP/{text} 204 x\r\n\r\n").into_bytes();
        assert_eq!(parse(&response).version(), version);
        let head = head(&response);
        assert_eq!((head.version(), head.to_http().version()), (version, version));

        let request = format!("GET / HTTP/{text}\r\nHost: a\r\nB: c\r\n\r\n").into_bytes();
        let received = ServerConn::new(Limits::default()).recv(&request).unwrap();
        let ServerItem::Request(spans) = received.item else { panic!("a request was due") };
        assert_eq!((spans.version(), spans.fields().len()), (version, 2));
        let request = ReceivedRequest::copy_from(&request, spans);
        assert_eq!((request.version(), request.to_http().unwrap().version()), (version, version));
        assert_eq!(request.fields().get("b"), Some(&b"c"[..]));
        let shown = format!("{request:?}");
        assert!(shown.contains("\"GET\"") && shown.contains("\"/\"") && shown.contains(text), "{shown}");
    }
}
