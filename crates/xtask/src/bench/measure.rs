//! What the benchmark's programs print, and what is made of it.

/// What one client took for its work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    /// In microseconds.
    pub(super) cpu: f64,
    /// In microseconds.
    pub(super) wall: f64,
    /// In KiB.
    pub(super) memory: u64,
}

impl Cost {
    /// Reads `1 octets cpu 2 us wall 3 us memory 4 KiB`.
    pub(super) fn read(line: &str, octets: usize) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [read, "octets", "cpu", cpu, "us", "wall", wall, "us", "memory", memory, "KiB"]
                if read.parse() == Ok(octets) =>
            {
                Some(Self { cpu: cpu.parse().ok()?, wall: wall.parse().ok()?, memory: memory.parse().ok()? })
            }
            _ => None,
        }
    }
}

/// The one in the middle; of an even number, the upper of the two.
pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{Cost, median};

    #[test]
    fn a_cost_is_read_from_what_a_client_prints() {
        let line = "8 octets cpu 1500 us wall 2000 us memory 4096 KiB\n";
        assert_eq!(Cost::read(line, 8), Some(Cost { cpu: 1500.0, wall: 2000.0, memory: 4096 }));
        assert_eq!(Cost::read(line, 9), None, "not all of it was read");
        assert_eq!(Cost::read("", 8), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
    }
}
