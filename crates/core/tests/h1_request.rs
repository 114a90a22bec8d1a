//! Writing requests: what goes on the wire, and what never does.

mod common;

use bytes::Bytes;
use http::{Method, Version};
use martlet_core::h1::{ClientConn, FieldBlock, RequestContent, RequestHead, ServerConn, Target, TargetForm};
use martlet_core::{Limits, Misuse, PeerError};

use common::{Machine, Request, Seen, complete, data, feed, fields, request};

#[test]
fn a_request_is_its_line_host_and_fields() {
    let head =
        request(Method::GET).target(Target::Origin(b"/a?b=c")).with("accept", "*/*").with("x", "\u{e9}");
    let expected = "GET /a?b=c HTTP/1.1\r\nhost: example.test\r\naccept: */*\r\nx: \u{e9}\r\n\r\n";
    assert_eq!(head.written().unwrap(), expected);
}

#[test]
fn a_host_among_the_fields_takes_the_place_of_the_heads_own() {
    let head = request(Method::GET).with("accept", "a").with("host", "other.test:8080");
    assert_eq!(head.written().unwrap(), "GET / HTTP/1.1\r\nhost: other.test:8080\r\naccept: a\r\n\r\n");
    assert_eq!(head.with("host", "third.test").written(), Err(Misuse::ConflictingFields));
}

#[test]
fn an_invalid_host_is_refused() {
    for host in [
        &b"a b"[..],
        b"a/b",
        b"a\r\nx: y",
        b"user@a",
        b"a:x",
        b"a:65536",
        b"[::1",
        b"[::1]x",
        b":80",
        b"\xff",
    ] {
        let head = Request { host, ..request(Method::GET) };
        assert_eq!(head.written(), Err(Misuse::InvalidHost), "{:?}", String::from_utf8_lossy(host));
    }
    for host in [&b""[..], b"a", b"a:", b"a:65535", b"[::1]", b"[::1]:80", b"a_b", b"%C3%A9"] {
        let head = Request { host, ..request(Method::GET) };
        assert!(head.written().is_ok(), "{:?}", String::from_utf8_lossy(host));
    }
}

#[test]
fn no_target_can_break_out_of_the_request_line() {
    for b in 0..=255_u8 {
        let path: &'static [u8] = Vec::leak(vec![b'/', b, b'x']);
        let written = request(Method::GET).target(Target::Origin(path)).written();
        if (b'!'..=b'~').contains(&b) && b != b'#' {
            assert!(written.unwrap().starts_with(&format!("GET /{}x HTTP/1.1\r\n", b as char)));
        } else {
            assert_eq!(written, Err(Misuse::InvalidTarget), "octet {b:#04x}");
        }
    }
}

#[test]
fn each_form_of_target_goes_with_its_methods_only() {
    let absolute = |path_and_query| Target::Absolute { scheme: b"http", authority: b"a:8", path_and_query };
    for (method, target, line) in [
        (Method::GET, absolute(b"/x"), Some("GET http://a:8/x HTTP/1.1\r\n")),
        (Method::OPTIONS, absolute(b""), Some("OPTIONS http://a:8 HTTP/1.1\r\n")),
        (Method::GET, absolute(b""), None),
        (Method::CONNECT, absolute(b"/"), None),
        (Method::CONNECT, Target::Authority(b"a:443"), Some("CONNECT a:443 HTTP/1.1\r\n")),
        (Method::CONNECT, Target::Authority(b"a"), None),
        (Method::CONNECT, Target::Authority(b"u@a:443"), None),
        (Method::CONNECT, Target::Origin(b"/"), None),
        (Method::GET, Target::Authority(b"a:443"), None),
        (Method::OPTIONS, Target::Asterisk, Some("OPTIONS * HTTP/1.1\r\n")),
        (Method::GET, Target::Asterisk, None),
        (Method::GET, Target::Origin(b"?x"), Some("GET /?x HTTP/1.1\r\n")),
        (Method::GET, absolute(b"?x"), Some("GET http://a:8/?x HTTP/1.1\r\n")),
        (Method::GET, Target::Origin(b""), None),
        (Method::GET, Target::Origin(b"x"), None),
    ] {
        match (request(method.clone()).target(target).written(), line) {
            (Ok(written), Some(line)) => assert!(written.starts_with(line), "{written:?}"),
            (written, None) => assert_eq!(written, Err(Misuse::InvalidTarget), "{method} {target:?}"),
            (written, line) => panic!("{written:?} where {line:?} was due"),
        }
    }
    let target = Target::Absolute { scheme: b"ht tp", authority: b"a", path_and_query: b"/" };
    assert_eq!(request(Method::GET).target(target).written(), Err(Misuse::InvalidTarget));
    let target = Target::Absolute { scheme: b"http", authority: b"", path_and_query: b"/" };
    assert_eq!(request(Method::GET).target(target).written(), Err(Misuse::InvalidTarget));
}

