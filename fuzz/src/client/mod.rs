//! Bodies for the whole client, which runs in the simulator.

mod fields;
mod h2;
mod octets;
mod sim;
mod tube;
mod url;
mod wish;

pub use self::fields::client_fields;
pub use self::h2::h2_octets;
pub use self::octets::client_octets;
pub use self::sim::client_sim;
pub use self::url::url;

#[cfg(test)]
mod tests;
