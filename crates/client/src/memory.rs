//! What is remembered of servers beyond their connections.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::url::Url;

/// The most origins that anything is remembered of. One more, and all is forgotten: they say it again.
const REMEMBERED: usize = 1000;

/// What servers have said of themselves.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Whether any of them wants HTTP/1.1: usually not, and then nobody takes the lock.
    is_any_http1: AtomicBool,
    origins: Mutex<BTreeMap<Place, Known>>,
}

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(bool, Box<str>, u16);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// It refused HTTP/2 and asked for HTTP/1.1 (RFC 9113 §7, HTTP_1_1_REQUIRED).
    wants_http1: bool,
    /// Streams that it allowed on its last connection.
    #[cfg(feature = "http2")]
    streams: Option<u32>,
}

impl Place {
    pub(crate) fn of(url: &Url) -> Self {
        Self(url.is_https(), url.host().into(), url.port())
    }
}

impl Memory {
    pub(crate) fn wants_http1(&self, url: &Url) -> bool {
        self.is_any_http1.load(Ordering::Acquire)
            && self.origins().get(&Place::of(url)).is_some_and(|known| known.wants_http1)
    }

    pub(crate) fn add_http1(&self, url: &Url) {
        self.change(&Place::of(url), |known| known.wants_http1 = true);
        self.is_any_http1.store(true, Ordering::Release);
    }

    /// How many streams a further connection is likely to take.
    #[cfg(feature = "http2")]
    pub(crate) fn streams(&self, place: &Place) -> Option<u32> {
        self.origins().get(place).and_then(|known| known.streams)
    }

    #[cfg(feature = "http2")]
    pub(crate) fn add_streams(&self, place: &Place, streams: u32) {
        self.change(place, |known| known.streams = Some(streams));
    }

    fn change(&self, place: &Place, change: impl FnOnce(&mut Known)) {
        let mut origins = self.origins();
        if origins.len() >= REMEMBERED && !origins.contains_key(place) {
            origins.clear();
        }
        change(origins.entry(place.clone()).or_default());
    }

    fn origins(&self) -> MutexGuard<'_, BTreeMap<Place, Known>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn an_origin_is_its_scheme_host_and_port() {
        let memory = Memory::default();
        assert!(!memory.wants_http1(&url("https://a.test/")));
        memory.add_http1(&url("https://a.test/path?query"));
        assert!(memory.wants_http1(&url("https://A.test:443/other")));
        for other in ["http://a.test/", "https://a.test:8443/", "https://b.test/"] {
            assert!(!memory.wants_http1(&url(other)), "{other}");
        }
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let memory = Memory::default();
        for n in 0..REMEMBERED {
            memory.add_http1(&url(&format!("https://{n}.test/")));
        }
        assert!(memory.wants_http1(&url("https://0.test/")));
        memory.add_http1(&url("https://one-more.test/"));
        assert!(!memory.wants_http1(&url("https://0.test/")));
        assert!(memory.wants_http1(&url("https://one-more.test/")));
    }
}
