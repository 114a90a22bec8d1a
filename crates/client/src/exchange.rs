//! One logical request: checked, given a connection, sent, answered; and, where that is safe, sent again.

#[cfg(feature = "http2")]
use std::future::Future;
use std::future::poll_fn;
#[cfg(feature = "http2")]
use std::pin::pin;
use std::sync::{Arc, PoisonError};
#[cfg(feature = "http2")]
use std::task::Poll;
use std::time::Instant;

use http::{Method, Version};
use martlet_core::Delivery;
use martlet_core::h1::{RequestContent, RequestHead, Target};
use martlet_core::pool::Want;
#[cfg(feature = "http2")]
use martlet_core::time::Phase;
use martlet_core::time::Timeouts;

use crate::body::Body;
use crate::checkout::{Allowed, Key, Leased, NotBegun, Waiting};
use crate::client::Inner;
use crate::dial::{self, Plan};
use crate::error::{Error, ErrorCode, Kind};
use crate::failure::Failure;
use crate::h2::Multiplexed;
use crate::here::Here;
use crate::outgoing::Outgoing;
use crate::protocols::Protocols;
use crate::replay::{Attempts, Lost, Replay, jittered};
use crate::request::Request;
use crate::response::Response;
use crate::timer::Timer;

/// So many connections may turn out to be gone before anything was sent on them. Each costs no more than a look.
const UNLUCKY: u32 = 16;

pub(crate) async fn execute(client: &Inner, request: Request) -> Result<Response, Error> {
    let mut request = request;
    let mut exchange = match Exchange::new(client, &mut request) {
        Ok(exchange) => exchange,
        Err(e) => return Err(e.with_url(&request.url)),
    };
    let result = exchange.run().await;
    result.map_err(|e| exchange.conclude(e))
}

/// Which versions may carry a request, if it can be sent at all.
fn protocols(client: &Inner, request: &Request) -> Result<Protocols, Error> {
    if cfg!(not(feature = "tls")) && request.url.is_https() {
        return Err(Error::builder("https needs the feature `tls`"));
    }
    match (&request.method, &request.protocol) {
        (&Method::CONNECT, None) => return Err(Error::builder("a tunnel by CONNECT is not supported")),
        (&Method::CONNECT, Some(_)) | (_, None) => {}
        (_, Some(_)) => return Err(Error::builder("a protocol is asked for by the method CONNECT")),
    }
    let protocols = match request.version {
        Some(Version::HTTP_2) => Protocols::Http2,
        Some(_) => Protocols::Http1,
        None => client.protocols,
    };
    if cfg!(not(feature = "http2")) && protocols == Protocols::Http2 {
        return Err(Error::builder("HTTP/2 needs the feature `http2`"));
    }
    if request.version.is_none()
        && request.protocol.is_none()
        && client.dialing.memory.wants_http1(&request.url)
    {
        return Ok(Protocols::Http1);
    }
    Ok(protocols)
}

/// A request on its way.
struct Exchange<'a> {
    given: Given<'a>,
    /// Where they are while nothing is sent: a future that hands them from one to the next would hold each several times.
    body: Body,
    timer: Option<Timer>,
    protocols: Protocols,
    want: Want,
    attempts: Attempts,
    /// Why it is being sent again.
    before: Option<Error>,
    /// Connections that were gone before anything was sent on them.
    gone: u32,
}

/// What all attempts have in common.
struct Given<'a> {
    client: &'a Inner,
    request: &'a Request,
    here: Here,
    timeouts: &'a Timeouts,
    started: Instant,
}

/// What comes after a connection was had.
enum Next {
    Begun(Begun),
    /// Again.
    Again(Replay),
    /// Another connection. Nothing was sent.
    Elsewhere,
}

/// A request that was begun, and its content again if that is at hand.
struct Begun {
    leased: Leased,
    is_reused: bool,
    spare: Option<Body>,
}

