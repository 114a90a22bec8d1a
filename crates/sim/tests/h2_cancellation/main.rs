//! Requests over HTTP/2 that are dropped, in every state, alone and beside others on their connection.

mod client_gone;
mod homes;
mod many;
mod polls;
mod states;
mod world;
