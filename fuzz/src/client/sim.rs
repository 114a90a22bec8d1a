//! Many requests in a world that does its worst.

use martlet_tests::soak::run_octets;

/// A run of the simulated workload, of which the octets decide everything: who asks for what, who gives up, and what
/// servers, network and machine do and when. It is judged by all that holds in runs from seeds.
///
/// # Panics
///
/// If an invariant is broken. The text has the trace of the run.
pub fn client_sim(data: &[u8]) {
    if run_octets(data, false).judged.is_err() {
        // The same again, with all that happened on the network.
        let verdict = run_octets(data, true);
        panic!("{}\n{:#?}", verdict.trace, verdict.judged);
    }
}
