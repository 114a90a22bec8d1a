//! One logical request: checked, given a connection, sent, answered; and, where that is safe, sent again.

mod given;
mod may_be_sent;

use std::future::poll_fn;
use std::sync::PoisonError;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{StatusCode, header};
use martlet_core::Delivery;
use martlet_core::h1::RequestContent;
use martlet_core::pool::Want;
use martlet_core::time::{Expired, Phase};

use self::given::Given;
use self::may_be_sent::{await_extended_connect, protocols};
use crate::body::{Body, Spare};
use crate::carrier::{Carrier, ReceivedHead};
use crate::checkout::{Leased, NotBegun};
use crate::client::Inner;
use crate::dial;
use crate::error::{Error, ErrorCode, Kind};
use crate::failure::Failure;
use crate::policy::{Circumstances, RetryOutcome};
use crate::protocols::Protocols;
use crate::replay::{Attempts, Lost, Replay, is_idempotent, jittered};
use crate::request::Request;
use crate::response::Response;
use crate::timer::Timer;
use crate::trace;
use crate::watch::DeliveryWatch;

/// So many connections may turn out to be gone before anything was sent on them. Each costs no more than a look.
const UNLUCKY: u32 = 16;

/// Some thirty years.
const FOR_EVER: Duration = Duration::from_secs(1 << 30);

pub(crate) async fn execute(client: &Inner, request: Request) -> Result<Response, Error> {
    let mut request = request;
    let body = std::mem::take(request.body.get_mut().unwrap_or_else(PoisonError::into_inner));
    match Exchange::new(client, &request, body) {
        Ok(mut exchange) => exchange.run().await,
        Err(e) => Err(e.with_url(&request.url)),
    }
}

/// A request on its way.
struct Exchange<'a> {
    given: Given<'a>,
    /// Where they are while nothing is sent: a future that hands them from one to the next would hold each several times.
    ///
    /// `None` if the content was used up.
    body: Option<Body>,
    timer: Option<Timer>,
    /// What the content can be had from once more.
    spare: Option<Spare>,
    /// Where it was begun, until there is a response.
    begun: Option<Begun>,
    /// Those that are to know what will have been seen of the attempt that is under way.
    watches: &'a [DeliveryWatch],
    protocols: Protocols,
    want: Want,
    attempts: Attempts,
    /// How often it was sent again by the user's policy.
    retries: u32,
    /// Why it is being sent again.
    before: Option<Error>,
    /// Connections that were gone before anything was sent on them.
    gone: u32,
}

/// What comes after a connection was had.
enum Next {
    Begun,
    /// Again.
    Again(Replay),
    /// Another connection. Nothing was sent.
    Elsewhere,
}

/// A request that was begun.
struct Begun {
    leased: Leased,
    is_reused: bool,
}

impl<'a> Exchange<'a> {
    fn new(client: &'a Inner, request: &'a Request, body: Body) -> Result<Self, Error> {
        let protocols = protocols(client, request)?;
        let here = client.here()?;
        let timeouts = request.timeouts.as_deref().unwrap_or(&client.timeouts);
        let timer = Timer::new(here.clone(), timeouts.clone());
        let retry = request.retry.as_ref().unwrap_or(&client.retry).as_ref();
        if let Some(policy) = retry {
            policy.note_request();
        }
        let attempts = Attempts::new(request.replay.unwrap_or(client.replay), client.connect_retries);
        Ok(Self {
            given: Given { client, request, fields: None, here, timeouts, retry, started: timer.started() },
            body: Some(body),
            timer: Some(timer),
            spare: None,
            begun: None,
            watches: &[],
            protocols,
            want: Want::Any,
            attempts,
            retries: 0,
            before: None,
            gone: 0,
        })
    }

    async fn run(&mut self) -> Result<Response, Error> {
        loop {
            let result = self.run_once().await.map_err(|e| self.conclude(e));
            let Some(wait) = self.retry(&result) else {
                return self.respond(result?);
            };
            let again = Replay::ByPolicy(wait);
            self.trace(again, result.as_ref().err());
            self.before = result.err();
            // What is left of a response goes back before the next attempt needs its place.
            drop(self.begun.take());
            self.prepare(again).await.map_err(|e| self.conclude(e))?;
        }
    }

