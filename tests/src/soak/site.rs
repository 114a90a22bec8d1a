//! What servers answer, and what is known beforehand about it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Version;
use martlet_sim::{Ending, Rng, Service, SimRequest, SimResponse};

use super::plan::{Plan, millis};

const NO_ERROR: u32 = 0x0;
const INTERNAL_ERROR: u32 = 0x2;
const CANCEL: u32 = 0x8;

/// What servers say on connections that have been idle for too long: to nobody.
const TIMED_OUT: &str = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Content that both sides know: of a request or of its response.
fn octets(plan: &Plan, number: u64) -> Bytes {
    let (mut rng, longest) = (Rng::new(plan.salt ^ number), plan.longest);
    let len = match rng.below(8) {
        0 => 0,
        1 => rng.within(&(0..=longest)),
        _ => rng.skewed(&(0..=longest)),
    };
    let start = rng.next_u64() as u8;
    (0..len).map(|at| start.wrapping_add((at % 251) as u8)).collect()
}

/// The content of the response to a request.
pub(super) fn content_of(plan: &Plan, id: u64) -> Bytes {
    octets(plan, id)
}

/// The content of a request.
pub(super) fn upload_of(plan: &Plan, id: u64) -> Bytes {
    octets(plan, id ^ 0x75_706c)
}

/// Whether the response to a request has trailers.
pub(super) fn has_trailers(id: u64) -> bool {
    id % 5 == 0
}

/// Whether the expectation of a request is refused, by 417.
pub(super) fn refuses_to_continue(id: u64) -> bool {
    id % 3 == 0
}

/// Requests whose content did not come as it was sent.
pub(super) type Mistakes = Arc<Mutex<Vec<String>>>;

/// A server of either version.
pub(super) struct Site {
    pub(super) rng: Rng,
    pub(super) plan: Plan,
    pub(super) mistakes: Mistakes,
}

impl Service for Site {
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        if let Some(mistake) = mistake_in(&request, &self.plan) {
            self.mistakes.lock().expect("sound").push(mistake);
        }
        self.answer(&request)
    }

    fn respond_early(&mut self, head: &SimRequest) -> Option<SimResponse> {
        if head.headers.contains_key("expect") && refuses_to_continue(id_of(head)) {
            return Some(labelled(SimResponse::new(417).unprocessed(), head));
        }
        (head.headers.contains_key("x-content") && self.rng.percent(8)).then(|| self.answer(head))
    }
}

impl Site {
    fn answer(&mut self, request: &SimRequest) -> SimResponse {
        let Self { rng, plan, .. } = self;
        let is_h2 = request.version == Version::HTTP_2;
        if is_h2 && rng.percent(plan.bad_answers) {
            match rng.below(7) {
                0 | 1 => return SimResponse::refuse(),
                2 => return SimResponse::reset(INTERNAL_ERROR),
                3 => return SimResponse::reset(CANCEL),
                4 => return SimResponse::silent(),
                _ => {}
            }
        }
        if rng.percent(2) {
            return labelled(SimResponse::new(503).unprocessed(), request);
        }
        let id = id_of(request);
        let content = content_of(plan, id);
        let len = content.len() as u64;
        let cut = rng.below(len + 1) as usize;
        let mut response = SimResponse::new(200).after(millis(rng.skewed(&(0..=600)) as u64));
        response = response.piece(content.slice(..cut));
        if rng.percent(15) {
            response = response.pause(millis(rng.below(2_500)));
        }
        response = response.piece(content.slice(cut..));
        if rng.percent(10) {
            response = response.interim(103);
        }
        if rng.percent(5) {
            response = response.close();
        }
        if has_trailers(id) {
            response = response.chunked().trailer("x-end", &id.to_string());
        } else if rng.percent(30) {
            response = response.chunked();
        }
        let response =
            if is_h2 { by_stream(response, len, plan, rng) } else { by_octets(response, len, plan, rng) };
        labelled(response, request)
    }
}

/// What becomes of the stream behind the response, or in its midst.
fn by_stream(response: SimResponse, len: u64, plan: &Plan, rng: &mut Rng) -> SimResponse {
    if !rng.percent(plan.bad_answers) {
        return response;
    }
    match rng.below(4) {
        // All is said: nothing more of the request is wanted.
        0 | 1 => response.reset_after(len, NO_ERROR),
        2 => response.reset_after(rng.below(len + 1), CANCEL),
        _ => response.reset_after(rng.below(len + 1), INTERNAL_ERROR),
    }
}

/// What becomes of the connection.
fn by_octets(response: SimResponse, len: u64, plan: &Plan, rng: &mut Rng) -> SimResponse {
    let by = [Ending::Fin, Ending::Reset, Ending::HalfClose][rng.below(3) as usize];
    let mut response = response;
    if rng.percent(4) {
        response = response.until_close();
    }
    if rng.percent(plan.bad_answers) {
        // Heads take some 150 octets.
        let octets = rng.skewed(&(0..=len as usize + 300)) as u64;
        return response.broken_off(if rng.percent(30) { 0 } else { octets }, by);
    }
    match rng.below(100) {
        leaves if leaves >= u64::from(plan.leaves) => response,
        0..=14 => response.then_end_at_next(rng.skewed(&(1..=2_000)), by),
        15..=24 => response.then_say(TIMED_OUT),
        _ => response.then_end_if_idle(millis(rng.skewed(&(0..=1_500)) as u64), by),
    }
}

/// Says which request it answers, and where that was seen.
fn labelled(response: SimResponse, request: &SimRequest) -> SimResponse {
    let place = request.stream.map_or(request.nth as u64, u64::from);
    response
        .header("x-answers", &id_of(request).to_string())
        .header("x-seen", &format!("{} {place}", request.connection))
}

fn id_of(request: &SimRequest) -> u64 {
    request.target.trim_start_matches('/').parse().unwrap_or_default()
}

fn mistake_in(request: &SimRequest, plan: &Plan) -> Option<String> {
    let id = id_of(request);
    let has_content = request.headers.contains_key("x-content");
    let expected = if has_content { upload_of(plan, id) } else { Bytes::new() };
    let (came, due) = (request.content.len(), expected.len());
    if request.content != expected {
        return Some(format!("{id}: {came} octets of content came, {due} were to come"));
    }
    let trailer = request.trailers.get("x-end").is_some();
    (trailer != request.headers.contains_key("x-trailers"))
        .then(|| format!("{id}: trailers came: {trailer}, of {:?}", request.headers))
}
