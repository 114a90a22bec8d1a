use super::*;

#[test]
fn a_dot_segment_is_one_or_two_dots_in_any_spelling() {
    for segment in [".", "%2e", "%2E"] {
        assert_eq!(dots(segment.as_bytes()), Some(Dots::Here), "{segment}");
    }
    for segment in ["..", ".%2e", "%2E.", "%2e%2E"] {
        assert_eq!(dots(segment.as_bytes()), Some(Dots::Parent), "{segment}");
    }
    for segment in ["", "...", "a", ".a", "a.", "%2", "%2f", "%2e%2", "%2e%2e%2e", "%", "..%2e", "%252e"] {
        assert_eq!(dots(segment.as_bytes()), None, "{segment}");
    }
}

#[test]
fn a_segment_ends_where_the_path_or_its_next_segment_does() {
    for path in [".", "..", "./a", "../..", ".?q", "..#f", "%2e%2e/a"] {
        assert!(begins_with_dot_segment(path.as_bytes()), "{path}");
    }
    for path in ["", "/.", ".a/.", "...", "a?.", "?.", "#."] {
        assert!(!begins_with_dot_segment(path.as_bytes()), "{path}");
    }
}

#[test]
fn dot_segments_are_removed_and_never_what_stands_before_the_path() {
    let table = [
        ("/a/b/c/./../../g", "/a/g"),
        ("/", "/"),
        ("/.", "/"),
        ("/..", "/"),
        ("/../../a", "/a"),
        ("/a/..", "/"),
        ("/a/../..", "/"),
        ("/a/./", "/a/"),
        ("//..", "/"),
        ("//../..", "/"),
        ("/a//../b", "/a/b"),
        ("/a/..//b", "//b"),
        ("/C:/..", "/"),
        ("/C|/../a", "/a"),
        ("/.../..a/.b", "/.../..a/.b"),
        ("/x/%2e%2E/../y", "/y"),
    ];
    for (path, without) in table {
        let mut out = String::from("http://h/x");
        push_without_dot_segments(&mut out, path);
        assert_eq!(out.strip_prefix("http://h/x"), Some(without), "{path}");
    }
}
