//! As much of a `Cargo.toml` as the rules need: the package's name and what it depends on.

/// When a dependency is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// `[dependencies]` and `[build-dependencies]`: users of the crate get it.
    Built,
    /// `[dev-dependencies]`: only its own tests see it.
    Tested,
    /// `[workspace.dependencies]`: nobody depends on it by this alone.
    Declared,
}

/// One line, or one section, that names a dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dependency {
    /// The name that the manifest knows it by.
    pub(super) key: String,
    /// The package, where the manifest says that it is called otherwise.
    pub(super) package: Option<String>,
    pub(super) used: Use,
    /// The line, from 1.
    pub(super) line: usize,
}

/// What a manifest says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) name: Option<String>,
    pub(super) dependencies: Vec<Dependency>,
}

impl Manifest {
    /// Reads line by line; values that go over several lines are passed over.
    pub(super) fn read(text: &str) -> Self {
        let mut manifest = Self::default();
        let mut section = Vec::new();
        let mut open = 0_isize;
        for (number, line) in text.lines().enumerate() {
            let line = without_comment(line).trim();
            let inside_a_value = open > 0;
            let header = !inside_a_value && line.starts_with('[');
            if !header {
                open += nesting(line);
            }
            if inside_a_value || line.is_empty() {
                continue;
            }
            if header {
                section = keys(line.trim_matches(['[', ']']));
                if let Some((used, Some(key))) = dependency_section(&section) {
                    manifest.dependencies.push(Dependency { key, package: None, used, line: number + 1 });
                }
            } else if let Some((key, value)) = line.split_once('=') {
                manifest.entry(&section, &keys(key), value.trim(), number + 1);
            }
        }
        manifest
    }

    fn entry(&mut self, section: &[String], key: &[String], value: &str, line: usize) {
        if section == ["package"] && key == ["name"] {
            self.name = quoted(value);
            return;
        }
        match (dependency_section(section), key) {
            (Some((used, None)), [first, below @ ..]) => {
                let package = match below {
                    [] => value.split_once("package").and_then(|(_, behind)| quoted(behind)),
                    [field] if field == "package" => quoted(value),
                    _ => None,
                };
                match self.dependencies.iter_mut().find(|known| known.key == *first && known.used == used) {
                    Some(known) => known.package = known.package.take().or(package),
                    None => self.dependencies.push(Dependency { key: first.clone(), package, used, line }),
                }
            }
            (Some((_, Some(_))), [field]) if field == "package" => {
                if let Some(last) = self.dependencies.last_mut() {
                    last.package = quoted(value);
                }
            }
            _ => {}
        }
    }
}

/// What a section says of dependencies: when they are there, and the name where the section is about one alone.
fn dependency_section(section: &[String]) -> Option<(Use, Option<String>)> {
    let at = section.iter().position(|part| part.ends_with("dependencies"))?;
    let used = match section[at].as_str() {
        "dev-dependencies" => Use::Tested,
        _ if section[0] == "workspace" => Use::Declared,
        _ => Use::Built,
    };
    Some((used, section.get(at + 1).cloned()))
}

fn keys(text: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut quote = None;
    for c in text.trim().chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '.') => keys.push(String::new()),
            (None, ' ') => {}
            _ => keys.last_mut().expect("there is always a last key").push(c),
        }
    }
    keys
}

fn quoted(text: &str) -> Option<String> {
    let mut parts = text.split('"');
    parts.nth(1).map(str::to_owned)
}

fn without_comment(line: &str) -> &str {
    outside_strings(line).find(|(_, c)| *c == '#').map_or(line, |(at, _)| &line[..at])
}

fn nesting(line: &str) -> isize {
    outside_strings(line)
        .map(|(_, c)| match c {
            '[' | '{' => 1,
            ']' | '}' => -1,
            _ => 0,
        })
        .sum()
}

fn outside_strings(line: &str) -> impl Iterator<Item = (usize, char)> {
    let mut quote = None;
    line.char_indices().filter(move |(_, c)| {
        let outside = quote.is_none();
        match quote {
            Some(open) if *c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(*c),
            _ => {}
        }
        outside && quote.is_none()
    })
}