impl<'a> Exchange<'a> {
    fn new(client: &'a Inner, request: &'a mut Request) -> Result<Self, Error> {
        let protocols = protocols(client, request)?;
        let here = client.here()?;
        let body = std::mem::take(request.body.get_mut().unwrap_or_else(PoisonError::into_inner));
        let request = &*request;
        let timeouts = request.timeouts.as_ref().unwrap_or(&client.timeouts);
        let timer = Timer::new(here.clone(), timeouts.clone());
        Ok(Self {
            given: Given { client, request, here, timeouts, started: timer.started() },
            body,
            timer: Some(timer),
            protocols,
            want: Want::Any,
            attempts: Attempts::new(),
            before: None,
            gone: 0,
        })
    }

    async fn run(&mut self) -> Result<Response, Error> {
        loop {
            let leased = self.checkout().await?;
            if self.given.request.protocol.is_some() {
                await_extended_connect(leased.multiplexed().cloned(), self.timer()).await?;
            }
            let replay = match self.begin(leased)? {
                Next::Begun(mut begun) => {
                    let Some(carrier) = begun.leased.carrier() else {
                        return Err(Error::new(Kind::Shutdown));
                    };
                    match poll_fn(|cx| carrier.poll_head(cx)).await {
                        Ok(head) => {
                            let info = carrier.info().reused(begun.is_reused);
                            let is_complete = carrier.is_complete();
                            let url = self.given.request.url.clone();
                            let made = self.attempts.made();
                            let mut response = Response::new(head, url, info, begun.leased, made);
                            if is_complete {
                                response.finish();
                            }
                            return Ok(response);
                        }
                        Err(failure) => self.lost(failure, begun)?,
                    }
                }
                Next::Elsewhere => continue,
                Next::Again(replay) => replay,
            };
            self.prepare(replay).await?;
        }
    }

    /// An error that stands. If there is not even a connection for another attempt, what became of the last one says more.
    fn conclude(&mut self, e: Error) -> Error {
        let has_no_connection = e.is_connect() || e.kind() == Kind::Runtime;
        let e = match self.before.take() {
            Some(before) if has_no_connection && before.delivery() > Delivery::NotSent => before,
            _ => e,
        };
        self.attempts.conclude(e).with_url(&self.given.request.url)
    }

    fn timer(&mut self) -> &mut Timer {
        self.timer.get_or_insert_with(|| self.given.timer())
    }

