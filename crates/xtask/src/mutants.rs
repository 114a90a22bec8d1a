//! `mutants`: the soak and the fuzz targets are judges only if they find what is wrong. Mistakes are made on purpose, one at
//! a time, in a copy of the tree, and each must be found.

mod fuzz_list;
mod fuzzed;
mod list;
mod place;
mod soaked;

#[cfg(test)]
mod tests;

use self::fuzz_list::{FUZZ_MUTANTS, FuzzMutant};
use self::list::{MUTANTS, Mutant};
use self::place::Place;
use crate::shell::Failure;

/// All mistakes, those of one judge (`soak` or `fuzz`), or one of them.
pub(crate) fn run(only: Option<&str>) -> Result<(), Failure> {
    let is_chosen =
        |judge: &str, mutant: &Mutant| only.is_none_or(|only| only == judge || only == mutant.name);
    let soaked: Vec<&Mutant> = MUTANTS.iter().filter(|mutant| is_chosen("soak", mutant)).collect();
    let fuzzed: Vec<&FuzzMutant> =
        FUZZ_MUTANTS.iter().filter(|mutant| is_chosen("fuzz", &mutant.mutant)).collect();
    if soaked.is_empty() && fuzzed.is_empty() {
        let names: Vec<_> = all().map(|mutant| mutant.name).collect();
        return Err(Failure::new(format!("there is no such mutant; there are {}", names.join(", "))));
    }
    let place = Place::new()?;
    place.copy()?;
    let mut survivors = Vec::new();
    if !soaked.is_empty() {
        survivors.extend(soaked::judge(&place, &soaked)?);
    }
    if !fuzzed.is_empty() {
        survivors.extend(fuzzed::judge(&place, &fuzzed)?);
    }
    match survivors[..] {
        [] => Ok(()),
        _ => Err(Failure::new(format!("not found: {}", survivors.join(", ")))),
    }
}

fn all() -> impl Iterator<Item = &'static Mutant> {
    MUTANTS.iter().chain(FUZZ_MUTANTS.iter().map(|mutant| &mutant.mutant))
}

/// The text of the file with the mistake in it.
fn applied(mutant: &Mutant, text: &str) -> Result<String, Failure> {
    match text.matches(mutant.find).count() {
        1 => Ok(text.replace(mutant.find, mutant.replace)),
        n => Err(Failure::new(format!(
            "`{}` does not apply any more: what it replaces stands {n} times in {}",
            mutant.name, mutant.file
        ))),
    }
}
