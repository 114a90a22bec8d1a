//! How octets are cut.

/// The cuts of every run: whole, in two at each boundary, octet by octet.
pub(super) fn splits(len: usize) -> Vec<(&'static str, Vec<usize>)> {
    let pieces = |n: usize| (1..len.max(1)).filter(|i| i % n == 0).collect::<Vec<_>>();
    let mut splits = vec![("whole", Vec::new()), ("octet by octet", pieces(1))];
    if len > 4096 {
        splits.push(("in sevens", pieces(7)));
        splits.push(("in pages", pieces(4096)));
    }
    let ends = (1..len).filter(|&i| len <= 4096 || i <= 512 || len - i <= 512);
    splits.extend(ends.map(|i| ("cut", vec![i])));
    splits
}
