//! Runs worked protocol cases: `conformance FILE.jsonl…`. One line per case that is not as expected, then the sum.

use std::path::Path;
use std::process::ExitCode;

use martlet_tests::conformance::{Verdict, run_file};

fn main() -> ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    if files.is_empty() {
        eprintln!("usage: conformance FILE.jsonl…");
        return ExitCode::from(2);
    }
    let (mut passed, mut failed, mut minor) = (0, 0, 0);
    for file in &files {
        let reports = match run_file(Path::new(file)) {
            Ok(reports) => reports,
            Err(e) => {
                eprintln!("{e}");
                return ExitCode::from(2);
            }
        };
        for report in reports {
            match report.verdict {
                Verdict::Passed => passed += 1,
                Verdict::Minor(_) => {
                    minor += 1;
                    passed += 1;
                    println!("{report}");
                }
                Verdict::Failed(_) => {
                    failed += 1;
                    println!("{report}");
                }
            }
        }
    }
    if minor > 0 {
        println!("{minor} of those that passed are safe but not exactly as expected");
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
