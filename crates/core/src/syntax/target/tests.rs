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
