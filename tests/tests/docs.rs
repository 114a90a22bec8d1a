//! What the documents name is there: files, headings, tests, cases of the corpus.

use std::{
    collections::HashMap,
    env, fs,
    path::{Component, Path, PathBuf},
};

/// Where files of somebody's machine stand, beside those of this one.
const ELSEWHERE: [&str; 5] = ["/home/", "/root/", "/Users/", "C:\\", "file://"];

#[test]
fn every_relative_link_of_the_documents_resolves() {
    let tree = Documents::real();
    tree.assert_no_findings(|documents, path, text| documents.dangling_links(path, text));
}

#[test]
fn every_file_test_and_case_that_the_documents_name_exists() {
    let tree = Documents::real();
    tree.assert_no_findings(|documents, _, text| documents.missing_references(text));
    let named = references(&tree.texts["docs/supported-http.md"]);
    assert!(named.iter().filter(|r| r.contains('#')).count() >= 50, "hardly a case is named any more");
    assert!(named.iter().filter(|r| r.contains("::")).count() >= 50, "hardly a test is named any more");
}

#[test]
fn no_document_names_a_path_of_a_machine() {
    Documents::real().assert_no_findings(|documents, _, text| {
        let here = [documents.root.clone(), env::temp_dir()].map(|path| path.to_string_lossy().into_owned());
        let paths = here.iter().map(String::as_str).filter(|path| path.len() > 1).chain(ELSEWHERE);
        paths.filter(|path| text.contains(path)).map(|path| format!("`{path}`")).collect()
    });
}

#[test]
fn every_file_of_the_corpus_and_every_adr_is_named_by_a_document() {
    let tree = Documents::real();
    let all: String = tree.texts.values().map(String::as_str).collect();
    for (folder, extension) in [("tests/corpus", "jsonl"), ("docs/adr", "md")] {
        for entry in fs::read_dir(tree.root.join(folder)).expect("the folder is there") {
            let path = entry.expect("a readable folder").path();
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            if name.ends_with(extension) && name != "README.md" {
                assert!(all.contains(&name), "{folder}/{name} is named nowhere");
            }
        }
    }
}

#[test]
fn every_kind_of_error_has_its_row() {
    let tree = Documents::real();
    let page = &tree.texts["docs/errors.md"];
    let (kinds, phases) = ("crates/client/src/error.rs", "crates/core/src/time/phase.rs");
    let mut missing = Vec::new();
    for (file, name, least) in
        [(kinds, "Kind", 10), (phases, "Phase", 8), ("crates/core/src/error.rs", "Closed", 3)]
    {
        let variants = variants(&fs::read_to_string(tree.root.join(file)).expect("a readable file"), name);
        assert!(variants.len() >= least, "{name} is not where it was: {variants:?}");
        for variant in variants {
            let row = match name {
                // When it is over the request goes on.
                "Phase" if variant == "Continue" => continue,
                "Phase" => format!("`Timeout({variant})`"),
                "Closed" => format!("| `Closed({variant})"),
                _ => format!("| `{variant}"),
            };
            if !page.contains(&row) {
                missing.push(row);
            }
        }
    }
    assert!(missing.is_empty(), "docs/errors.md says nothing of {missing:?}");
}

/// The names of the variants of an enum.
fn variants(source: &str, name: &str) -> Vec<String> {
    let body =
        source.split(&format!("pub enum {name} {{\n")).nth(1).and_then(|rest| rest.split("\n}").next());
    let lines = body.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("    "));
    let names = lines.filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()));
    names
        .map(|line| line.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned())
        .collect()
}

/// A check that finds nothing in the real documents must find what is wrong.
#[test]
fn a_link_or_name_that_leads_nowhere_is_found() {
    let tree = Documents::real();
    let links = |text: &str| tree.dangling_links("docs/limits.md", text);
    assert_eq!(links("[a](absent.md)"), ["absent.md"]);
    assert_eq!(links("[a](../README.md#absent) and [b](../README.md)"), ["../README.md#absent"]);
    assert_eq!(links("# Here\n\n[a](#here) [b](#there)"), ["#there"]);
    assert_eq!(links("[a](../../README.md)"), ["../../README.md"]);
    assert_eq!(links("[a]: absent.md"), ["absent.md"]);
    assert!(links("[a](https://example.test/) ![b](limits.md) `[c](absent.md)`").is_empty());
    assert!(links("```text\n[a](absent.md)\n```").is_empty());

    let names = |text: &str| tree.missing_references(text);
    assert_eq!(names("`tests/corpus/absent.jsonl`"), ["tests/corpus/absent.jsonl"]);
    assert_eq!(names("`tests/corpus/limits.jsonl#absent`"), ["tests/corpus/limits.jsonl#absent"]);
    assert_eq!(names("`tests/tests/docs.rs::absent`"), ["tests/tests/docs.rs::absent"]);
    let present = "`tests/tests/docs.rs::no_document_names_a_path_of_a_machine` `tests/corpus/limits.jsonl#lt-head-exact`";
    assert!(names(present).is_empty());
    assert!(names("`cargo run -- tests/corpus/*.jsonl` and `src/absent.rs`").is_empty());
}