#[test]
fn a_uri_becomes_the_form_that_the_next_hop_expects() {
    for (uri, form, line, host) in [
        ("http://a.test:80/x?y", TargetForm::Origin, "GET /x?y", "a.test"),
        ("https://a.test:443", TargetForm::Origin, "GET /", "a.test"),
        ("http://a.test:443/", TargetForm::Origin, "GET /", "a.test:443"),
        ("http://u:p@a.test?q", TargetForm::Origin, "GET /?q", "a.test"),
        ("http://u@a.test/x", TargetForm::Absolute, "GET http://a.test/x", "a.test"),
        ("http://[::1]:8080/x", TargetForm::Origin, "GET /x", "[::1]:8080"),
    ] {
        let from = http::Request::get(uri).body(()).unwrap();
        let mut conn = ClientConn::new(Limits::default());
        conn.send_request(RequestHead::from_http(&from, form).unwrap(), RequestContent::None).unwrap();
        let expected = format!("{line} HTTP/1.1\r\nhost: {host}\r\n\r\n");
        assert_eq!(String::from_utf8(conn.taken()).unwrap(), expected, "{uri}");
    }
    let path_only = http::Request::get("/x").body(()).unwrap();
    assert!(matches!(RequestHead::from_http(&path_only, TargetForm::Absolute), Err(Misuse::InvalidTarget)));
}

#[test]
fn content_is_announced_once_and_only_where_there_is_some() {
    let written = |method: Method, content| request(method).content(content).written().unwrap();
    assert!(!written(Method::GET, RequestContent::None).contains("content-length"));
    assert!(!written(Method::DELETE, RequestContent::Sized(0)).contains("content-length"));
    assert!(written(Method::POST, RequestContent::None).contains("\r\ncontent-length: 0\r\n"));
    assert!(written(Method::PUT, RequestContent::Sized(0)).contains("\r\ncontent-length: 0\r\n"));
    assert!(written(Method::GET, RequestContent::Sized(7)).contains("\r\ncontent-length: 7\r\n"));
    assert!(
        written(Method::PUT, RequestContent::Sized(u64::MAX))
            .contains("content-length: 18446744073709551615\r\n")
    );
    assert!(
        written(Method::POST, RequestContent::Chunked).ends_with("\r\ntransfer-encoding: chunked\r\n\r\n")
    );
}

