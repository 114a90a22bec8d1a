//! `h2_probe <tokio|smol> <CA file> <URL> <check>...`: martlet against a server of HTTP/2, and a line for each check.
//!
//! Over https the server chooses HTTP/2 by ALPN, without TLS it is known beforehand. The checks are in `checks.rs`; the two
//! of a server that is restarted, in `load.rs`, need somebody who restarts it.

#![forbid(unsafe_code)]

mod checks;
mod load;
mod martlets;

use std::error::Error;
use std::fs;
use std::process::ExitCode;

use crate::checks::Check;
use crate::martlets::{Runtime, Target};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runtime, ca, url, names @ ..] = &arguments[..] else {
        return Err("h2_probe <tokio|smol> <CA file> <URL> <check>...".into());
    };
    let runtime = Runtime::named(runtime).ok_or("the runtimes are `tokio` and `smol`")?;
    let checks: Option<Vec<Check>> = names.iter().map(|name| Check::named(name)).collect();
    let checks = checks.ok_or("there is no such check")?;
    let target = Target::new(runtime, fs::read(ca)?, url.clone());
    let all = async {
        let mut failed = false;
        for (name, check) in names.iter().zip(checks) {
            // Whoever reads this waits for each line.
            match check.run(&target).await {
                Ok(more) => println!("{name}: ok{more}"),
                Err(e) => {
                    failed = true;
                    println!("{name}: FAILED: {e}");
                }
            }
        }
        failed
    };
    let failed = match runtime {
        Runtime::Tokio => tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(all),
        Runtime::Smol => async_io::block_on(all),
    };
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