    /// With all replays, up to the head of a response.
    async fn run_once(&mut self) -> Result<ReceivedHead, Error> {
        loop {
            let leased = match self.checkout().await {
                Ok(leased) => leased,
                Err(e) => {
                    let time_left = self.given.time_left();
                    let Some(replay) = self.attempts.judge_connect(&e, time_left) else { return Err(e) };
                    self.trace(replay, Some(&e));
                    self.prepare(replay).await?;
                    continue;
                }
            };
            if self.given.request.protocol.is_some() {
                await_extended_connect(leased.multiplexed().cloned(), self.timer()).await?;
            }
            let replay = match self.begin(leased)? {
                Next::Begun => match poll_fn(|cx| self.poll_head(cx)).await {
                    Ok(head) => {
                        self.seen(Delivery::Answered);
                        if self.drops_expectation(&head) {
                            continue;
                        }
                        return Ok(head);
                    }
                    Err(failure) => self.lost(failure)?,
                },
                Next::Elsewhere => continue,
                Next::Again(replay) => replay,
            };
            self.prepare(replay).await?;
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ReceivedHead, Failure>> {
        match self.begun.as_mut().and_then(|begun| begun.leased.carrier()) {
            Some(carrier) => carrier.poll_head(cx),
            None => Poll::Ready(Err(Failure::Shutdown)),
        }
    }

    /// An error that stands. If there is not even a connection for another attempt, what became of the last one says more.
    fn conclude(&mut self, e: Error) -> Error {
        let has_no_connection = e.is_connect() || e.kind() == Kind::Runtime;
        let e = match self.before.take() {
            Some(before) if has_no_connection && before.delivery() > Delivery::NotSent => before,
            // It had none in the end, but it had one.
            Some(before) if e.connection().is_none() => e.with_connection_of(&before),
            _ => e,
        };
        self.attempts.conclude(e).with_url(&self.given.request.url)
    }

    /// After how long the user's policy has it sent again. `None`: what there is stands.
    fn retry(&mut self, result: &Result<ReceivedHead, Error>) -> Option<Duration> {
        let Given { request, here, retry, .. } = &self.given;
        let policy = (*retry)?;
        if !self.has_content() {
            return None;
        }
        let fields = result.as_ref().map(ReceivedHead::fields).unwrap_or_default();
        let outcome = RetryOutcome {
            method: &request.method,
            attempts: self.attempts.made(),
            end: result.as_ref().map(|head| (head.status(), &*fields)),
        };
        let wait = policy.judge(
            &outcome,
            Circumstances {
                retries: self.retries,
                is_harmless: is_idempotent(&request.method, &request.fields),
                time_left: self.given.time_left(),
                now: here.runtime.wall_clock(),
                random: here.runtime.random(),
            },
        )?;
        self.retries += 1;
        self.attempts.retried(outcome.delivery());
        Some(wait)
    }

    /// Whether the content can be had, once more or as if for the first time.
    fn has_content(&self) -> bool {
        self.body.is_some() || self.spare.is_some()
    }

    fn timer(&mut self) -> &mut Timer {
        self.timer.get_or_insert_with(|| self.given.timer())
    }

    /// Begins on this connection.
    fn begin(&mut self, leased: Leased) -> Result<Next, Error> {
        self.timer();
        let (Some(timer), Some(body)) = (self.timer.take(), self.body.take()) else {
            return Err(Error::new(Kind::Shutdown));
        };
        let is_reused = leased.is_reused();
        let may_come_again = is_reused || leased.is_multiplexed() || self.given.retry.is_some();
        self.spare = if may_come_again { body.spare() } else { None };
        // From here on somebody else may be writing it already.
        self.watches = &self.given.request.watches;
        self.watches.iter().for_each(DeliveryWatch::begin);
        match leased.begin(&self.given.outgoing(), body, timer) {
            Ok(leased) => {
                self.watches.iter().for_each(DeliveryWatch::begun);
                self.begun = Some(Begun { leased, is_reused });
                Ok(Next::Begun)
            }
            Err(not_begun) => {
                self.seen(Delivery::NotSent);
                match not_begun {
                    NotBegun::Misuse(e) => Err(Error::builder(e)),
                    NotBegun::Shutdown => Err(Error::new(Kind::Shutdown)),
                    NotBegun::Gone(body, why) => {
                        self.body = Some(body);
                        self.elsewhere(why, is_reused)
                    }
                }
            }
        }
    }

    /// A connection was gone before anything was sent on it. That is no attempt if it was an old one; one that was dialled
    /// for this request is as if it had been lost with it.
    fn elsewhere(&mut self, error: Error, is_reused: bool) -> Result<Next, Error> {
        if is_reused {
            self.gone += 1;
            return if self.gone > UNLUCKY { Err(error) } else { Ok(Next::Elsewhere) };
        }
        let lost = Lost { is_stream: true, is_proven: false, is_to_calm_down: false };
        match self.attempts.judge(&error, lost, self.given.request) {
            Some(replay) => {
                self.trace(replay, Some(&error));
                Ok(Next::Again(replay))
            }
            None => Err(error),
        }
    }

    /// There is a response.
    fn respond(&mut self, head: ReceivedHead) -> Result<Response, Error> {
        let Some(Begun { mut leased, is_reused }) = self.begun.take() else {
            return Err(Error::new(Kind::Shutdown));
        };
        let Some(carrier) = leased.carrier() else {
            return Err(Error::new(Kind::Shutdown));
        };
        let info = carrier.info().reused(is_reused);
        let is_complete = carrier.is_complete();
        let url = self.given.request.url.clone();
        let mut response = Response::new(head, url, info, leased, self.attempts.made());
        if is_complete {
            response.finish();
        }
        Ok(response)
    }

    /// "A client that receives a 417 … in response to a request containing a 100-continue expectation SHOULD repeat that
    /// request without" it (RFC 9110 §10.1.1). Whether it does. That is no replay: what comes has not been sent before.
    fn drops_expectation(&mut self, head: &ReceivedHead) -> bool {
        if head.status() != StatusCode::EXPECTATION_FAILED
            || self.given.fields.is_some()
            || !self.given.request.fields.contains_key(header::EXPECT)
        {
            return false;
        }
        // Only what the server has not seen anything of: nobody has sent the content yet.
        let carrier = self.begun.as_mut().and_then(|begun| begun.leased.carrier());
        self.body = carrier.and_then(Carrier::take_untouched);
        if self.body.is_none() {
            return false;
        }
        drop(self.begun.take());
        self.attempts.expectation_failed();
        trace::again(self.given.request, "expectation_failed", self.attempts.made(), None);
        let mut fields = self.given.request.fields.clone();
        fields.remove(header::EXPECT);
        self.given.fields = Some(Box::new(fields));
        self.want = Want::Any;
        true
    }

    /// The request has failed. How it goes on, if it does.
    fn lost(&mut self, failure: Failure) -> Result<Replay, Error> {
        let Some(Begun { mut leased, is_reused }) = self.begun.take() else {
            return Err(Error::new(Kind::Shutdown));
        };
        let Some(carrier) = leased.carrier() else {
            return Err(Error::new(Kind::Shutdown));
        };
        let error = failure.into_error(carrier.delivery(), &carrier.info().reused(is_reused));
        self.seen(error.delivery());
        if (error.kind(), error.delivery()) == (Kind::Reset(ErrorCode::HTTP_1_1_REQUIRED), Delivery::Refused)
        {
            // For the next request, whatever becomes of this one.
            self.given.client.dialing.memory.add_http1(&self.given.request.url);
        }
        self.body = carrier.take_untouched();
        let lost = carrier.lost(is_reused);
        // First it goes back: the next attempt may need its place.
        drop(leased);
        if !self.has_content() {
            return Err(error);
        }
        match self.attempts.judge(&error, lost, self.given.request) {
            Some(replay) => {
                self.trace(replay, Some(&error));
                self.before = Some(error);
                Ok(replay)
            }
            None => Err(error),
        }
    }

    /// A connection, or a stream of one.
    async fn checkout(&mut self) -> Result<Leased, Error> {
        let Self { given, timer, body, protocols, want, .. } = self;
        let timer = timer.get_or_insert_with(|| given.timer());
        let content = body.as_ref().map_or(RequestContent::None, Body::content);
        given.checkout(*protocols, *want, content, timer).await
    }

    /// An attempt has ended, for those who watch.
    fn seen(&mut self, delivery: Delivery) {
        for watch in std::mem::take(&mut self.watches) {
            watch.end(delivery);
        }
    }

    /// Content that was used up is had anew, if that can be.
    fn revive(&mut self) {
        if self.body.is_none() {
            self.body = self.spare.take().map(Spare::revive);
        }
    }

    fn trace(&self, replay: Replay, error: Option<&Error>) {
        trace::again(self.given.request, replay.reason(), self.attempts.made(), error);
    }

    /// Waits, unless the time of the request is over before, or the client is shut down.
    async fn wait(&mut self, span: Duration) -> Result<(), Error> {
        let Some(bell) = self.given.client.checkout.bell_of_pause() else {
            return Err(Error::new(Kind::Shutdown));
        };
        let timer = self.timer();
        // Beyond all time is as good as for ever.
        let until = timer.now().checked_add(span).unwrap_or_else(|| timer.now() + FOR_EVER);
        poll_fn(|cx| {
            if bell.listen(cx) {
                return Poll::Ready(Err(Error::new(Kind::Shutdown)));
            }
            // It has no connection, as if it stood in line.
            let in_line = |expired| dial::timed_out(Expired { phase: Phase::Pool, ..expired });
            timer.poll_until(until, cx).map_err(in_line)
        })
        .await
    }

    /// Makes ready for the next attempt.
    async fn prepare(&mut self, replay: Replay) -> Result<(), Error> {
        self.revive();
        self.want = Want::Any;
        match replay {
            Replay::Fresh => self.want = Want::Fresh,
            Replay::ByHttp1 => self.protocols = Protocols::Http1,
            Replay::Anywhere(wait) if wait.is_zero() => {}
            Replay::Anywhere(wait) | Replay::Connect(wait) => {
                let random = self.timer().runtime().random();
                self.wait(jittered(wait, random)).await?;
            }
            Replay::ByPolicy(wait) => self.wait(wait).await?,
        }
        Ok(())
    }
}

impl Drop for Exchange<'_> {
    /// Whoever watches is to know what became of it also if nobody waited for its end.
    fn drop(&mut self) {
        if self.watches.is_empty() {
            return;
        }
        let carrier = self.begun.as_mut().and_then(|begun| begun.leased.carrier());
        let seen = carrier.map(|carrier| {
            carrier.abandon();
            carrier.delivery()
        });
        self.seen(seen.unwrap_or(Delivery::Unknown));
    }
}
