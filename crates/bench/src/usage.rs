//! What a process has cost.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

/// The resources that this process has used since it was made.
#[derive(Debug)]
pub struct Usage {
    began: Instant,
    cpu: ProcessTime,
}

impl Usage {
    /// Begins to measure.
    pub fn begin() -> Self {
        Self { began: Instant::now(), cpu: ProcessTime::now() }
    }

    /// Prints CPU time, time and the most memory, for `cargo xtask bench` to read.
    ///
    /// # Errors
    ///
    /// The system does not tell of this process's memory.
    pub fn report(self, octets: usize) -> io::Result<()> {
        let (cpu, wall): (Duration, Duration) = (self.cpu.elapsed(), self.began.elapsed());
        let memory = peak_memory()?;
        println!(
            "{octets} octets cpu {} us wall {} us memory {memory} KiB",
            cpu.as_micros(),
            wall.as_micros()
        );
        Ok(())
    }
}

/// The most memory that this process has held, in KiB.
fn peak_memory() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    number.ok_or_else(|| io::Error::other("no VmHWM in /proc/self/status"))
}
