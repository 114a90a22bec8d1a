//! Tells a runner of the targets what it needs: prints the name and the dictionary of each, and writes what seeds it has
//! beside its corpus into a folder of its name under the one that is given.

use std::{env, fs, io, path::PathBuf};

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    for target in martlet_fuzz::TARGETS {
        println!("{} {}", target.name, target.dictionary.unwrap_or("-"));
        let Some(folder) = folder.as_ref().map(|folder| folder.join(target.name)) else { continue };
        fs::create_dir_all(&folder)?;
        for seed in martlet_fuzz::seeds(target.name)? {
            fs::write(folder.join(&seed.id), &seed.octets)?;
        }
    }
    Ok(())
}
