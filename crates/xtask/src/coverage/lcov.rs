//! Reports in the form of lcov: a file's name, then how often each of its lines was run.

use std::collections::BTreeMap;
use std::path::Path;

/// A source file, and how often each of its lines was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Below the folder that was asked for.
    pub(crate) path: String,
    pub(crate) lines: BTreeMap<u32, u64>,
}

impl File {
    /// Lines that were run.
    pub(crate) fn run(&self) -> usize {
        self.lines.values().filter(|&&times| times > 0).count()
    }

    /// First and last line of each stretch that was not run. Lines without code do not interrupt one.
    pub(crate) fn stretches_not_run(&self) -> Vec<(u32, u32)> {
        let mut stretches = Vec::new();
        let mut open: Option<(u32, u32)> = None;
        for (&line, &times) in &self.lines {
            if times > 0 {
                stretches.extend(open.take());
            } else {
                open = Some((open.map_or(line, |(first, _)| first), line));
            }
        }
        stretches.extend(open);
        stretches
    }
}

/// The files of a report below `folder`, without those of unit tests.
pub(crate) fn files(report: &str, folder: &Path) -> Vec<File> {
    let mut files: BTreeMap<String, BTreeMap<u32, u64>> = BTreeMap::new();
    let mut present = None;
    for line in report.lines() {
        if let Some(path) = line.strip_prefix("SF:") {
            let path = Path::new(path);
            present = path.strip_prefix(folder).ok().filter(|_| !path.ends_with("tests.rs"));
        } else if let (Some(path), Some((number, times))) = (present, counted(line)) {
            let lines = files.entry(path.to_string_lossy().into_owned()).or_default();
            *lines.entry(number).or_default() += times;
        }
    }
    files.into_iter().map(|(path, lines)| File { path, lines }).collect()
}

/// `DA:line,times`, and perhaps a checksum.
fn counted(line: &str) -> Option<(u32, u64)> {
    let mut numbers = line.strip_prefix("DA:")?.split(',');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
