//! A fuzz target as the judge of a mistake.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::applied;
use super::fuzz_list::FuzzMutant;
use super::place::Place;
use crate::fuzz::{Fuzzing, Purpose, Target, build, fuzz, missing_tool, program, targets};
use crate::shell::{Failure, root};

/// Within this time a mistake must be found.
const LONGEST: Duration = Duration::from_secs(60);

/// Makes each mistake, and returns those that are not found.
pub(super) fn judge(place: &Place, mutants: &[&FuzzMutant]) -> Result<Vec<&'static str>, Failure> {
    if let Some(missing) = missing_tool() {
        return Err(Failure::new(format!("the mistakes that fuzz targets find need them: {missing}")));
    }
    let targets = targets(&place.build.join("seeds"))?;
    println!("{:<20} {:<20} {:>6}  found as", "mistake", "target", "time");
    let mut survivors = Vec::new();
    let mut sound = Vec::new();
    for FuzzMutant { target, mutant } in mutants {
        let known = targets.iter().find(|known| known.name == *target);
        let known = known.ok_or_else(|| Failure::new(format!("there is no target `{target}`")))?;
        if !sound.contains(target) {
            if let (_, Some(message)) = run(place, known, Duration::from_secs(2))? {
                return Err(Failure::new(format!("`{target}` fails without any mistake: {message}")));
            }
            sound.push(*target);
        }
        let text = fs::read_to_string(root().join(mutant.file)).map_err(Failure::of(mutant.file))?;
        place.write(Path::new(mutant.file), applied(mutant, &text)?.as_bytes())?;
        let found = run(place, known, LONGEST);
        place.restore(Path::new(mutant.file))?;
        let (time, message) = found?;
        let what = message.unwrap_or_else(|| {
            survivors.push(mutant.name);
            format!("NOT FOUND: {}", mutant.breaks)
        });
        println!("{:<20} {target:<20} {:>4} s  {what}", mutant.name, time.as_secs());
    }
    Ok(survivors)
}

/// Builds the copy and fuzzes from the committed inputs: how long it ran, and what was found.
fn run(place: &Place, target: &Target, time: Duration) -> Result<(Duration, Option<String>), Failure> {
    let built = place.build.join("fuzz");
    build(&place.tree, &built, Some(&target.name), Purpose::Proof)?;
    let found = built.join("found");
    if found.exists() {
        fs::remove_dir_all(&found).map_err(Failure::of(found.display()))?;
    }
    let committed = place.tree.join("fuzz/corpus").join(&target.name);
    let began = Instant::now();
    let outcome = fuzz(&Fuzzing {
        program: &program(&built, &target.name)?,
        target,
        corpora: &[found, committed],
        place: &built,
        time,
        tells: false,
    })?;
    Ok((began.elapsed(), outcome.failed.map(|failed| failed.message)))
}
