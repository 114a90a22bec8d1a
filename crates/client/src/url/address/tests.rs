use super::*;

fn parse(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_parts_of_a_url_are_those_of_its_text() {
    let url = parse("HTTPS://us%65r:p%40ss@H.Test:8443?a=b#f");
    assert_eq!(url.as_str(), "https://us%65r:p%40ss@h.test:8443/?a=b");
    assert_eq!(url.scheme(), Scheme::Https);
    assert!(url.is_https());
    assert_eq!(url.userinfo(), Some("us%65r:p%40ss"));
    assert_eq!(url.host(), "h.test");
    assert_eq!(url.host_for_dns(), Host::Name("h.test"));
    assert_eq!(url.port(), 8443);
    assert_eq!(url.explicit_port(), Some(8443));
    assert_eq!(url.authority(), "h.test:8443");
    assert_eq!(url.path_and_query(), "/?a=b");
    assert_eq!(url.without_credentials(), "https://h.test:8443/?a=b");
}

#[test]
fn a_port_that_is_absent_is_the_default_of_the_scheme() {
    assert_eq!((parse("http://h").port(), parse("http://h").explicit_port()), (80, None));
    assert_eq!((parse("https://h:").port(), parse("https://h:").explicit_port()), (443, None));
    assert_eq!(parse("https://h:80/").authority(), "h:80");
    assert_eq!(parse("http://h:443/").authority(), "h:443");
    assert_eq!(parse("http://h:65535/").port(), 65535);
    assert_eq!(parse("http://h:1/").port(), 1);
}

#[test]
fn an_ipv6_host_keeps_its_brackets_on_the_wire_and_loses_them_for_dialing() {
    let url = parse("http://[::1]:81/");
    assert_eq!((url.host(), url.authority()), ("[::1]", "[::1]:81"));
    assert_eq!(url.host_for_dns(), Host::Ip("::1".parse().unwrap()));
    assert_eq!(parse("http://[::1]:80/").authority(), "[::1]");
    assert_eq!(parse("http://127.0.0.1/").host_for_dns(), Host::Ip("127.0.0.1".parse().unwrap()));
}

#[test]
fn userinfo_is_decoded_octet_by_octet() {
    let decoded = |text| {
        let url = parse(text);
        let credentials = url.username_password()?;
        Some((credentials.username.into_owned(), credentials.password.into_owned()))
    };
    assert_eq!(decoded("http://h/"), None);
    assert_eq!(decoded("http://@h/"), None);
    assert_eq!(decoded("http://:@h/"), None);
    assert_eq!(decoded("http://u@h/"), Some((b"u".to_vec(), b"".to_vec())));
    assert_eq!(decoded("http://u:@h/"), Some((b"u".to_vec(), b"".to_vec())));
    assert_eq!(decoded("http://:p@h/"), Some((b"".to_vec(), b"p".to_vec())));
    assert_eq!(decoded("http://u:p:q;=@h/"), Some((b"u".to_vec(), b"p:q;=".to_vec())));
    assert_eq!(decoded("http://%75%3a:%fF%00@h/"), Some((b"u:".to_vec(), b"\xff\0".to_vec())));
    assert_eq!(decoded("http://%zz%:%4@h/"), Some((b"%zz%".to_vec(), b"%4".to_vec())));
}

#[test]
fn neither_display_nor_debug_shows_userinfo_or_query() {
    let url = parse("http://alice:secret@h.test:81/a?token=secret#f");
    assert_eq!(url.to_string(), "http://h.test:81/a");
    assert_eq!(format!("{url:?}"), "Url(http://h.test:81/a)");
    assert_eq!(parse("http://h/").to_string(), "http://h/");
    assert_eq!(format!("{:?}", url.username_password()), "Some(Credentials { .. })");
}

#[test]
fn the_http_crates_type_gets_all_but_the_userinfo() {
    let uri = parse("http://alice:secret@[::1]:81/a?b=c").to_uri().unwrap();
    assert_eq!(uri.to_string(), "http://[::1]:81/a?b=c");
    assert_eq!(uri.authority().map(|a| a.as_str()), Some("[::1]:81"));
}

#[test]
fn a_text_that_is_no_http_url_is_refused_with_its_reason() {
    use UrlError::*;
    let unsupported = |scheme: &str| UnsupportedScheme(scheme.to_owned());
    let table = [
        ("", Empty),
        (" ", Empty),
        ("/a", NoScheme),
        ("h.test", NoScheme),
        ("//h/", NoScheme),
        ("?q", NoScheme),
        ("1http://h/", NoScheme),
        ("ht_tp://h/", NoScheme),
        ("://h/", NoScheme),
        ("é://h/", NoScheme),
        ("user:secret@h.test", NoScheme),
        ("127.0.0.1:80", NoScheme),
        ("ftp://h.test/", unsupported("ftp")),
        ("FTP://u@h.test/", unsupported("ftp")),
        ("httpss://h/", unsupported("httpss")),
        ("file:///a", unsupported("file")),
        ("localhost:8080", unsupported("localhost")),
        ("http:", NoAuthority),
        ("http:h", NoAuthority),
        ("http:/h", NoAuthority),
        ("https:/h", NoAuthority),
        ("http://", EmptyHost),
        ("http:///h", EmptyHost),
        ("http:////h", EmptyHost),
        ("http://?q", EmptyHost),
        ("http://#", EmptyHost),
        ("http://:80/", EmptyHost),
        ("http://u@/", EmptyHost),
        ("http://u@:80/", EmptyHost),
        ("http://@/", EmptyHost),
        ("http://h .test/", InvalidHost),
        ("http:// h/", InvalidHost),
        ("http://h<>/", InvalidHost),
        ("http://h\"/", InvalidHost),
        ("http://h`/", InvalidHost),
        ("http://{h}/", InvalidHost),
        ("http://h^|/", InvalidHost),
        ("http://a[b]/", InvalidHost),
        ("http://h]/", InvalidHost),
        ("http://[::1/", InvalidHost),
        ("http://[]/", InvalidHost),
        ("http://[::1]x/", InvalidHost),
        ("http://[::1]:80:/", InvalidPort),
        ("http://[fe80::1%25eth0]/", InvalidHost),
        ("http://[v1.a]/", InvalidHost),
        ("http://256.0.0.1/", InvalidHost),
        ("http://1.2.3.4.5/", InvalidHost),
        ("http://h.0x/", InvalidHost),
        ("http://h:65536/", InvalidPort),
        ("http://h:99999999999999999999/", InvalidPort),
        ("http://h:8x/", InvalidPort),
        ("http://h:-1/", InvalidPort),
        ("http://h:+80/", InvalidPort),
        ("http://h: 80/", InvalidPort),
        ("http://h:80:80/", InvalidPort),
        ("http://h:0/", InvalidPort),
        ("http://h:000/", InvalidPort),
        ("http://h:٨٠/", InvalidPort),
        ("http://a@b@h/", InvalidUserinfo),
        ("http://a:b@c@h/", InvalidUserinfo),
        ("http://[::1]@h/", InvalidUserinfo),
        ("http://a:[b@h/", InvalidUserinfo),
    ];
    for (text, error) in table {
        assert_eq!(Url::parse(text), Err(error), "{text}");
    }
}

#[test]
fn what_the_whatwg_standard_would_repair_at_the_risk_of_another_host_is_refused() {
    let texts = [
        "http:\\\\h\\a",
        "http:/\\h/",
        "http:\\/h/",
        "http://h.test\\@evil.test/",
        "http://h\\a",
        "http://h/a\\b",
        "http://h/?a\\b",
        "http://u\\@h/",
        "http://h:80\\/",
        "\\\\h\\a",
    ];
    for text in texts {
        let error = Url::parse(text).unwrap_err();
        assert!(matches!(error, UrlError::InvalidCharacter('\\') | UrlError::NoScheme), "{text}: {error}");
    }
    for control in ['\0', '\t', '\n', '\r', '\u{b}', '\u{1f}', '\u{7f}'] {
        let texts = [
            format!("{control}http://h/"),
            format!("ht{control}tp://h/"),
            format!("http:{control}//h/"),
            format!("http:/{control}/h/"),
            format!("http://{control}h/"),
            format!("http://h{control}.test/"),
            format!("http://u{control}@h/"),
            format!("http://h:8{control}0/"),
            format!("http://h:{control}"),
            format!("http://h/{control}"),
            format!("http://h/a{control}b"),
            format!("http://h/?{control}"),
            format!("http://h/#{control}"),
            format!("http://h{control}"),
            format!("http://[::{control}1]/"),
        ];
        for text in texts {
            assert_eq!(Url::parse(&text), Err(UrlError::InvalidCharacter(control)), "{text:?}");
        }
    }
}

#[test]
fn an_error_never_shows_the_text_it_is_about() {
    let texts = ["secret:@h", "secret:pw@h/a", "http://secret@x@h/", "http://secret@h:x/", "http://secret@/"];
    for text in texts {
        let error = Url::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{text}: {error:?}");
    }
    let long = format!("{}://h/", "S".repeat(1000));
    assert_eq!(Url::parse(&long), Err(UrlError::UnsupportedScheme("s".repeat(32))));
}

#[test]
fn the_length_is_limited_to_what_the_http_crates_type_takes() {
    let longest = format!("http://h/{}", "a".repeat(65_534 - 9));
    assert_eq!(parse(&longest).as_str().len(), 65_534);
    assert_eq!(parse(&longest).to_uri().unwrap().path().len(), 65_534 - 8);
    assert_eq!(Url::parse(&format!("{longest}a")), Err(UrlError::TooLong));
    // It grows by the slash.
    assert_eq!(Url::parse(&format!("http://{}", "h".repeat(65_534 - 7))), Err(UrlError::TooLong));
}

#[test]
fn dot_segments_are_resolved_in_every_build() {
    let table = [
        ("http://h/a/../b/./c/%2e%2E/d?../e", "http://h/b/d?../e"),
        ("http://h/../..", "http://h/"),
        ("http://h/C:/..", "http://h/"),
        ("http://h/a/.", "http://h/a/"),
    ];
    for (given, normal) in table {
        assert_eq!(parse(given).as_str(), normal, "{given}");
    }
}

#[test]
fn a_clone_shares_the_text() {
    let url = parse("http://h/");
    assert!(Arc::ptr_eq(&url.text, &url.clone().text));
    assert!(size_of::<Url>() <= 32);
}

#[test]
fn sub_delims_and_underscores_in_a_host_are_no_reason_to_refuse_it() {
    for host in
        ["my_host", "a~b", "a!b", "(a)", "*.h", "a,b", "a;b", "a=b", "a&b", "a'b", "a+b", "a$b", "h.", "a..b"]
    {
        let url = parse(&format!("http://{host}/"));
        assert_eq!(url.host(), host);
        assert!(url.to_uri().is_ok(), "{host}");
    }
}

#[cfg(feature = "url")]
mod with_the_feature {
    use super::*;

    #[test]
    fn what_needs_tables_is_normalised() {
        let table = [
            (" http://h/ ", "http://h/"),
            ("http://h ", "http://h/"),
            ("http://h/a b", "http://h/a%20b"),
            ("http://h/é?é\"'", "http://h/%C3%A9?%C3%A9%22%27"),
            ("http://bücher.test/", "http://xn--bcher-kva.test/"),
            ("http://BÜCHER.test:80/", "http://xn--bcher-kva.test/"),
            ("http://xn--bcher-kva.test/", "http://xn--bcher-kva.test/"),
            ("http://XN--BCHER-KVA.test/", "http://xn--bcher-kva.test/"),
            ("http://h。test/", "http://h.test/"),
            ("http://%48/", "http://h/"),
            ("http://127.1/", "http://127.0.0.1/"),
            ("http://0x7f000001:80", "http://127.0.0.1/"),
            ("http://1.2.3.4./", "http://1.2.3.4/"),
            ("http://h/a/../b c/./%2e%2E/d?../é", "http://h/d?../%C3%A9"),
            ("http://h/C:/../é", "http://h/%C3%A9"),
            ("http://a b:ü@h/", "http://a%20b:%C3%BC@h/"),
            ("http://h/ #f", "http://h/%20"),
            ("http://h/a#é ", "http://h/a"),
        ];
        for (given, normal) in table {
            assert_eq!(parse(given).as_str(), normal, "{given}");
        }
    }

    #[test]
    fn what_normalising_finds_bad_is_refused() {
        let table = [
            ("http://xn--a/", UrlError::InvalidHost),
            ("http://a%2Fb/", UrlError::InvalidHost),
            ("http://a%00/", UrlError::InvalidHost),
            ("http://a%5cb/", UrlError::InvalidHost),
            ("http://a%40b/", UrlError::InvalidHost),
            ("http://a%22b/", UrlError::InvalidHost),
            ("http://a%7Bb/", UrlError::InvalidHost),
            ("http://a%zz/", UrlError::InvalidHost),
            ("http://a\u{2100}b/", UrlError::InvalidHost),
            ("http://\u{ad}/", UrlError::InvalidHost),
        ];
        for (text, error) in table {
            let got = Url::parse(text).unwrap_err();
            assert!(got == error || (text.contains('\u{ad}') && got == UrlError::EmptyHost), "{text}: {got}");
        }
    }

    #[test]
    fn a_text_that_grows_beyond_the_limit_is_refused() {
        assert_eq!(Url::parse(&format!("http://h/{}", " a".repeat(30_000))), Err(UrlError::TooLong));
    }
}

#[cfg(not(feature = "url"))]
mod without_the_feature {
    use super::*;

    #[test]
    fn what_needs_tables_is_refused_and_the_feature_named() {
        let texts = [
            " http://h/",
            "http://h/ ",
            "http://h/a b",
            "http://h/é",
            "http://é/",
            "http://h/?\"",
            "http://127.1/",
            "http://%48/",
            "http://a b@h/",
        ];
        for text in texts {
            assert_eq!(Url::parse(text), Err(UrlError::NeedsUrlFeature), "{text}");
        }
        assert!(UrlError::NeedsUrlFeature.to_string().contains("feature `url`"));
    }

    #[test]
    fn what_normalising_would_refuse_too_is_not_blamed_on_the_feature() {
        assert_eq!(Url::parse(" http://h:x/"), Err(UrlError::InvalidPort));
        assert_eq!(Url::parse(" ftp://h/"), Err(UrlError::UnsupportedScheme("ftp".to_owned())));
        assert_eq!(Url::parse("http://h x/a b"), Err(UrlError::InvalidHost));
        assert_eq!(Url::parse("http://127.256.1/"), Err(UrlError::InvalidHost));
    }

    #[test]
    fn punycode_is_taken_as_it_stands() {
        assert_eq!(parse("http://XN--bcher-kva.test/").as_str(), "http://xn--bcher-kva.test/");
        assert_eq!(parse("http://xn--a/").host(), "xn--a");
    }

    #[test]
    fn a_fragment_needs_no_feature_since_it_is_dropped() {
        assert_eq!(parse("http://h/a#é \"").as_str(), "http://h/a");
    }
}
