//! Many requests to origins of both versions over few connections, with servers that do their worst: many seeds.

mod adversary;
mod check;
mod job;
mod plan;
mod run;
mod seeds;
mod site;
