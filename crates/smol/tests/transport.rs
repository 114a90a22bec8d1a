//! `Smol` does what every adapter does, under an executor that knows nothing of it.

#[path = "adapter/mod.rs"]
mod adapter;
mod executor;

use martlet_smol::{Smol, Tcp};

use self::executor::run;

const RUNTIME: Smol = Smol;
