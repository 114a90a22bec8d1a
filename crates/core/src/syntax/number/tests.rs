use proptest::prelude::*;

use super::*;

#[test]
fn decimal_takes_digits_only_and_never_wraps() {
    assert_eq!(decimal(b"0"), Some(0));
    assert_eq!(decimal(b"00042"), Some(42));
    assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
    for bad in ["", "+1", "-1", " 1", "1 ", "1.0", "0x1", "18446744073709551616", "\u{0661}"] {
        assert_eq!(decimal(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn numbers_are_written_as_they_are_read() {
    for value in [0, 1, 9, 10, 255, 256, 4096, u64::MAX - 1, u64::MAX] {
        let mut out = Vec::new();
        write_decimal(&mut out, value);
        assert_eq!(out, value.to_string().as_bytes());
        let mut hex = [0; 16];
        let at = write_hex_before(&mut hex, 16, value);
        assert_eq!(&hex[at..], format!("{value:x}").as_bytes());
    }
}

#[test]
fn every_hex_digit_has_its_value_and_nothing_else_has_one() {
    for b in 0..=255_u8 {
        let expected = (b as char).to_digit(16).map(|d| d as u8);
        assert_eq!(hex_digit(b), expected.filter(|_| b.is_ascii()));
    }
}

proptest! {
    #[test]
    fn digits_alone_are_a_number_and_it_is_the_one_that_they_say(text in "[0-9]{0,21}|[ +0-9a-f-]{0,4}") {
        let digits_alone = text.bytes().all(|b| b.is_ascii_digit());
        prop_assert_eq!(decimal(text.as_bytes()), text.parse().ok().filter(|_| digits_alone));
    }

    #[test]
    fn every_number_is_written_as_it_is_read(value: u64, shift in 0..64_u32) {
        let value = value >> shift;
        let mut out = b"length: ".to_vec();
        write_decimal(&mut out, value);
        prop_assert_eq!(out, format!("length: {value}").into_bytes());
        let mut hex = *b"................\r\n";
        let at = write_hex_before(&mut hex, 16, value);
        prop_assert_eq!(hex[at..].to_vec(), format!("{value:x}\r\n").into_bytes());
    }
}
