//! The HTTP/2 client against servers that send any frames.

mod frames;

use http::Version;
use martlet::{Delivery, ErrorCode, Kind, Phase};
use martlet_sim::h2::{Frame, FrameKind};

use self::frames::{Played, decode};
use super::tube::{Run, SETTING, Setting, expect, run};
use super::wish::End;

/// Requests to a server that answers with the frames that the input lists, good and bad, and with octets that are none,
/// cut, timed and ended as the input says. The first sixteen octets choose the requests and the network.
///
/// # Panics
///
/// If a request does not end, or as it may not; if there is more content than was sent, something leaks, or a connection
/// is used again that must not be.
pub fn h2_octets(data: &[u8]) {
    if play(data, false).is_err() {
        // The same again, with all that happened on the network.
        let (trace, what) = play(data, true).expect_err("the same octets do the same");
        panic!("{trace}\n{what}");
    }
}

/// How many responses were read to their end; or the trace, and what is wrong.
pub(in crate::client) fn play(data: &[u8], has_trace: bool) -> Result<usize, (String, String)> {
    let (how, what) = data.split_at(data.len().min(SETTING));
    let (setting, played) = (Setting::draw(how), decode(what));
    let scripts = played.iter().map(|played| played.script.clone()).collect();
    let run = run(&setting, scripts, Version::HTTP_2, has_trace).map_err(|what| (String::new(), what))?;
    let judged = run.judge(is_possible).and_then(|()| judge(&run, &played));
    judged.map_err(|what| (run.trace.clone(), what))
}

/// The kinds of error that a server without TLS can cause.
fn is_possible(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Closed(_)
            | Kind::Protocol
            | Kind::Reset(_)
            | Kind::Timeout(
                Phase::Pool | Phase::Connect | Phase::Send | Phase::ReceiveHead | Phase::ReceiveContent
            )
    )
}

fn judge(run: &Run, played: &[Played]) -> Result<usize, String> {
    let may = |is: fn(&Played) -> bool| played.iter().any(is);
    let content = played.iter().map(|played| played.content).sum::<usize>();
    let mut whole = 0;
    for (id, outcome) in run.outcomes.iter().enumerate() {
        let came = outcome.content.len();
        // Further connections are as the last one.
        expect(came <= content, || format!("{id}: {came} octets of content, and {content} were sent"))?;
        if outcome.head.is_some() {
            expect(may(|played| played.has_heads), || format!("{id}: answered by no head"))?;
        }
        match &outcome.end {
            End::Whole => {
                whole += 1;
                let has_end = may(|played| played.has_ends);
                expect(has_end, || format!("{id}: whole, and no stream was ended"))?;
            }
            End::Error(e) => {
                let is_refused = e.delivery() == Delivery::Refused;
                let may_refuse = may(|played| played.has_refusals);
                expect(!is_refused || may_refuse, || format!("{id}: refused by nobody: {e}"))?;
                let is_reset = matches!(e.kind(), Kind::Reset(code) if code != ErrorCode::NO_ERROR);
                expect(!is_reset || may(|played| played.has_codes), || format!("{id}: {e}, by nobody"))?;
            }
            End::Dropped => {}
        }
    }
    for (nth, frames) in run.frames.iter().enumerate() {
        judge_frames(frames).map_err(|what| format!("connection {nth}: {what}"))?;
    }
    Ok(whole)
}

/// What the client itself must keep to (RFC 9113 §5.1.1, §6.8).
fn judge_frames(frames: &[Frame]) -> Result<(), String> {
    let (mut highest, mut has_left) = (0, false);
    for frame in frames {
        match frame.kind {
            // An error that it reports, not the leave that it takes in good order.
            FrameKind::GoAway => has_left |= frame.code() != Some(0),
            FrameKind::Headers if frame.stream > highest => {
                let stream = frame.stream;
                expect(stream % 2 == 1, || format!("stream {stream} is not the client's"))?;
                expect(!has_left, || format!("stream {stream} was begun on a connection that is broken"))?;
                highest = stream;
            }
            _ => {}
        }
    }
    Ok(())
}
