use proptest::prelude::*;

use super::*;

#[test]
fn a_host_is_a_name_or_literal_with_an_optional_port() {
    for good in ["", "h.test", "h.test:80", "h.test:", "[::1]", "[::1]:8080", "10.0.0.1:1", "a_b", "%41"] {
        assert!(is_host(good.as_bytes()), "{good:?}");
    }
    for bad in [
        ":80", "u@h", "h/", "h?q", "h#f", "h t", "h\r\n", "h:x", "h:65536", "h:80:80", "[::1", "[::1]x",
        "[]", "[::1]:x", "h\0", "h\u{e9}", "h,\"",
    ] {
        assert!(!is_host(bad.as_bytes()), "{bad:?}");
    }
}

#[test]
fn the_authority_form_needs_host_and_port() {
    assert!(is_host_and_port(b"h.test:443"));
    assert!(is_host_and_port(b"[::1]:443"));
    for bad in ["h.test", "h.test:", ":443", "u@h:443", "", "[::1]"] {
        assert!(!is_host_and_port(bad.as_bytes()), "{bad:?}");
    }
}

#[test]
fn each_form_goes_with_its_methods_only() {
    let absolute = |path| Target::Absolute { scheme: b"http", authority: b"h", path_and_query: path };
    let cases = [
        (Target::Origin(b"/a?b"), Method::GET, true),
        (Target::Origin(b"/"), Method::CONNECT, false),
        (Target::Origin(b"a"), Method::GET, false),
        (Target::Origin(b""), Method::GET, false),
        (absolute(b"/"), Method::GET, true),
        (absolute(b""), Method::GET, false),
        (absolute(b""), Method::OPTIONS, true),
        (Target::Authority(b"h:1"), Method::CONNECT, true),
        (Target::Authority(b"h:1"), Method::GET, false),
        (Target::Asterisk, Method::OPTIONS, true),
        (Target::Asterisk, Method::GET, false),
    ];
    for (target, method, sound) in cases {
        assert_eq!(target.check(&method).is_ok(), sound, "{method} {target:?}");
    }
}

#[test]
fn no_octet_that_could_end_the_request_line_passes() {
    for b in 0..=255_u8 {
        let sound = Target::Origin(&[b'/', b]).check(&Method::GET).is_ok();
        assert_eq!(sound, b.is_ascii_graphic() && b != b'#', "{b:#x}");
    }
}

proptest! {
    #[test]
    fn a_host_is_what_the_grammar_makes_and_no_longer_one_with_an_octet_that_it_has_not(
        host in "([a-zA-Z0-9._~!$&'()*+,;=%-]{1,9}|\\[[0-9a-f:.]{1,9}\\])",
        port in proptest::option::of(0..100_000_u32),
        at: prop::sample::Index,
        intruder in r#"[\x00-\x20"<>\\^`{|}@/?#\x7f]"#,
    ) {
        let text = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
        let is_port = port.is_some_and(|port| port <= 65_535);
        prop_assert_eq!(is_host(text.as_bytes()), port.is_none() || is_port);
        prop_assert_eq!(is_host_and_port(text.as_bytes()), is_port);
        let mut broken = text;
        broken.insert_str(at.index(broken.len() + 1), &intruder);
        prop_assert!(!is_host(broken.as_bytes()), "{:?}", broken);
        prop_assert!(!is_host_and_port(broken.as_bytes()), "{:?}", broken);
    }

    #[test]
    fn an_absolute_target_is_received_if_the_same_may_be_sent(
        scheme in "[a-z1+.-]{0,3}",
        authority in "[a-z:@1]{0,4}",
        path in "([/?#][a-z/?]{0,4})?",
    ) {
        let (sent, method) = (format!("{scheme}://{authority}{path}"), Method::OPTIONS);
        let target = Target::Absolute {
            scheme: scheme.as_bytes(),
            authority: authority.as_bytes(),
            path_and_query: path.as_bytes(),
        };
        let received = check_received(b"OPTIONS", sent.as_bytes());
        prop_assert_eq!(target.check(&method).is_ok(), received.is_ok(), "{}", sent);
    }
}
