//! A connection over a transport that is open.

use std::sync::Arc;

use h2::client::Builder;
use martlet_core::{Limits, Misuse};

use super::handle::{FIRST_STREAMS, MOST_STREAMS, Multiplexed, Shared};
use super::head::Server;
use super::io::{Io, Watch};
use super::task::Driver;
use crate::dial::DialSettings;
use crate::error::{Error, Kind};
use crate::here::Here;
use crate::info::ConnectionInfo;
use crate::memory::Place;
use crate::transport::Transport;
use crate::url::Url;

/// A connection for the pool, and what polls it.
pub(crate) struct Opened {
    pub(crate) conn: Multiplexed,
    pub(crate) driver: Driver,
}

/// Streams that were given up and of which something may still come: all that there can be, twice over.
const REMEMBERED: usize = 2 * MOST_STREAMS as usize;

/// The largest frame that a peer may send (SETTINGS_MAX_FRAME_SIZE): content in few frames costs both sides less.
const FRAME: u32 = 64 * 1024;

/// The frames that peers send who do not care what is allowed.
const USUAL_FRAME: u32 = 16 * 1024;

/// The most that fields of one section may take (SETTINGS_MAX_HEADER_LIST_SIZE). The crate counts how many of the largest
/// frames that makes, and ends the connection of a peer that needs more of them because its frames are smaller: so it is told
/// of more, and what a response has is looked at again.
fn field_section(limits: &Limits) -> u32 {
    u32::try_from(limits.max_head_size).unwrap_or(u32::MAX).saturating_mul(FRAME / USUAL_FRAME)
}

/// Sends the client's preface (RFC 9113 §3.4). The peer's is not waited for.
///
/// # Errors
///
/// The transport took not even that, or the host is nothing that can be said in HTTP/2.
pub(crate) async fn open(
    io: Box<dyn Transport>,
    info: ConnectionInfo,
    here: Here,
    settings: &Arc<DialSettings>,
    url: &Url,
) -> Result<Opened, Error> {
    let server = Server::of(url).ok_or_else(|| Error::builder(Misuse::InvalidHost))?;
    let place = Place::of(url);
    let DialSettings { http2: config, limits, memory, .. } = &**settings;
    let most = memory.streams(&place).unwrap_or(FIRST_STREAMS).max(1);
    let watch = Arc::new(Watch::default());
    let below = info.taken().cloned();
    let (stream_window, connection_window) = config.windows();
    let opened = Builder::new()
        .enable_push(false)
        .initial_window_size(stream_window)
        .initial_connection_window_size(connection_window)
        .max_frame_size(FRAME)
        .initial_max_send_streams(usize::try_from(most).unwrap_or(usize::MAX))
        .max_header_list_size(field_section(limits))
        .max_concurrent_reset_streams(REMEMBERED)
        // Counted over the life of a connection, and not only by what a peer does wrong: also by what comes late for streams
        // that are forgotten.
        .max_local_error_reset_streams(None)
        .reset_stream_duration(config.reset_memory)
        .handshake(Io::new(io, Arc::clone(&watch), below))
        .await;
    let (sender, conn) = opened.map_err(|e| Error::new(Kind::Connect).with_source(e))?;
    let shared = Arc::new(Shared::new(sender.clone(), info, server, here, limits.clone(), watch, most));
    let driver = Driver::new(conn, sender, Arc::clone(&shared), Arc::clone(settings), place);
    Ok(Opened { conn: Multiplexed::new(shared), driver })
}
