use super::*;

fn split(value: &str) -> Vec<&str> {
    elements(value.as_bytes()).map(|e| std::str::from_utf8(e).unwrap()).collect()
}

#[test]
fn elements_are_trimmed_and_empty_ones_ignored() {
    assert_eq!(split("a, b ,\tc"), ["a", "b", "c"]);
    assert_eq!(split(" ,, a,,"), ["a"]);
    assert_eq!(split(""), [""; 0]);
    assert_eq!(split("a\r\n b"), ["a\r\n b"]);
    assert_eq!(split("a,\r\n b"), ["a", "b"]);
}

#[test]
fn a_comma_inside_a_quoted_string_separates_nothing() {
    assert_eq!(split(r#"foo;a="x, chunked", b"#), [r#"foo;a="x, chunked""#, "b"]);
    assert_eq!(split(r#"a="\",", b"#), [r#"a="\",""#, "b"]);
    assert_eq!(split(r#"a="unclosed, b"#), [r#"a="unclosed, b"#]);
}

#[test]
fn a_quote_that_is_never_closed_hides_no_token() {
    let split = |value: &'static str| -> Vec<_> {
        tokens(value.as_bytes()).map(<[u8]>::escape_ascii).map(|e| e.to_string()).collect()
    };
    assert_eq!(split(r#"x", close, y"#), [r#"x\""#, "close", "y"]);
    assert_eq!(split(r#""a, b", "c, d"#), [r#"\"a, b\""#, r#"\"c"#, "d"]);
    assert_eq!(split(r#""\", close"#), [r#"\"\\\""#, "close"]);
}

#[test]
fn a_quoted_string_may_hold_quotes_and_commas_and_is_open_until_its_end() {
    for closed in ["", "a", r#""a""#, r#"a="b, c", d"#, r#""\"""#, r"a\"] {
        assert!(!has_open_quote(closed.as_bytes()), "{closed}");
    }
    for open in [r#"""#, r#"a="b, c"#, r#""a", "b"#, r#""\""#, r#"a\""#] {
        assert!(has_open_quote(open.as_bytes()), "{open}");
    }
}

#[test]
fn tokens_compare_without_case_and_as_a_whole() {
    assert!(contains(b"keep-alive, CLOSE", "close"));
    assert!(!contains(b"xclose, close;x", "close"));
}
