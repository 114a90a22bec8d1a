use super::*;
use crate::url::rewrite::rewrite;

fn form(text: &str) -> Form {
    scan(text, Punycode::Unchecked).unwrap_or_else(|error| panic!("{text}: {error}")).form
}

#[test]
fn a_normal_text_is_left_as_it_is() {
    let normal = [
        "http://h.test/",
        "https://h.test:8443/a/b.html?q=1&r[]=%zz|{}^`",
        "http://h.test/a;b=c,d:e@f!$&'()*+,~-._[]|^",
        "http://127.0.0.1:81/",
        "http://[::1]/",
        "http://[2001:db8::1]:81/",
        "http://u:p@h.test/",
        "http://u%40x@h/",
        "http://:p@h/",
        "http://h_1.a~b!$&'()*+,;=/",
        "http://h./",
        "http://h//..a/.a/a./...//%2e%2e%2e/%2ea/%2f/?..",
        "http://h/#",
        "http://h/a?b#../é \"\\",
        "http://a--b/",
        "https://h:80/",
    ];
    for text in normal {
        assert_eq!(form(text), Form::Normal, "{text}");
    }
}

#[test]
fn the_common_case_is_found_in_one_pass() {
    let common = [
        "http://h.test/",
        "https://a-b.test:8443/a/b.html?q=1",
        "http://127.0.0.1:8080/%20/.a?..",
        "http://h:443/",
        "https://h:80/",
        "http://face/",
        "http://h:65535/",
    ];
    for text in common {
        assert_eq!(scan_normal(text).as_ref(), scan(text, Punycode::Unchecked).as_ref().ok(), "{text}");
    }
    let other = [
        "",
        "http://",
        "http:///",
        "http://h",
        "http://h?q",
        "http://h/#",
        "HTTP://h/",
        "http://H/",
        "http://h:80/",
        "https://h:443/",
        "http://h:/",
        "http://h:081/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:8x/",
        "http://u@h/",
        "http://u:1@h/",
        "http://[::1]/",
        "http://xn--a/",
        "http://a--b/",
        "http://127.1/",
        "http://h/.",
        "http://h/a/../b",
        "http://h/%2e/",
        "http://h/a b",
        "http://h/?'",
        "http://h/é",
        "http://h/\\",
        " http://h/",
        "http://h/ ",
        "http://h/\n",
        "http://h%41/",
        "http:/h/",
        "http://-/\0",
    ];
    for text in other {
        assert_eq!(scan_normal(text), None, "{text}");
    }
}

#[test]
fn case_defaults_and_empty_parts_are_rewritten_without_tables() {
    let rewritten = [
        ("HTTP://h/", "http://h/"),
        ("hTTps://H.Test/A", "https://h.test/A"),
        ("http://h:80/", "http://h/"),
        ("https://h:443/", "https://h/"),
        ("http://h:/", "http://h/"),
        ("http://h:0081/", "http://h:81/"),
        ("http://h:00080", "http://h/"),
        ("http://h", "http://h/"),
        ("http://h?q", "http://h/?q"),
        ("http://h#f", "http://h/"),
        ("http://h:80?q#f", "http://h/?q"),
        ("http://@h/", "http://h/"),
        ("http://:@h/", "http://h/"),
        ("http://u:@h/", "http://u@h/"),
        ("http://u;a=b:p:q=@h/", "http://u%3Ba%3Db:p%3Aq%3D@h/"),
        ("http://::@h/", "http://:%3A@h/"),
        ("http://[::FFFF]/", "http://[::ffff]/"),
        ("http://[0::0:1]:80", "http://[::1]/"),
        ("http://h/.", "http://h/"),
        ("http://h/..", "http://h/"),
        ("http://h/./a", "http://h/a"),
        ("http://h/a/../b/./c?../d", "http://h/b/c?../d"),
        ("http://h/a/..?q", "http://h/?q"),
        ("http://h/a/.#f", "http://h/a/"),
        ("http://h/%2e", "http://h/"),
        ("http://h/a/%2E%2e/b", "http://h/b"),
        ("http://h/a/.%2E", "http://h/"),
        ("http://h/a/%2e.?", "http://h/?"),
        ("http://h/it's?it's", "http://h/it's?it%27s"),
    ];
    for (given, normal) in rewritten {
        let scan = scan(given, Punycode::Unchecked).unwrap();
        assert_eq!(scan.form, Form::Rewrite, "{given}");
        assert_eq!(rewrite(given, &scan), normal, "{given}");
        assert_eq!(form(normal), Form::Normal, "{normal}");
    }
}

#[test]
fn what_needs_tables_is_recognised() {
    let unusual = [
        "http://h/a b",
        "http://h/\"",
        "http://h/<>",
        "http://h/`",
        "http://h/{}",
        "http://h/?a b",
        "http://h/?\"",
        "http://h/?<",
        "http://h/é",
        "http://h/?é",
        "http://é/",
        "http://h%41/",
        "http://127.1/",
        "http://1.2.3.4./",
        "http://0x7f000001/",
        "http://xn--bcher-kva.test/",
        "http://H.XN--a/",
        "http://u v@h/",
        "http://ü@h/",
        "http://u\"@h/",
    ];
    for text in unusual {
        assert_eq!(form(text), Form::Normalize, "{text}");
    }
}

#[test]
fn punycode_that_was_checked_is_normal() {
    assert_eq!(scan("http://xn--a/", Punycode::Trusted).unwrap().form, Form::Normal);
}

#[test]
fn each_part_is_where_it_is_said_to_be() {
    let text = "https://u:p@h.test:8443/a?b#c";
    let scan = scan(text, Punycode::Unchecked).unwrap();
    assert_eq!(scan.scheme, Scheme::Https);
    assert_eq!(scan.userinfo(text), "u:p");
    assert_eq!(&text[usize::from(scan.host_start)..usize::from(scan.host_end)], "h.test");
    assert_eq!(scan.port, Some(8443));
    assert_eq!(&text[usize::from(scan.path_start)..usize::from(scan.end)], "/a?b");
}

#[test]
fn an_error_behind_something_to_normalise_is_still_found() {
    for text in ["http://h/a b\n", "http://é/\\", "http://h/../\u{7f}", "http://127.1/?\0", "http://h/ #\r"]
    {
        let error = scan(text, Punycode::Unchecked).unwrap_err();
        assert!(matches!(error, UrlError::InvalidCharacter(_)), "{text:?}: {error}");
    }
    assert_eq!(scan("http://é:8x/", Punycode::Unchecked).unwrap_err(), UrlError::InvalidPort);
}