#[test]
fn framing_fields_of_the_application_must_go_with_the_content() {
    let with = |lines: &[(&'static str, &str)], content| {
        Request { fields: fields(lines), ..request(Method::POST).content(content) }.written()
    };
    let written = with(&[("content-length", "3")], RequestContent::Sized(3)).unwrap();
    assert_eq!(written.matches("content-length").count(), 1);
    let written = with(&[("transfer-encoding", "gzip, chunked")], RequestContent::Chunked).unwrap();
    assert_eq!(written.matches("transfer-encoding").count(), 1);
    for (lines, content) in [
        (&[("content-length", "4")][..], RequestContent::Sized(3)),
        (&[("content-length", "4")], RequestContent::None),
        (&[("content-length", "3"), ("content-length", "3")], RequestContent::Sized(3)),
        (&[("content-length", "+3")], RequestContent::Sized(3)),
        (&[("content-length", "3"), ("transfer-encoding", "chunked")], RequestContent::Sized(3)),
        (&[("transfer-encoding", "gzip")], RequestContent::Chunked),
        (&[("transfer-encoding", "chunked, chunked")], RequestContent::Chunked),
        (&[("transfer-encoding", "chunked")], RequestContent::None),
    ] {
        assert_eq!(with(lines, content), Err(Misuse::ConflictingFraming), "{lines:?} {content:?}");
    }
}

#[test]
fn http10_is_written_without_what_it_does_not_know() {
    let old = request(Method::POST).version(Version::HTTP_10);
    assert!(old.written().unwrap().starts_with("POST / HTTP/1.0\r\nhost: "));
    assert_eq!(old.clone().content(RequestContent::Chunked).written(), Err(Misuse::ContentLengthUnknown));
    let coded = old.with("transfer-encoding", "chunked").content(RequestContent::Chunked);
    assert_eq!(coded.written(), Err(Misuse::UnsupportedVersion));
    assert_eq!(request(Method::GET).version(Version::HTTP_2).written(), Err(Misuse::UnsupportedVersion));
}

#[test]
fn connect_and_trace_have_no_content() {
    for method in [Method::CONNECT, Method::TRACE] {
        for content in [RequestContent::Sized(1), RequestContent::Chunked] {
            assert_eq!(request(method.clone()).content(content).written(), Err(Misuse::ContentNotAllowed));
        }
        assert!(
            !request(method).content(RequestContent::Sized(0)).written().unwrap().contains("content-length")
        );
    }
}

#[test]
fn upgrade_and_te_are_named_as_connection_options() {
    let written = |r: Request| r.written().unwrap();
    let upgrade = request(Method::GET).with("upgrade", "websocket");
    assert!(written(upgrade.clone()).ends_with("\r\nconnection: upgrade\r\n\r\n"));
    assert!(written(upgrade.clone().with("te", "trailers")).ends_with("\r\nconnection: upgrade, TE\r\n\r\n"));
    let named = written(upgrade.with("connection", "Upgrade"));
    assert_eq!(named.matches("connection:").count(), 1);
}

#[test]
fn default_fields_follow_and_give_way_to_the_requests_own() {
    let block =
        FieldBlock::new(&fields(&[("user-agent", "m"), ("accept", "*/*"), ("accept", "a/b")])).unwrap();
    let with_block = Request { block, ..request(Method::GET) };
    assert!(
        with_block.written().unwrap().ends_with("\r\nuser-agent: m\r\naccept: */*\r\naccept: a/b\r\n\r\n")
    );
    let own = with_block.with("accept", "x/y").written().unwrap();
    assert!(own.ends_with("\r\naccept: x/y\r\nuser-agent: m\r\n\r\n"), "{own}");
}

#[test]
fn fields_of_one_message_or_connection_are_no_default_fields() {
    let refused =
        ["host", "connection", "content-length", "transfer-encoding", "te", "trailer", "expect", "upgrade"];
    for name in refused {
        assert_eq!(FieldBlock::new(&fields(&[(name, "1")])), Err(Misuse::NotADefaultField), "{name}");
    }
    assert_eq!(FieldBlock::new(&fields(&[])), Ok(FieldBlock::empty()));
}

#[test]
fn what_is_written_is_what_a_server_reads() {
    let head = request(Method::PATCH)
        .target(Target::Origin(b"/x?y"))
        .with("a", "1")
        .content(RequestContent::Chunked);
    let mut conn = head.begun();
    conn.send_data(Bytes::from_static(b"hello ")).unwrap();
    let mut octets = conn.taken();
    conn.send_data(Bytes::from_static(b"world")).unwrap();
    conn.send_trailers(&fields(&[("x-sum", "9")])).unwrap();
    octets.extend(conn.taken());
    let outcome = feed(&ServerConn::new(Limits::default()), &octets, None);
    let trailers = Seen::Trailers(vec![("x-sum".into(), "9".into())]);
    assert_eq!(
        outcome.seen,
        complete(vec![Seen::Request("PATCH /x?y".into()), data(b"hello world"), trailers])
    );
}

#[test]
fn te_is_not_named_again_where_the_application_has_named_it() {
    for options in ["TE", "x, te", "te, x"] {
        let head = request(Method::GET).with("te", "trailers").with("connection", options);
        let written = head.written().unwrap();
        assert_eq!(written.matches("connection:").count(), 1, "{written}");
    }
    let apart =
        request(Method::GET).with("te", "trailers").with("connection", "x, te").with("connection", "a, b");
    assert_eq!(apart.written().unwrap().matches("connection:").count(), 2);
}

#[test]
fn http10_offers_no_other_protocol() {
    let old = request(Method::GET).version(Version::HTTP_10).with("upgrade", "websocket");
    assert!(!old.written().unwrap().contains("connection"));
    let outcome = feed(&old.out(), b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", None);
    assert_eq!(outcome.seen, [Seen::Error(PeerError::UnexpectedUpgrade.into())]);
}

#[test]
fn a_uri_without_a_scheme_has_no_absolute_form_and_one_without_a_port_no_authority_form() {
    let authority = http::Request::connect("a.test:443").body(()).unwrap();
    assert!(matches!(RequestHead::from_http(&authority, TargetForm::Absolute), Err(Misuse::InvalidTarget)));
    let written = |uri: &str, method, form| {
        let from = http::Request::builder().method(method).uri(uri).body(()).unwrap();
        let mut conn = ClientConn::new(Limits::default());
        conn.send_request(RequestHead::from_http(&from, form)?, RequestContent::None)?;
        Ok(String::from_utf8(conn.taken()).unwrap())
    };
    assert_eq!(
        written("a.test:443", Method::CONNECT, TargetForm::Authority),
        Ok("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n".to_owned())
    );
    assert_eq!(written("a.test", Method::CONNECT, TargetForm::Authority), Err(Misuse::InvalidTarget));
    assert_eq!(
        written("http://a.test/x", Method::OPTIONS, TargetForm::Asterisk),
        Ok("OPTIONS * HTTP/1.1\r\nhost: a.test\r\n\r\n".to_owned())
    );
}

/// What a head announces, read off the octets that it is written as.
#[test]
fn what_a_head_announces_is_what_it_is_written_as() {
    let methods = [Method::GET, Method::POST, Method::DELETE, Method::CONNECT];
    let contents =
        [RequestContent::None, RequestContent::Sized(0), RequestContent::Sized(7), RequestContent::Chunked];
    let lines: [&[(&str, &str)]; 5] = [
        &[],
        &[("expect", "100-continue")],
        &[("host", "other.test"), ("content-length", "7")],
        &[("content-length", "0")],
        &[("transfer-encoding", "chunked"), ("expect", "x")],
    ];
    for (method, content) in methods.iter().flat_map(|method| contents.map(|content| (method, content))) {
        for lines in lines {
            let head = Request { fields: fields(lines), ..request(method.clone()) }.content(content);
            let checked = head.head().check(content);
            let written = head.written();
            assert_eq!(checked.err(), written.as_ref().err().copied(), "{head:?}");
            let (Ok(announcement), Ok(written)) = (checked, written) else { continue };
            let value = |name: &str| {
                written
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": ").map(str::to_owned))
            };
            assert_eq!(announcement.host, value("host").unwrap().as_bytes());
            if value("transfer-encoding").is_none() {
                assert_eq!(
                    announcement.length,
                    value("content-length").map(|n| n.parse().unwrap()),
                    "{head:?}"
                );
            } else {
                let length = if let RequestContent::Sized(length) = content { Some(length) } else { None };
                assert_eq!(announcement.length, length, "{head:?}");
            }
            assert_eq!(announcement.expects_continue, value("expect").as_deref() == Some("100-continue"));
            assert_eq!(head.head().check_content(content).map(|it| it.length), Ok(announcement.length));
        }
    }
}

#[test]
fn the_check_of_content_leaves_target_and_host_to_its_caller() {
    let head = Request { host: b"a b", ..request(Method::GET) }.target(Target::Origin(b"no path"));
    assert_eq!(head.head().check(RequestContent::None), Err(Misuse::InvalidTarget));
    assert!(head.head().check_content(RequestContent::None).is_ok());
    let head = Request { host: b"a b", ..request(Method::GET) };
    assert_eq!(head.head().check(RequestContent::None), Err(Misuse::InvalidHost));
    assert_eq!(head.head().check_content(RequestContent::None).map(|it| it.host), Ok(&b"a b"[..]));
}
