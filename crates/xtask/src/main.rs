//! The project's own commands, as `cargo xtask <command>`.
#![forbid(unsafe_code)]

mod bench;
mod certificates;
mod chaos;
mod coverage;
mod differential;
mod features;
mod fuzz;
mod instructions;
mod interop;
mod mutants;
mod process;
mod python;
mod scratch;
mod shell;
mod soak;

use std::{env, process::ExitCode};

const USAGE: &str = "\
cargo xtask <command>

  bench [https|http2]       measure requests and downloads beside those of hyper and reqwest, in the same run
  chaos [--seconds N] [nginx|haproxy]
                            restart and kill real gateways under clients for N seconds each (120 unless given), and
                            hold what the clients say against what the origin behind the gateway has seen
  coverage                  run the core's tests and the corpora, and show which lines of the core they do not run
  differential [--messages N] [--seed S]
                            have hyper, h11 and Node read N generated messages (100,000 unless given) and compare
                            what they see with what we see
  features                  check the feature sets: every set of runtimes, and every other feature on its own
  fuzz [--minutes N] [TARGET...]
                            run the fuzz targets in turn, N minutes in all (30 unless given); an input that fails
                            becomes a case of the corpus
  fuzz-smoke [--seconds N]  run every fuzz target for N seconds (4 unless given)
  instructions              count what operations of the pool cost, with few waiters and with many
  interop [http1|http2 [SERVER]|differential]
                            run the client against the real servers that are found on PATH, and `differential`
  mutants [soak|fuzz|NAME]  break the code on purpose, one mistake at a time, and see the soak or a fuzz target find it
  soak [--seeds N] [--from S]
                            run N seeds (20,000 unless given) of the simulated workload on all cores
  soak --seed S             run that seed, and print what happened
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["bench"] => bench::run(None),
        ["bench", only] => bench::run(Some(only)),
        ["chaos", ref options @ ..] => chaos::run(options),
        ["coverage"] => coverage::run(),
        ["differential", ref options @ ..] => differential::run(options),
        ["features"] => features::run(),
        ["instructions"] => instructions::run(),
        ["interop", ref only @ ..] => interop::run(only),
        ["mutants"] => mutants::run(None),
        ["mutants", only] => mutants::run(Some(only)),
        ["soak", ref options @ ..] => soak::run(options),
        ["fuzz", ref options @ ..] => fuzz::run(options),
        ["fuzz-smoke", ref options @ ..] => fuzz::smoke(options),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
