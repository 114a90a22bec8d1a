//! Bodies for the whole client, which runs in the simulator.

mod sim;
mod url;

pub use self::sim::client_sim;
pub use self::url::url;

#[cfg(test)]
mod tests;
