//! The judgement of a run: what the client said, held against what the servers saw.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::{Method, StatusCode, Version};
use martlet::{Closed, Delivery, Error, Kind, Phase};
use martlet_sim::LoggedRequest;

use super::invariant::{Broken, Invariant};
use super::job::{Answer, End, Outcome};
use super::plan::Crowd;
use super::run::Run;
use super::seen::Seen;
use super::site::{content_of, has_trailers, refuses_to_continue};
use super::wish::Wish;

/// The first attempt, refusals, and a loss. HTTP/1.1 has no refusals.
const MOST_ATTEMPTS: [u32; 2] = [2, 5];

/// Judges a run, and gives what was seen in it.
pub(super) fn judge(run: &Run) -> Result<Seen, Broken> {
    let mut seen = Seen::default();
    if let Some(broken) = run.mistakes.first() {
        return Err(Invariant::UploadsAreWhole.broken(broken));
    }
    let mut by_id: BTreeMap<u64, Vec<&LoggedRequest>> = BTreeMap::new();
    for request in &run.log {
        if let Ok(id) = request.target.trim_start_matches('/').parse() {
            by_id.entry(id).or_default().push(request);
        }
    }
    let Crowd { tasks, requests, elsewhere } = run.plan.crowd;
    let mut missing: BTreeSet<u64> = (1..=tasks * requests).collect();
    for outcome in &run.outcomes {
        let id = outcome.wish.id;
        Invariant::EveryRequestEnds.holds(missing.remove(&id), || format!("{id} has ended twice"))?;
        let came = by_id.get(&id).map_or(&[][..], Vec::as_slice);
        Case { run, outcome, came }.judge(&mut seen)?;
    }
    // The last tasks may have ended with their home, before a request or in its midst.
    let is_excused = |id: &u64| run.home_ended && (id - 1) / requests >= tasks - elsewhere;
    missing.extend(&run.unended);
    seen.note("ended with its home", run.unended.iter().any(is_excused));
    missing.retain(|id| !is_excused(id));
    Invariant::EveryRequestEnds.holds(missing.is_empty(), || format!("these never ended: {missing:?}"))?;
    Ok(seen)
}

/// One request, and what came of it to the servers: all of which the head came.
struct Case<'a> {
    run: &'a Run,
    outcome: &'a Outcome,
    came: &'a [&'a LoggedRequest],
}

