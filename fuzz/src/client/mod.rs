//! Bodies for the whole client, which runs in the simulator.

mod sim;

pub use self::sim::client_sim;

#[cfg(test)]
mod tests;
