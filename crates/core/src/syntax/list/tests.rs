use proptest::prelude::*;

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
    assert_eq!(split(r#"a\, b"#), [r#"a\"#, "b"], "a backslash means nothing outside of one");
    assert_eq!(split(r#"a="unclosed, b"#), [r#"a="unclosed, b"#]);
}

#[test]
fn a_quote_that_is_never_closed_hides_no_token() {
    let split = |value: &'static str| -> Vec<_> {
        tokens(value.as_bytes()).map(<[u8]>::escape_ascii).map(|e| e.to_string()).collect()
    };
    assert_eq!(split(r#"x", close, y"#), [r#"x\""#, "close", "y"]);
    assert_eq!(split(r#""a, b", "c, d"#), [r#"\"a, b\""#, r#"\"c"#, "d"]);
    assert_eq!(
        split(r#""a, b" "c, d"#),
        [r#"\"a, b\" \"c"#, "d"],
        "the comma of a string that is closed stays in it"
    );
    assert_eq!(split(r#""\", close"#), [r#"\"\\\""#, "close"]);
    assert_eq!(split(r#""x, close, \"y"#), [r#"\"x"#, "close", r#"\\\"y"#]);
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

/// An element without whitespace around it; a quoted string in it may hold anything, behind a backslash also a quote.
fn element() -> impl Strategy<Value = String> {
    let token = "[a-z0-9!=;/-]{1,6}";
    let quoted = r#"[a-z]{0,2}="([ ,a-z\t]|\\["\\,a-z]){0,8}"[a-z]{0,2}"#;
    prop_oneof![3 => token, 1 => quoted]
}

proptest! {
    #[test]
    fn a_list_is_split_into_the_elements_that_it_was_made_of(
        made in proptest::collection::vec((element(), "[ \t]{0,2}", "[ \t]{0,2}(,[ \t]{0,2}){0,2}"), 0..6),
        before in "[ ,\t]{0,3}",
    ) {
        let mut value = before;
        for (element, blank, empty_elements) in &made {
            value.extend([element.as_str(), blank, ",", empty_elements]);
        }
        let elements: Vec<_> = made.iter().map(|(element, ..)| element.as_str()).collect();
        prop_assert_eq!(split(&value), &elements[..]);
        // The comma behind the last element is not needed.
        let end = value.trim_end_matches([' ', '\t', ',']);
        prop_assert_eq!(split(end), elements);
    }
}
