//! The HTTP/1.1 client against servers that send any octets.

mod script;
mod walk;

use http::Version;
use martlet::{Delivery, Kind, Phase};

use self::script::Played;
use self::walk::{Answer, walk};
use super::tube::{Run, SETTING, Setting, expect, run};
use super::wish::{End, Head, Outcome};
use crate::slow::squeezed;

/// Requests to a server that answers with the octets of the input, cut, timed and ended as the input says. The first
/// sixteen choose the requests and the network; in the others, 0xff and the octet behind it are what is done
/// between two pieces.
///
/// # Panics
///
/// If a request does not end, or as it may not; if a response is another one than a slow reader finds, something leaks, or
/// a connection is used again that must not be.
pub fn client_octets(data: &[u8]) {
    if play(data, false).is_err() {
        // The same again, with all that happened on the network.
        let (trace, what) = play(data, true).expect_err("the same octets do the same");
        panic!("{trace}\n{what}");
    }
}

/// How many responses were read to their end; or the trace, and what is wrong.
pub(super) fn play(data: &[u8], has_trace: bool) -> Result<usize, (String, String)> {
    let (how, what) = data.split_at(data.len().min(SETTING));
    let (setting, played) = (Setting::draw(how), script::decode(what));
    let scripts = played.iter().map(|played| played.script.clone()).collect();
    let run = run(&setting, scripts, Version::HTTP_11, has_trace).map_err(|what| (String::new(), what))?;
    let judged =
        run.judge(is_possible).and_then(|()| Case { run: &run, played: &played, setting: &setting }.judge());
    judged.map_err(|what| (run.trace.clone(), what))
}

/// The kinds of error that a server without TLS can cause.
fn is_possible(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Closed(_)
            | Kind::Protocol
            | Kind::Timeout(Phase::Pool | Phase::Send | Phase::ReceiveHead | Phase::ReceiveContent)
    )
}

struct Case<'a> {
    run: &'a Run,
    played: &'a [Played],
    setting: &'a Setting,
}

impl Case<'_> {
    fn judge(&self) -> Result<usize, String> {
        let mut connections: Vec<u64> = self.run.log.iter().map(|request| request.connection).collect();
        connections.sort_unstable();
        connections.dedup();
        // Which script met which connection: one on which nothing came cannot be told from the others.
        let is_known = self.played.len() == 1 || self.setting.is_orderly();
        if !is_known || connections.len() != self.run.accepted {
            return Ok(0);
        }
        let mut whole = 0;
        for (nth, connection) in connections.into_iter().enumerate() {
            whole += self.judge_connection(nth, connection)?;
        }
        Ok(whole)
    }

    fn judge_connection(&self, nth: usize, connection: u64) -> Result<usize, String> {
        let played = &self.played[nth.min(self.played.len() - 1)];
        let requests: Vec<_> =
            self.run.log.iter().filter(|request| request.connection == connection).collect();
        let methods: Vec<_> = requests.iter().map(|request| request.method.as_str()).collect();
        let answers = walk(&played.sent, &methods);
        let mut whole = 0;
        for (at, request) in requests.iter().enumerate() {
            let place = || format!("request {at} of c{connection}, {} {}", request.method, request.target);
            if at > 0 {
                let before = answers.get(at - 1);
                let may_be_reused = before.is_some_and(|answer| answer.may_be_reused);
                expect(may_be_reused && requests[at - 1].complete, || {
                    format!("{}: the connection was used again behind {before:?}", place())
                })?;
                let surplus =
                    self.setting.is_calm && before.is_some_and(|answer| played.is_amid_piece(answer.end));
                expect(!surplus, || format!("{}: there are octets behind {before:?}", place()))?;
            }
            let id: usize = request.target.trim_start_matches('/').parse().unwrap_or(usize::MAX);
            let Some(outcome) = self.run.outcomes.get(id) else { continue };
            let is_last = self.run.came(id).last().is_some_and(|last| std::ptr::eq(last, *request));
            if !is_last {
                continue;
            }
            if let Some(head) = &outcome.head {
                let answer = answers.get(at).ok_or_else(|| format!("{}: answered by nothing", place()))?;
                judge_answer(head, outcome, answer).map_err(|what| format!("{}: {what}", place()))?;
            }
            whole += usize::from(matches!(outcome.end, End::Whole));
            if let End::Error(e) = &outcome.end {
                let read = self.run.connections.get(&connection).map_or(0, |connection| connection.read);
                let is_answered = e.delivery() == Delivery::Answered;
                // On its first connection nothing else can have been answered.
                if at == 0 && e.attempts() == 1 && requests.len() == 1 {
                    expect(is_answered == (read > 0), || {
                        format!("{}: {read} octets were read, and {}: {e}", place(), e.delivery())
                    })?;
                }
            }
        }
        Ok(whole)
    }
}

fn judge_answer(head: &Head, outcome: &Outcome, answer: &Answer) -> Result<(), String> {
    expect(head.status == answer.status, || format!("{} instead of {}", head.status, answer.status))?;
    let fields: Vec<_> = head.fields.iter().map(|(name, value)| (name.clone(), squeezed(value))).collect();
    expect(fields == answer.fields, || format!("{fields:?} instead of {:?}", answer.fields))?;
    let Some(content) = &answer.content else { return Ok(()) };
    let text = || {
        let [ours, theirs] = [&outcome.content, content].map(|octets| octets.escape_ascii().to_string());
        format!("content b\"{ours}\" instead of b\"{theirs}\"")
    };
    expect(content.starts_with(&outcome.content), text)?;
    let is_whole = matches!(outcome.end, End::Whole);
    let is_open_ended = answer.is_open_ended;
    expect(!is_whole || is_open_ended || answer.is_whole && *content == outcome.content, text)
}
