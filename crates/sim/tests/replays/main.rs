//! Connections that are lost under requests: rows S327-03 to S327-10, and the table of replays, row by row.
//!
//! The other rows of S327 are about idle connections, and in `pool_idle.rs` (01, 02, 09, 12 to 15, 19, 20), `tls.rs` (11)
//! and, for HTTP/2, `h2_scenarios` (16 in `idle.rs`, 17 and 18 in `ends.rs`).
//!
//! | row | the failure | sent again | test |
//! |---|---|---|---|
//! | 01 | found dead before any write | yes, and it is no attempt | `rules.rs` |
//! | 02 | HTTP/1.1 connection lost, used before, less than the head taken | any method, once | `rules.rs`; every octet in `requests_cut.rs` |
//! | 03 | the same, the head taken, idempotent or with a key | once | `rules.rs`; every way in `truncation` |
//! | 04 | the same, not idempotent | no | `rules.rs` |
//! | 05 | lost on a new connection | no | `rules.rs` |
//! | 06 | an octet of an answer had come | never | `rules.rs`; every octet in `truncation` |
//! | 07 | content that was asked for and cannot be had again | never | `rules.rs` |
//! | 08 | a timeout | no | `rules.rs` |
//! | 09 | HTTP/2, above the last stream of GOAWAY | any method, up to three times | `h2_scenarios/goaway.rs`, `replay.rs` |
//! | 10 | HTTP/2, REFUSED_STREAM | any method, up to three times | `h2_scenarios/replay.rs` |
//! | 11 | HTTP/2, never sent | any method, once | `h2_scenarios/replay.rs` |
//! | 12 | HTTP/2, up to the last stream, then lost | as 03 | `h2_scenarios/replay.rs`, `goaway.rs` |
//! | 13 | HTTP/2, HTTP_1_1_REQUIRED | once by HTTP/1.1 | `h2_scenarios/http1_required.rs` |
//! | 14 | no connection | only if it is asked for | `rules.rs`, `retry_policy.rs` |
//! | 15 | 408 as the answer on a used connection | no, it is delivered | `rules.rs` |

#![cfg(feature = "tls")]

#[path = "../common/mod.rs"]
mod common;
mod rules;
mod stale;
mod world;
