//! The paths that a source text names, with the trees of `use` taken apart.

use super::tokens::{Kind, Token};

/// One path: `use a::{b, c as d}` makes two, `a::b::f()` one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedPath {
    /// `["crate", "h1", "cycle"]`.
    pub(super) segments: Vec<String>,
    /// Whether `::*` ends it.
    pub(super) glob: bool,
    /// What `as` calls it.
    pub(super) alias: Option<String>,
    /// Whether `use` or `extern crate` brings it in, and not an expression or a type.
    pub(super) imported: bool,
    /// The inline modules of the file that the path stands in.
    pub(super) inside: Vec<String>,
    /// The line of its last segment.
    pub(super) line: usize,
    /// Whether it stands in an item under `#[cfg(test)]`.
    pub(super) in_test: bool,
}

/// The paths in `tokens`, in their order; a lone word counts as a path of one segment.
pub(super) fn paths(tokens: &[Token]) -> Vec<NamedPath> {
    let mut reader = PathReader { tokens, inside: Vec::new(), depth: 0, importing: false, found: Vec::new() };
    let mut at = 0;
    while at < tokens.len() {
        at = reader.step(at);
    }
    reader.found
}

struct PathReader<'a> {
    tokens: &'a [Token],
    /// The open inline modules, each with the depth of braces outside of it.
    inside: Vec<(String, usize)>,
    depth: usize,
    /// Between `use` and its semicolon.
    importing: bool,
    found: Vec<NamedPath>,
}

impl PathReader<'_> {
    fn step(&mut self, at: usize) -> usize {
        match &self.tokens[at].kind {
            Kind::Sign('{') => {
                if let (Some(Kind::Word(name)), true) =
                    (self.kind_before(at, 1), self.word_before(at, 2, "mod"))
                {
                    self.inside.push((name.clone(), self.depth));
                }
                self.depth += 1;
                at + 1
            }
            Kind::Sign('}') => {
                self.depth = self.depth.saturating_sub(1);
                self.inside.retain(|(_, outside)| *outside < self.depth);
                at + 1
            }
            Kind::Sign(';') => {
                self.importing = false;
                at + 1
            }
            // `+ use<'a>` captures lifetimes and imports nothing.
            Kind::Word(word) if word == "use" => {
                self.importing = !self.tokens.get(at + 1).is_some_and(|next| next.is_sign('<'));
                at + 1
            }
            Kind::Word(_) if self.kind_before(at, 1) != Some(&Kind::Sign('.')) => {
                let external = self.word_before(at, 1, "crate") && self.word_before(at, 2, "extern");
                self.tree(at, &[], self.importing || external)
            }
            _ => at + 1,
        }
    }

    fn kind_before(&self, at: usize, back: usize) -> Option<&Kind> {
        at.checked_sub(back).map(|before| &self.tokens[before].kind)
    }

    fn word_before(&self, at: usize, back: usize, word: &str) -> bool {
        at.checked_sub(back).is_some_and(|before| self.tokens[before].is_word(word))
    }

    /// Reads the path or tree of paths that begins at `at`, below `prefix`; returns where it ends.
    fn tree(&mut self, mut at: usize, prefix: &[String], imported: bool) -> usize {
        let mut segments = prefix.to_vec();
        let mut line = self.tokens[at.min(self.tokens.len() - 1)].line;
        let mut glob = false;
        while let Some(token) = self.tokens.get(at) {
            match &token.kind {
                Kind::Word(word) if word == "self" && !prefix.is_empty() => line = token.line,
                Kind::Word(word) => {
                    segments.push(word.clone());
                    line = token.line;
                }
                Kind::Sign('*') => {
                    glob = true;
                    line = token.line;
                    at += 1;
                    break;
                }
                Kind::Sign('{') => return self.branches(at + 1, &segments, imported),
                _ => break,
            }
            at += 1;
            if self.tokens.get(at).map(|token| &token.kind) != Some(&Kind::PathSeparator) {
                break;
            }
            at += 1;
        }
        let mut alias = None;
        if imported && self.tokens.get(at).is_some_and(|token| token.is_word("as")) {
            if let Some(Kind::Word(name)) = self.tokens.get(at + 1).map(|token| &token.kind) {
                alias = Some(name.clone());
                at += 2;
            }
        }
        let inside = self.inside.iter().map(|(name, _)| name.clone()).collect();
        let in_test = self.tokens.get(at.saturating_sub(1)).is_some_and(|token| token.in_test);
        self.found.push(NamedPath { segments, glob, alias, imported, inside, line, in_test });
        at
    }

    fn branches(&mut self, mut at: usize, prefix: &[String], imported: bool) -> usize {
        while let Some(token) = self.tokens.get(at) {
            match token.kind {
                Kind::Sign('}') => return at + 1,
                Kind::Word(_) | Kind::Sign('*') => at = self.tree(at, prefix, imported),
                _ => at += 1,
            }
        }
        at
    }
}
