//! What servers answer, and what is known beforehand about it.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::Version;
use martlet_sim::{Rng, SimRequest, SimResponse};

use crate::plan::{Plan, millis};

const NO_ERROR: u32 = 0x0;
const INTERNAL_ERROR: u32 = 0x2;
const CANCEL: u32 = 0x8;

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
pub(crate) fn content_of(plan: &Plan, id: u64) -> Bytes {
    octets(plan, id)
}

/// The content of a request.
pub(crate) fn upload_of(plan: &Plan, id: u64) -> Bytes {
    octets(plan, id ^ 0x75_706c)
}

/// Whether the response to a request has trailers.
pub(crate) fn has_trailers(id: u64) -> bool {
    id % 5 == 0
}

/// Requests whose content did not come as it was sent.
pub(crate) type Mistakes = Arc<Mutex<Vec<String>>>;

pub(crate) fn service(
    mut rng: Rng,
    plan: Plan,
    mistakes: Mistakes,
) -> impl FnMut(SimRequest) -> SimResponse + Send + 'static {
    move |request| {
        let id: u64 = request.target.trim_start_matches('/').parse().unwrap_or_default();
        if let Some(mistake) = mistake_in(&request, id, &plan) {
            mistakes.lock().expect("sound").push(mistake);
        }
        let content = content_of(&plan, id);
        let is_h2 = request.version == Version::HTTP_2;
        let len = content.len() as u64;
        let cut = rng.below(len + 1) as usize;
        if is_h2 && rng.percent(plan.bad_answers) {
            match rng.below(7) {
                0 | 1 => return SimResponse::refuse(),
                2 => return SimResponse::reset(INTERNAL_ERROR),
                3 => return SimResponse::reset(CANCEL),
                4 => return SimResponse::silent(),
                _ => {}
            }
        }
        let mut response = SimResponse::new(200).after(millis(rng.skewed(&(0..=600)) as u64));
        response = response.piece(content.slice(..cut));
        if rng.percent(15) {
            response = response.pause(millis(rng.below(2_500)));
        }
        response = response.piece(content.slice(cut..));
        if is_h2 && rng.percent(plan.bad_answers) {
            response = match rng.below(4) {
                // All is said: nothing more of the request is wanted.
                0 | 1 => response.reset_after(len, NO_ERROR),
                2 => response.reset_after(rng.below(len + 1), CANCEL),
                _ => response.reset_after(rng.below(len + 1), INTERNAL_ERROR),
            };
        }
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
        response
    }
}

fn mistake_in(request: &SimRequest, id: u64, plan: &Plan) -> Option<String> {
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
