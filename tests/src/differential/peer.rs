//! The readers that are programs: a message a line in, an outcome a line out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread;

use super::message::Message;
use super::outcome::Outcome;

/// Has a program read all messages, and gives what it saw of each.
///
/// # Errors
///
/// The program cannot be run, fails, or answers otherwise.
pub fn ask(command: &mut Command, messages: &[Message]) -> Result<Vec<Outcome>, String> {
    let said = |e: std::io::Error| e.to_string();
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(said)?;
    let answers = converse(&mut child, messages);
    if answers.is_err() {
        // It may be what ended.
        let _ = child.kill();
    }
    let status = child.wait().map_err(said)?;
    let answers = answers?;
    if !status.success() {
        return Err(format!("it ended with {status}"));
    }
    if answers.len() != messages.len() {
        return Err(format!("{} answers to {} messages", answers.len(), messages.len()));
    }
    Ok(answers)
}

fn converse(child: &mut Child, messages: &[Message]) -> Result<Vec<Outcome>, String> {
    let mut input = child.stdin.take().ok_or("no standard input")?;
    let output = child.stdout.take().ok_or("no standard output")?;
    thread::scope(|scope| {
        // Both at once, since neither of us keeps everything.
        let asking = scope
            .spawn(move || messages.iter().try_for_each(|message| writeln!(input, "{}", message.to_line())));
        let lines = BufReader::new(output).lines();
        let answers = lines.map(|line| Outcome::from_line(&line.map_err(|e| e.to_string())?));
        let answers = answers.collect::<Result<Vec<_>, String>>();
        let asked = asking.join().map_err(|_| "the messages could not be written".to_owned())?;
        // Its own words say more than a pipe that broke.
        let answers = answers?;
        asked.map_err(|e| e.to_string())?;
        Ok(answers)
    })
}
