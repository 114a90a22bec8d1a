use ::url::Url as Oracle;

use super::{Url, UrlError};

mod compare;
mod differential;

/// Hosts that are not ASCII can be judged.
fn has_tables() -> bool {
    cfg!(feature = "url")
}
