//! HTTP/2 as the scenarios have it: the real client against servers that misbehave, refuse, go away and vanish.

#[path = "../common/mod.rs"]
mod common;

mod adversarial;
mod book;
mod ends;
mod expect;
mod fairness;
mod goaway;
mod http1_required;
mod idle;
mod keep_alive;
mod pool;
mod replay;
mod restarts;
mod settings;
mod shutdown;
mod suspicion;
mod truth;
mod uploads;
mod world;