    /// Begins on this connection. Content that is at hand is kept for another attempt.
    fn begin(&mut self, leased: Leased) -> Result<Next, Error> {
        self.timer();
        let Some(timer) = self.timer.take() else {
            return Err(Error::new(Kind::Shutdown));
        };
        let is_reused = leased.is_reused();
        let body = std::mem::take(&mut self.body);
        let spare = leased.is_multiplexed().then(|| body.again()).flatten();
        match leased.begin(&self.given.outgoing(), body, timer) {
            Ok(leased) => Ok(Next::Begun(Begun { leased, is_reused, spare })),
            Err(NotBegun::Misuse(e)) => Err(Error::builder(e)),
            Err(NotBegun::Shutdown) => Err(Error::new(Kind::Shutdown)),
            Err(NotBegun::Gone(body, why)) => {
                self.body = body;
                self.elsewhere(why, is_reused)
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
        let replay = self.attempts.judge(
            &error,
            Lost { is_proven: false, is_to_calm_down: false },
            self.given.request,
        );
        replay.map(Next::Again).ok_or(error)
    }

    /// The request has failed. How it goes on, if it does.
    fn lost(&mut self, failure: Failure, begun: Begun) -> Result<Replay, Error> {
        let Begun { mut leased, is_reused, spare } = begun;
        let Some(carrier) = leased.carrier() else {
            return Err(Error::new(Kind::Shutdown));
        };
        let error = failure.into_error(carrier.delivery(), &carrier.info().reused(is_reused));
        if (error.kind(), error.delivery()) == (Kind::Reset(ErrorCode::HTTP_1_1_REQUIRED), Delivery::Refused)
        {
            // For the next request, whatever becomes of this one.
            self.given.client.dialing.memory.add_http1(&self.given.request.url);
        }
        let (again, lost) = (carrier.take_untouched().or(spare), carrier.lost());
        // First it goes back: the next attempt may need its place.
        drop(leased);
        let Some((body, lost)) = again.zip(lost) else {
            return Err(error);
        };
        self.body = body;
        match self.attempts.judge(&error, lost, self.given.request) {
            Some(replay) => {
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
        given.checkout(*protocols, *want, body.content(), timer).await
    }

    /// Makes ready for the next attempt.
    async fn prepare(&mut self, replay: Replay) -> Result<(), Error> {
        self.want = Want::Any;
        match replay {
            Replay::Fresh => self.want = Want::Fresh,
            Replay::ByHttp1 => self.protocols = Protocols::Http1,
            Replay::Anywhere(wait) if wait.is_zero() => {}
            Replay::Anywhere(wait) => {
                let timer = self.timer();
                let until = timer.now() + jittered(wait, timer.runtime().random());
                timer.wait_until(until).await.map_err(dial::timed_out)?;
            }
        }
        Ok(())
    }
}

impl Given<'_> {
    /// For one attempt.
    fn timer(&self) -> Timer {
        Timer::since(self.here.clone(), self.timeouts.clone(), self.started)
    }

    fn outgoing(&self) -> Outgoing<'_> {
        let Request { method, url, version, fields, protocol, .. } = self.request;
        let head = RequestHead {
            method,
            target: Target::Origin(url.path_and_query().as_bytes()),
            version: match version {
                Some(Version::HTTP_2) | None => Version::HTTP_11,
                Some(version) => *version,
            },
            host: url.authority().as_bytes(),
            fields,
            block: &self.client.block,
        };
        Outgoing { head, url, defaults: &self.client.defaults, protocol: protocol.as_deref() }
    }

    async fn checkout(
        &self,
        protocols: Protocols,
        want: Want,
        content: RequestContent,
        timer: &mut Timer,
    ) -> Result<Leased, Error> {
        let Self { client, here, .. } = self;
        let Request { url, route, .. } = self.request;
        let allowed = Allowed { pool: self.timeouts.pool, connect: self.timeouts.connect };
        let may_multiplex = match protocols {
            Protocols::Http1 => false,
            Protocols::Http2 => true,
            Protocols::Negotiated => client.dialing.may_choose_http2(url, route.as_deref()),
        };
        let key = Key::new(url, route.clone(), here.home.id(), protocols, may_multiplex);
        let plan = || {
            // Nothing is opened for a head that must not be sent.
            self.outgoing().check(content).map_err(Error::builder)?;
            let settings = Arc::clone(&client.dialing);
            let (url, route, here) = (url.clone(), route.clone(), here.clone());
            Ok(Plan { url, route, protocols, here, settings, allowed: allowed.connect })
        };
        let mut waiting = Waiting::new(&client.checkout, (key, want), here.clone(), allowed, plan);
        poll_fn(|cx| waiting.poll(cx, timer)).await
    }
}

/// Waits until the server has said whether it takes an extended CONNECT (RFC 8441 §3).
#[cfg(feature = "http2")]
async fn await_extended_connect(conn: Option<Multiplexed>, timer: &mut Timer) -> Result<(), Error> {
    let Some(conn) = conn else {
        return Err(Error::builder("an extended CONNECT needs HTTP/2, which the server does not speak"));
    };
    timer.enter(Phase::ReceiveHead);
    let mut told = pin!(conn.extended_connect());
    let allowed = poll_fn(|cx| match told.as_mut().poll(cx) {
        Poll::Ready(allowed) => Poll::Ready(Ok(allowed)),
        Poll::Pending => timer.poll_expired(cx).map(|expired| Err(dial::timed_out(expired))),
    });
    let allowed = allowed.await;
    timer.leave(Phase::ReceiveHead);
    if allowed? { Ok(()) } else { Err(Error::builder("the server does not take an extended CONNECT")) }
}

#[cfg(not(feature = "http2"))]
async fn await_extended_connect(_: Option<Multiplexed>, _: &mut Timer) -> Result<(), Error> {
    Err(Error::builder("an extended CONNECT needs the feature `http2`"))
}
