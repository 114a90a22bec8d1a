//! What all attempts of a request have in common.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Version};
use martlet_core::h1::{RequestContent, RequestHead, Target};
use martlet_core::pool::Want;
use martlet_core::time::Timeouts;

use crate::checkout::{Allowed, Key, Leased, Waiting};
use crate::client::Inner;
use crate::dial::Plan;
use crate::error::Error;
use crate::here::Here;
use crate::outgoing::Outgoing;
use crate::policy::RetryPolicy;
use crate::protocols::Protocols;
use crate::request::Request;
use crate::timer::Timer;

/// What all attempts have in common.
pub(super) struct Given<'a> {
    pub(super) client: &'a Inner,
    pub(super) request: &'a Request,
    /// The fields, if they are not those of the request.
    pub(super) fields: Option<Box<HeaderMap>>,
    pub(super) here: Here,
    pub(super) timeouts: &'a Timeouts,
    pub(super) retry: Option<&'a RetryPolicy>,
    pub(super) started: Instant,
}

impl Given<'_> {
    /// For one attempt.
    pub(super) fn timer(&self) -> Timer {
        Timer::since(self.here.clone(), self.timeouts.clone(), self.started)
    }

    /// What is left of the time of the whole request.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let elapsed = self.here.runtime.now().saturating_duration_since(self.started);
        self.timeouts.total.map(|total| total.saturating_sub(elapsed))
    }

    pub(super) fn outgoing(&self) -> Outgoing<'_> {
        let Request { method, url, version, protocol, .. } = self.request;
        let head = RequestHead {
            method,
            target: Target::Origin(url.path_and_query().as_bytes()),
            version: match version {
                Some(Version::HTTP_2) | None => Version::HTTP_11,
                Some(version) => *version,
            },
            host: url.authority().as_bytes(),
            fields: self.fields.as_deref().unwrap_or(&self.request.fields),
            block: &self.client.block,
        };
        Outgoing { head, url, defaults: &self.client.defaults, protocol: protocol.as_deref() }
    }

    pub(super) async fn checkout(
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
