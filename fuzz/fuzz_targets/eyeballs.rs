//! Runs `martlet_fuzz::eyeballs` under libFuzzer, or over the files named as arguments.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| martlet_fuzz::eyeballs(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    martlet_fuzz::replay(martlet_fuzz::eyeballs)
}