impl Case<'_> {
    fn wish(&self) -> &Wish {
        &self.outcome.wish
    }

    fn judge(&self, seen: &mut Seen) -> Result<(), Broken> {
        self.judge_uploads()?;
        self.judge_processing(seen)?;
        self.judge_attempts(seen)?;
        self.judge_replays(seen)?;
        self.judge_watch(seen)?;
        let (content, wish) = (&self.outcome.content, self.wish());
        let expected = self.expected();
        let is_beginning = expected.starts_with(content);
        Invariant::ContentIsWhole.holds(is_beginning, || self.tell("not what the server sent for it"))?;
        match &self.outcome.end {
            End::Dropped(answer) => {
                seen.outcomes.add("dropped");
                seen.note("dropped behind a part of its response", answer.is_some());
                seen.note("dropped and reset", self.came.iter().any(|request| request.reset.is_some()));
                seen.note("dropped before it was sent", self.came.is_empty());
                seen.note("dropped when it was sent", answer.is_none() && !self.came.is_empty());
                answer.as_ref().map_or(Ok(()), |answer| self.judge_answer(answer))
            }
            End::Whole(answer) => {
                seen.outcomes.add(format!("whole {}", answer.status.as_u16()));
                let (is_h2, again) = (wish.is_h2, self.outcome.attempts > 1);
                seen.note("whole by HTTP/1.1", !is_h2);
                seen.note("whole by HTTP/2", is_h2);
                seen.note("whole over TLS", self.run.plan.is_secure);
                seen.note("whole in the end by HTTP/1.1", again && !is_h2);
                seen.note("whole in the end by HTTP/2", again && is_h2);
                seen.note("whole and long by HTTP/2", is_h2 && content.len() > 65_535);
                seen.note("whole on a reused connection", answer.connection.is_reused());
                self.judge_answer(answer)?;
                self.judge_whole(answer, seen)
            }
            End::Error(e) => {
                seen.outcomes.add(format!("{}, {}", name_of(e.kind()), e.delivery()));
                self.judge_error(e)?;
                self.note_error(e, seen);
                Ok(())
            }
        }
    }

    /// The content that a response of 200 has.
    fn expected(&self) -> Bytes {
        let wish = self.wish();
        if wish.method == Method::HEAD { Bytes::new() } else { content_of(&self.run.plan, wish.id) }
    }

    fn judge_uploads(&self) -> Result<(), Broken> {
        let upload = self.wish().upload(&self.run.plan);
        for request in self.came {
            let is_beginning = upload.starts_with(&request.content);
            let is_whole = !request.complete || request.content.len() == upload.len();
            Invariant::UploadsAreWhole.holds(is_beginning && is_whole, || {
                self.tell(&format!("{} octets of {} came", request.content.len(), upload.len()))
            })?;
        }
        Ok(())
    }

    fn judge_processing(&self, seen: &mut Seen) -> Result<(), Broken> {
        let processed = self.processed();
        let most = if self.wish().is_harmless() { 2 } else { 1 };
        seen.note("processed twice", processed == 2);
        Invariant::NothingIsDoneTwice
            .holds(processed <= most, || self.tell(&format!("processed {processed} times")))
    }

    fn processed(&self) -> usize {
        self.came.iter().filter(|request| request.processed).count()
    }

    /// What came in the exchange that the outcome speaks of: a request whose expectation is refused is sent again without
    /// it, in an exchange of its own.
    fn exchanges(&self) -> [Vec<&LoggedRequest>; 2] {
        let is_refused = refuses_to_continue(self.wish().id);
        let (first, last): (Vec<_>, Vec<_>) =
            self.came.iter().partition(|request| is_refused && request.headers.contains_key("expect"));
        [first, last]
    }

    fn judge_attempts(&self, seen: &mut Seen) -> Result<(), Broken> {
        let (wish, attempts) = (self.wish(), self.outcome.attempts);
        let most = if wish.replays { MOST_ATTEMPTS[usize::from(wish.is_h2)] } else { 1 };
        // Without its expectation it comes once more.
        let most = most + u32::from(wish.expects && refuses_to_continue(wish.id));
        let off = if wish.replays { Invariant::AttemptsAreBounded } else { Invariant::NoReplayWhereOff };
        off.holds(attempts <= most, || self.tell("more attempts than may be"))?;
        let most = if attempts == 0 { most } else { attempts };
        let sent = self.came.len();
        off.holds(sent <= most as usize, || self.tell(&format!("sent {sent} times of {most}")))?;
        let [expecting, not_expecting] = self.exchanges().map(|came| !came.is_empty());
        seen.note("sent again without its expectation", expecting && not_expecting);
        seen.note("sent again by HTTP/1.1", !wish.is_h2 && attempts > 1);
        seen.note("sent again by HTTP/2", wish.is_h2 && attempts > 1);
        if attempts > 1 {
            seen.replays.add(match (self.came.len(), self.processed()) {
                (0, _) => "nothing of it had come",
                (1, _) => "nothing of it had come before",
                (_, 0) => "seen and not processed, and not processed then",
                (_, 1) => "seen and not processed, or processed and not then",
                _ => "processed before",
            });
        }
        Ok(())
    }

    /// At most the last attempt of an exchange may have been answered, or given up. Where a response came, it was that of
    /// the last.
    fn judge_replays(&self, seen: &mut Seen) -> Result<(), Broken> {
        let wish = self.wish();
        for came in self.exchanges() {
            let is_harmful = !wish.is_h2 && !wish.is_harmless();
            Invariant::NoReplayOfHarm.holds(!is_harmful || came.len() <= 1, || self.tell("sent again"))?;
            let answered = came.iter().filter(|request| self.is_answered(request)).count();
            Invariant::NoReplayOfAnswered
                .holds(answered <= 1, || self.tell(&format!("{answered} attempts were answered")))?;
            let ended = came.iter().filter(|request| self.is_given_up(request) || self.is_answered(request));
            let ended = ended.count();
            Invariant::NoReplayOfGivenUp
                .holds(ended <= 1, || self.tell(&format!("{ended} attempts were answered or given up")))?;
        }
        let sent_off = !wish.replays && !self.came.is_empty();
        seen.note("not sent again since that is off", sent_off && matches!(self.outcome.end, End::Error(_)));
        Ok(())
    }

    /// Who watches is told no less than who waits.
    fn judge_watch(&self, seen: &mut Seen) -> Result<(), Broken> {
        let (watch, end) = (&self.outcome.watch, &self.outcome.end);
        let told = match end {
            End::Whole(_) | End::Dropped(Some(_)) => Delivery::Answered,
            End::Error(e) => e.delivery(),
            End::Dropped(None) => Delivery::NotSent,
        };
        let seems = watch.delivery();
        Invariant::DeliveryIsTrue.holds(seems >= told, || self.tell(&format!("{watch:?}, and {told}")))?;
        self.judge_delivery(seems)?;
        let most = watch.attempts() as usize;
        Invariant::AttemptsAreBounded
            .holds(self.came.len() <= most, || self.tell(&format!("{watch:?} of {}", self.came.len())))?;
        if let End::Dropped(None) = end {
            seen.note("dropped, and not sent", seems == Delivery::NotSent);
            seen.note("dropped, and refused", seems == Delivery::Refused);
            seen.note("dropped, and unknown", seems == Delivery::Unknown);
            seen.note("dropped, and answered", seems == Delivery::Answered);
        }
        Ok(())
    }

    /// Whether the client has read an octet on its connection since. HTTP/1.1 in the clear only: on others there is more than
    /// one request, and within TLS an octet may be a part of a record, or of the farewell.
    fn is_answered(&self, request: &LoggedRequest) -> bool {
        if request.stream.is_some() || self.run.plan.is_secure {
            return false;
        }
        let later = self.run.log.iter().filter(|other| other.connection == request.connection);
        let next = later.map(|other| other.read_before).find(|before| *before > request.read_before);
        let end = self.run.connections.get(&request.connection).map_or(0, |connection| connection.read);
        next.unwrap_or(end) > request.read_before
    }

    /// Whether the client ended it, without being told of an end. Within TLS nobody sees whether it was told.
    fn is_given_up(&self, request: &LoggedRequest) -> bool {
        match request.stream {
            Some(_) => request.reset.is_some(),
            None if self.run.plan.is_secure => false,
            None => !self.run.connections.get(&request.connection).is_some_and(|log| log.saw_end),
        }
    }

    /// A response goes to the request that it is for.
    fn judge_answer(&self, answer: &Answer) -> Result<(), Broken> {
        let wish = self.wish();
        if answer.status == StatusCode::REQUEST_TIMEOUT {
            // It was for nobody, and came just when somebody asked.
            let may_be = !wish.is_h2 && self.run.plan.leaves > 0 && self.outcome.content.is_empty();
            return Invariant::AnswersAreOnesOwn.holds(may_be, || self.tell("408 from nowhere"));
        }
        let answers = answer.fields.get("x-answers").and_then(|id| id.to_str().ok());
        let is_own = answers.and_then(|id| id.parse().ok()) == Some(wish.id);
        Invariant::AnswersAreOnesOwn.holds(is_own, || self.tell(&format!("the answer to {answers:?}")))?;
        let is_right = (answer.version == Version::HTTP_2) == wish.is_h2;
        Invariant::AnswersAreOnesOwn.holds(is_right, || self.tell("by another version"))?;
        let may_be_empty = answer.status == StatusCode::OK || self.outcome.content.is_empty();
        Invariant::ContentIsWhole.holds(may_be_empty, || self.tell("content where there was none"))
    }

    /// A response that was read to its end was sent so, by who has the request in its log.
    fn judge_whole(&self, answer: &Answer, seen: &mut Seen) -> Result<(), Broken> {
        let wish = self.wish();
        match answer.status {
            StatusCode::OK => {}
            StatusCode::EXPECTATION_FAILED => {
                let may_be = wish.expects && refuses_to_continue(wish.id);
                return Invariant::AnswersAreOnesOwn.holds(may_be, || self.tell("417 without a reason"));
            }
            StatusCode::REQUEST_TIMEOUT => {
                seen.note("answered by what was for nobody", true);
                return Ok(());
            }
            _ => return Ok(()),
        }
        let named = answer.fields.get("x-seen").and_then(|place| place.to_str().ok());
        let is_logged = self.run.log.iter().any(|request| {
            let mine = request.target == format!("/{}", wish.id) && request.processed;
            mine && Some(self.place_of(request).as_str()) == named
        });
        Invariant::SuccessIsLogged.holds(is_logged, || self.tell(&format!("answered by {named:?}")))?;
        let expected = self.expected();
        let has = |name: &str| answer.fields.contains_key(name);
        // Such content ends with its connection, however that ends.
        let is_open_ended = !wish.is_h2 && !has("content-length") && !has("transfer-encoding");
        seen.note("ended by the end of the connection", is_open_ended);
        let is_whole = self.outcome.content.len() == expected.len() || is_open_ended;
        Invariant::ContentIsWhole.holds(is_whole, || self.tell("cut short without an error"))?;
        let is_due = has_trailers(wish.id) && !self.outcome.content.is_empty() && !is_open_ended;
        Invariant::ContentIsWhole.holds(answer.has_trailers || !is_due, || self.tell("trailers were lost"))
    }

    /// The connection, and the stream or how many requests came before.
    fn place_of(&self, request: &LoggedRequest) -> String {
        let earlier = self.run.log.iter().take_while(|other| !std::ptr::eq(*other, request));
        let nth = earlier.filter(|other| other.connection == request.connection).count();
        format!("{} {}", request.connection, request.stream.map_or(nth as u64, u64::from))
    }

    fn judge_error(&self, e: &Error) -> Result<(), Broken> {
        let kind = e.kind();
        let is_ours =
            matches!(kind, Kind::Shutdown | Kind::Builder | Kind::Runtime | Kind::Protocol | Kind::Body);
        Invariant::DeliveryIsTrue.holds(!is_ours, || self.tell("nobody did that"))?;
        self.judge_delivery(e.delivery())?;
        // Names and connections take less than the shortest time for connecting, unless nobody goes on with a dial, or a server
        // of HTTP/2 does not read what a connection begins with.
        let may_be_slow = self.run.has_faults
            || self.run.plan.total.is_some()
            || self.outcome.was_held
            || self.wish().is_h2 && self.run.plan.is_hostile;
        let is_slow = matches!(kind, Kind::Timeout(Phase::Resolve | Phase::Connect)) && !may_be_slow;
        Invariant::NobodyWaits.holds(!is_slow, || self.tell("nothing prevents a connection"))?;
        let is_possible = match (e.delivery(), kind) {
            // A connection that was waited for in vain is none.
            (Delivery::Unknown | Delivery::Answered, _) if e.peer_addr().is_none() => e.attempts() > 1,
            (
                delivery,
                Kind::Closed(Closed::InHead { .. } | Closed::InContent { .. })
                | Kind::Timeout(Phase::ReceiveContent),
            ) => delivery == Delivery::Answered,
            (delivery, Kind::Closed(Closed::BeforeResponse { interim: false, .. })) => {
                // The answer to the request with its expectation was the other one.
                let [expecting, _] = self.exchanges();
                delivery != Delivery::Answered || e.attempts() > 1 && !expecting.is_empty()
            }
            (Delivery::Answered, _) => {
                // An octet for nobody may be taken for an answer.
                !self.came.is_empty() || (!self.wish().is_h2 && self.run.plan.leaves > 0)
            }
            _ => true,
        };
        Invariant::DeliveryIsTrue.holds(is_possible, || self.tell("that cannot be"))
    }

    /// What is said of the delivery, by an error or by who watched.
    fn judge_delivery(&self, delivery: Delivery) -> Result<(), Broken> {
        match delivery {
            Delivery::NotSent => {
                let holds = self.came.is_empty();
                Invariant::NotSentIsInNoLog.holds(holds, || self.tell("a server has its head"))
            }
            Delivery::Refused => {
                let holds = self.processed() == 0;
                Invariant::RefusedIsNotProcessed.holds(holds, || self.tell("a server has processed it"))
            }
            _ => Ok(()),
        }
    }

    fn note_error(&self, e: &Error, seen: &mut Seen) {
        let (kind, delivery, is_h2) = (e.kind(), e.delivery(), self.wish().is_h2);
        let is_timeout = |phase: Phase| kind == Kind::Timeout(phase);
        let is_closed = matches!(kind, Kind::Closed(_));
        seen.note("closed by HTTP/1.1", is_closed && !is_h2);
        seen.note("closed by HTTP/2", is_closed && is_h2);
        seen.note("closed in a head", matches!(kind, Kind::Closed(Closed::InHead { .. })));
        seen.note("closed in content", matches!(kind, Kind::Closed(Closed::InContent { .. })));
        let before = |with: bool| matches!(kind, Kind::Closed(Closed::BeforeResponse { interim, .. }) if interim == with);
        seen.note("closed before a response", before(false));
        seen.note("closed behind an interim response", before(true));
        seen.note("reset", matches!(kind, Kind::Reset(_)));
        seen.note("no connection in time", is_timeout(Phase::Pool));
        seen.note("no answer in time by HTTP/1.1", !is_h2 && is_timeout(Phase::ReceiveHead));
        seen.note("no answer in time by HTTP/2", is_h2 && is_timeout(Phase::ReceiveHead));
        seen.note("no content in time", is_timeout(Phase::ReceiveContent));
        seen.note("not sent in time by HTTP/2", is_h2 && is_timeout(Phase::Send));
        seen.note("silent", is_timeout(Phase::KeepAlive));
        seen.note("no connection", e.is_connect());
        seen.note("not sent", delivery == Delivery::NotSent);
        let over_tls = |is: Delivery| self.run.plan.is_secure && delivery == is;
        seen.note("not sent over TLS", over_tls(Delivery::NotSent));
        seen.note("unknown over TLS", over_tls(Delivery::Unknown));
        seen.note("not sent on a connection that was lost", delivery == Delivery::NotSent && is_closed);
        seen.note("refused", delivery == Delivery::Refused);
        seen.note("unknown by HTTP/1.1", delivery == Delivery::Unknown && !is_h2);
        seen.note("unknown by HTTP/2", delivery == Delivery::Unknown && is_h2);
        seen.note("answered", delivery == Delivery::Answered);
    }

    /// The request with what it came to, for people.
    fn tell(&self, what: &str) -> String {
        let Outcome { wish, attempts, content, end, watch, .. } = self.outcome;
        let version = if wish.is_h2 { "HTTP/2" } else { "HTTP/1.1" };
        let mut text = format!(
            "request {} ({} by {version}, {attempts} attempts, {} octets of content): {what}\n  {end:?}\n  {wish:?}\n  {watch:?}",
            wish.id,
            wish.method,
            content.len()
        );
        for request in self.came {
            let LoggedRequest { complete, processed, reset, at, .. } = request;
            text.push_str(&format!(
                "\n  seen at {at:?} on {}, complete: {complete}, processed: {processed}, reset: {reset:?}",
                self.place_of(request)
            ));
        }
        text
    }
}

/// The kind without its numbers.
fn name_of(kind: Kind) -> String {
    let name = format!("{kind:?}");
    name.split([' ', '{', ')']).next().unwrap_or_default().replace('(', " ")
}
