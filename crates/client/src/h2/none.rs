//! What stands in for HTTP/2 where the feature is off: connections that there are none of.

use std::future::Future;
use std::pin::Pin;
use std::sync::Weak;
use std::task::{Context, Poll};

use martlet_core::pool::{Capacity, ConnId};

use crate::checkout::Checkout;
use crate::here::Here;

#[derive(Clone)]
pub(crate) enum Multiplexed {}

impl Multiplexed {
    pub(crate) fn here(&self) -> &Here {
        match *self {}
    }

    pub(crate) fn capacity(&self) -> Capacity {
        match *self {}
    }

    pub(crate) fn close(&self) {
        match *self {}
    }

    pub(crate) fn abort(&self) {
        match *self {}
    }
}

pub(crate) enum Driver {}

impl Driver {
    pub(crate) fn entered(self, _: Weak<Checkout>, _: Option<ConnId>) -> Self {
        self
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        match *self {}
    }
}

pub(crate) struct Opened {
    pub(crate) conn: Multiplexed,
    pub(crate) driver: Driver,
}
