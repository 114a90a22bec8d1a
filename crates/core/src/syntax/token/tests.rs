use super::*;

/// The octets of which this holds, as text.
fn class(holds: impl Fn(u8) -> bool) -> Vec<u8> {
    (0..=255).filter(|&octet| holds(octet)).collect()
}

fn one(octet: u8, holds: fn(&[u8]) -> bool) -> bool {
    holds(&[octet])
}

fn with_alphanumeric(others: &[u8]) -> Vec<u8> {
    class(|octet| octet.is_ascii_alphanumeric() || others.contains(&octet))
}

#[test]
fn a_token_is_made_of_the_octets_of_rfc_9110_section_5_6_2() {
    assert_eq!(class(is_tchar), with_alphanumeric(b"!#$%&'*+-.^_`|~"));
}

#[test]
fn text_is_all_but_control_octets_and_includes_the_tab() {
    let text = class(|octet| !octet.is_ascii_control() || octet == b'\t');
    assert_eq!(class(is_text), text);
    assert_eq!(class(|octet| one(octet, is_all_text)), text);
}

#[test]
fn a_target_is_made_of_visible_octets_without_a_fragment() {
    let target = class(|octet| octet.is_ascii_graphic() && octet != b'#');
    assert_eq!(class(|octet| one(octet, is_target_text)), target);
}

#[test]
fn a_registered_name_is_made_of_the_octets_of_rfc_3986_section_3_2_2() {
    assert_eq!(class(|octet| one(octet, is_reg_name_text)), with_alphanumeric(b"-._~!$&'()*+,;=%"));
}

#[test]
fn one_octet_outside_of_its_class_spoils_the_whole() {
    for (holds, sound, spoilt) in [
        (is_all_text as fn(&[u8]) -> bool, &b"a b"[..], &b"a\0b"[..]),
        (is_target_text, b"/a?b", b"/a b"),
        (is_reg_name_text, b"a.b", b"a/b"),
    ] {
        assert!(holds(sound) && holds(b"") && !holds(spoilt));
    }
}

#[test]
fn blanks_and_line_ends_are_trimmed_at_both_ends_and_kept_inside() {
    for (value, trimmed) in [("", ""), (" \t\r\n", ""), ("\r\n a\tb \r\n\t", "a\tb"), ("a", "a")] {
        assert_eq!(trim(value.as_bytes()), trimmed.as_bytes());
    }
}