/// The documents, by their paths from the root of the repository.
struct Documents {
    root: PathBuf,
    texts: HashMap<String, String>,
}

impl Documents {
    fn real() -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = package.parent().expect("the package stands inside the repository").to_path_buf();
        let mut documents = Self { root, texts: HashMap::new() };
        for path in ["README.md", "CHANGELOG.md", "tests/corpus/README.md"] {
            documents.read(Path::new(path));
        }
        documents.read_folder(Path::new("docs"));
        assert!(documents.texts.len() > 10, "the documents are not where they were");
        documents
    }

    fn read_folder(&mut self, folder: &Path) {
        for entry in fs::read_dir(self.root.join(folder)).expect("the folder is there") {
            let path = folder.join(entry.expect("a readable folder").file_name());
            if self.root.join(&path).is_dir() {
                self.read_folder(&path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                self.read(&path);
            }
        }
    }

    fn read(&mut self, path: &Path) {
        let text = fs::read_to_string(self.root.join(path)).expect("the document is readable");
        self.texts.insert(path.to_string_lossy().replace('\\', "/"), text);
    }

    #[track_caller]
    fn assert_no_findings(&self, check: impl Fn(&Self, &str, &str) -> Vec<String>) {
        let found = |(path, text): (&String, &String)| -> Vec<String> {
            check(self, path, text).into_iter().map(|what| format!("{path}: {what}")).collect()
        };
        let mut all: Vec<_> = self.texts.iter().flat_map(found).collect();
        all.sort();
        assert!(all.is_empty(), "\n{}", all.join("\n"));
    }

    /// The relative links of a document whose file or heading is not there.
    fn dangling_links(&self, path: &str, text: &str) -> Vec<String> {
        let leads_somewhere = |link: &String| {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { Some(path.to_owned()) } else { resolve(path, file) };
            let Some(target) = target.filter(|target| self.root.join(target).exists()) else {
                return false;
            };
            let own = (target == path).then_some(text);
            let linked = own.or_else(|| self.texts.get(&target).map(String::as_str));
            heading.is_empty() || linked.is_some_and(|text| has_heading(text, heading))
        };
        links(text).into_iter().filter(|link| !leads_somewhere(link)).collect()
    }

    /// The files, tests and cases that a text names in backticks and that are not there.
    fn missing_references(&self, text: &str) -> Vec<String> {
        let is_there = |reference: &String| {
            let (path, mark) = match (reference.split_once("::"), reference.split_once('#')) {
                (Some((path, test)), _) => (path, Some(format!("fn {test}("))),
                (None, Some((path, case))) => (path, Some(format!("\"id\": \"{case}\""))),
                (None, None) => (reference.as_str(), None),
            };
            let file = self.root.join(path);
            let Some(mark) = mark else { return file.exists() };
            fs::read_to_string(file).is_ok_and(|text| text.contains(&mark))
        };
        references(text).into_iter().filter(|reference| !is_there(reference)).collect()
    }
}

/// A path next to that of the document, from the root; `None` if it leads out of the repository.
fn resolve(document: &str, link: &str) -> Option<String> {
    let mut parts: Vec<String> = Vec::new();
    let folder = Path::new(document).parent()?;
    for component in folder.join(link).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::Prefix(_) | Component::RootDir => return None,
        }
    }
    Some(parts.join("/"))
}

/// The relative targets of inline links and of link definitions.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    let spans = prose.split('`').step_by(2).collect::<Vec<_>>().join("` `");
    let inline = spans.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let definitions = prose.lines().filter(|line| line.starts_with('['));
    let definitions = definitions.filter_map(|line| line.split_once("]: ")).map(|(_, target)| target.trim());
    let is_relative = |link: &&str| !link.contains("://") && !link.starts_with("mailto:");
    inline.chain(definitions).filter(is_relative).map(str::to_owned).collect()
}

/// What stands in backticks and begins like a path of the repository, without blanks and placeholders.
fn references(text: &str) -> Vec<String> {
    let prose = prose(text);
    let spans = prose.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let is_path = |span: &&str| {
        let rooted = ["crates/", "docs/", "fuzz/", "tests/"].iter().any(|root| span.starts_with(root));
        rooted && !span.contains([' ', '*', '<', '{'])
    };
    spans.filter(is_path).map(str::to_owned).collect()
}

/// The text without its fenced blocks.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let outside = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    outside.collect::<Vec<_>>().join("\n")
}

/// Whether a heading has this anchor: lower case, blanks as hyphens, no punctuation.
fn has_heading(text: &str, anchor: &str) -> bool {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| line.trim_start_matches('#').trim()).any(|heading| {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-") == anchor
    })
}
