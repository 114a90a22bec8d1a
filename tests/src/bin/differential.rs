//! Compares our readers with others over generated messages: `differential [--messages N] [--seed S] [--peer NAME PROGRAM
//! [ARGUMENT…] ;]…`. `cargo xtask differential` builds and starts it, and knows the peers.

use std::process::{Command, ExitCode};
use std::thread;
use std::time::Instant;

use martlet_tests::differential::{Generator, Judge, Message, Outcome, Role, ask, read};

const USAGE: &str = "usage: differential [--messages N] [--seed S] [--peer NAME PROGRAM [ARGUMENT…] ;]…";

/// How many messages are read if nobody says.
const MESSAGES: u64 = 100_000;

/// From so many messages on, each known difference must have come up.
const ENOUGH: u64 = 100_000;

/// So many differences of their own kind are shown.
const SHOWN: usize = 40;

struct Peer {
    name: String,
    command: Command,
}

fn main() -> ExitCode {
    let Some((messages, seed, peers)) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(messages, seed, peers) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("differential: {e}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Option<(u64, u64, Vec<Peer>)> {
    let (mut messages, mut seed, mut peers) = (MESSAGES, 0, Vec::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--messages" => messages = arguments.next()?.parse().ok()?,
            "--seed" => seed = arguments.next()?.parse().ok()?,
            "--peer" => {
                let (name, mut command) = (arguments.next()?, Command::new(arguments.next()?));
                command.args(arguments.by_ref().take_while(|argument| argument != ";"));
                peers.push(Peer { name, command });
            }
            _ => return None,
        }
    }
    Some((messages, seed, peers))
}

fn run(count: u64, seed: u64, peers: Vec<Peer>) -> Result<bool, String> {
    let began = Instant::now();
    let mut generator = Generator::new(seed);
    let roles = [Role::Client, Role::Server].into_iter().cycle();
    let messages: Vec<Message> = roles.take(count as usize).map(|role| generator.message(role)).collect();
    let ours: Vec<Outcome> = messages.iter().map(read).collect();
    let names: Vec<String> = peers.iter().map(|peer| peer.name.clone()).collect();
    let answers = thread::scope(|scope| {
        let asked: Vec<_> = peers
            .into_iter()
            .map(|Peer { name, mut command }| {
                let messages = &messages;
                scope.spawn(move || ask(&mut command, messages).map_err(|e| format!("{name}: {e}")))
            })
            .collect();
        asked.into_iter().map(|asked| asked.join().expect("no panic")).collect::<Result<Vec<_>, _>>()
    })?;
    let mut judge = Judge::default();
    for (i, message) in messages.iter().enumerate() {
        judge.count();
        for (name, theirs) in names.iter().zip(&answers) {
            judge.compare(message, &ours[i], name, &theirs[i]);
        }
    }
    print!("seed {seed}: {judge}");
    let unknown = judge.unknown();
    for difference in unknown.iter().take(SHOWN) {
        println!("\n{difference}");
    }
    if !unknown.is_empty() {
        println!("\n{} differences are not known", unknown.len());
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let unmet = if count >= ENOUGH { judge.unmet(&names) } else { Vec::new() };
    for known in &unmet {
        println!("known and never met: {}", known.name);
    }
    println!("{:.1} s", began.elapsed().as_secs_f64());
    Ok(unknown.is_empty() && unmet.is_empty())
}
