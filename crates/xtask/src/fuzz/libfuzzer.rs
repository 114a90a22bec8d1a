//! Running a target, and what libFuzzer says of it.

use std::{
    fmt, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::build::Target;
use crate::shell::{Failure, root};

/// No input takes longer, or it hangs.
pub(super) const LONGEST_INPUT: &str = "-timeout=10";

/// No target needs more, or something grows with its input.
pub(super) const MOST_MEMORY: &str = "-rss_limit_mb=2048";

/// How often a target that runs is told of.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// One run.
pub(crate) struct Fuzzing<'a> {
    pub(crate) program: &'a Path,
    pub(crate) target: &'a Target,
    /// The first one takes what is found.
    pub(crate) corpora: &'a [PathBuf],
    /// Where inputs that fail go, and what was printed.
    pub(crate) place: &'a Path,
    pub(crate) time: Duration,
    /// Whether the terminal hears of it meanwhile.
    pub(crate) tells: bool,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stats: Stats,
    pub(crate) failed: Option<Failed>,
}

/// An input that fails.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) input: PathBuf,
    /// What the body said.
    pub(crate) message: String,
}

/// libFuzzer's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stats {
    pub(crate) executions: u64,
    pub(crate) rate: u64,
    /// Edges of the program.
    pub(crate) cov: u64,
    /// Features: edges with how often they were taken, and compared values.
    pub(crate) ft: u64,
    /// Inputs that lead somewhere of their own.
    pub(crate) corpus: u64,
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { executions, rate, cov, ft, corpus } = self;
        write!(f, "{executions:>10} executions, {rate:>6}/s, cov {cov:>6}, ft {ft:>6}, corpus {corpus:>5}")
    }
}

impl Stats {
    /// Takes in a line such as `#4096 pulse cov: 1 ft: 2 corp: 3/45Kb exec/s: 6 rss: 7Mb`; whether it was one.
    pub(super) fn note(&mut self, line: &str) -> bool {
        let mut words = line.split_whitespace().peekable();
        let Some(executions) = words.next().and_then(|word| word.strip_prefix('#')?.parse().ok()) else {
            return false;
        };
        self.executions = executions;
        while let Some(word) = words.next() {
            let place = match word {
                "cov:" => &mut self.cov,
                "ft:" => &mut self.ft,
                "corp:" => &mut self.corpus,
                "exec/s:" => &mut self.rate,
                _ => continue,
            };
            let number = words.peek().map(|word| word.split('/').next().unwrap_or_default());
            *place = number.and_then(|number| number.parse().ok()).unwrap_or(*place);
        }
        true
    }
}

/// Runs a target until its time is over or an input fails.
pub(crate) fn fuzz(fuzzing: &Fuzzing<'_>) -> Result<Outcome, Failure> {
    let Fuzzing { program, target, corpora, place, time, tells } = *fuzzing;
    let failing = fresh(&place.join("failing").join(&target.name))?;
    let logs = folder(&place.join("logs"))?;
    let log = logs.join(format!("{}.txt", target.name));
    let mut log = fs::File::create(&log).map_err(Failure::of(log.display()))?;
    if let Some(found) = corpora.first() {
        folder(found)?;
    }
    let mut command = Command::new(program);
    command.args(corpora).args([LONGEST_INPUT, MOST_MEMORY]);
    command.arg(format!("-max_total_time={}", time.as_secs()));
    command.arg(format!("-artifact_prefix={}/", failing.display()));
    if let Some(dictionary) = &target.dictionary {
        command.arg(format!("-dict={}", root().join("fuzz/dictionaries").join(dictionary).display()));
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Failure::of(program.display()))?;
    let (mut stats, mut message, mut panicked) = (Stats::default(), String::new(), false);
    let (began, mut told) = (Instant::now(), Instant::now());
    let said = child.stderr.take().ok_or_else(|| Failure::new("a target says nothing"))?;
    for line in BufReader::new(said).split(b'\n') {
        let line = line.map_err(Failure::of("cannot read what a target says"))?;
        let line = String::from_utf8_lossy(&line);
        writeln!(log, "{line}").map_err(Failure::of("cannot write a log"))?;
        if message.is_empty() && (panicked || line.starts_with("==") && line.contains("ERROR: ")) {
            message = line.split("ERROR: ").last().unwrap_or_default().trim().to_owned();
        }
        panicked |= line.contains(" panicked at ");
        if stats.note(&line) && tells && told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            println!("{:<20} {stats}, after {} s", target.name, began.elapsed().as_secs());
        }
    }
    let status = child.wait().map_err(Failure::of(program.display()))?;
    stats.rate = stats.executions / began.elapsed().as_secs().max(1);
    let entries = fs::read_dir(&failing).map_err(Failure::of(failing.display()))?.flatten();
    // What was slow is written down, too, and is no failure.
    let input = entries.map(|entry| entry.path()).find(|path| !name(path).starts_with("slow-unit-"));
    match (input, status.success()) {
        (None, true) => Ok(Outcome { stats, failed: None }),
        (Some(input), _) => Ok(Outcome { stats, failed: Some(Failed { input, message }) }),
        (None, false) => {
            Err(Failure::new(format!("`{}` ends by {status} and leaves no input: {message}", target.name)))
        }
    }
}

pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn folder(path: &Path) -> Result<PathBuf, Failure> {
    fs::create_dir_all(path).map_err(Failure::of(path.display()))?;
    Ok(path.to_path_buf())
}

fn fresh(path: &Path) -> Result<PathBuf, Failure> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(Failure::of(path.display()))?;
    }
    folder(path)
}
