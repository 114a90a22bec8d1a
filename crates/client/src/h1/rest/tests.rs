use super::*;

#[test]
fn the_keep_alive_field_is_read_with_a_margin() {
    for (value, expected) in [
        ("timeout=5", Some(5)),
        ("timeout=5, max=100", Some(5)),
        ("max=100,Timeout = 7", Some(7)),
        ("timeout=\"3\"", Some(3)),
        ("timeout=5, timeout=4", Some(4)),
        ("timeout=99999999999999999999999", Some(u64::MAX)),
        ("timeout=0", Some(0)),
        ("timeout=", None),
        ("timeout=-1", None),
        ("timeout=+1", None),
        ("timeout=1.5", None),
        ("timeout=\u{a0}5", None),
        ("\u{3000}timeout=5", None),
        ("timeout", None),
        ("300", None),
        ("", None),
    ] {
        assert_eq!(timeout(value.as_bytes()), expected, "{value}");
    }
    assert_eq!(timeout(b"timeout=\xff"), None);
}
