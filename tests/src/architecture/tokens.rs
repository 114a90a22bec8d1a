//! Rust text as words and signs, without comments and the insides of literals.

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word: an identifier or a keyword, raw ones without their `r#`.
    Word(String),
    /// `::`.
    PathSeparator,
    /// Any other sign, one character at a time.
    Sign(char),
    /// A literal or a lifetime: its text is of no interest.
    Other,
}

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// The line, from 1.
    pub(super) line: usize,
    /// Whether it belongs to an item under `#[cfg(test)]`.
    pub(super) in_test: bool,
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(&self.kind, Kind::Word(own) if own == word)
    }

    pub(super) fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }
}

/// Reads `text` into tokens and marks those of items under `#[cfg(test)]`.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut scanner = Scanner { chars: text.chars().collect(), at: 0, line: 1, tokens: Vec::new() };
    scanner.run();
    let mut tokens = scanner.tokens;
    mark_tests(&mut tokens);
    tokens
}

struct Scanner {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Scanner {
    fn run(&mut self) {
        while let Some(c) = self.peek(0) {
            match c {
                _ if c.is_whitespace() => self.advance(1),
                '/' if self.peek(1) == Some('/') => self.skip_line(),
                '/' if self.peek(1) == Some('*') => self.skip_block_comment(),
                '"' => self.string(),
                '\'' => self.quote(),
                _ if c.is_ascii_digit() => self.number(),
                _ if is_word_char(c) => self.word(),
                ':' if self.peek(1) == Some(':') => {
                    self.push(Kind::PathSeparator);
                    self.advance(2);
                }
                _ => {
                    self.push(Kind::Sign(c));
                    self.advance(1);
                }
            }
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn advance(&mut self, count: usize) {
        for _ in 0..count {
            if self.peek(0) == Some('\n') {
                self.line += 1;
            }
            self.at += 1;
        }
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, line: self.line, in_test: false });
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.advance(1);
        }
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.peek(0).is_some() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.advance(2);
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.advance(2);
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.advance(1),
            }
        }
    }

    fn string(&mut self) {
        self.push(Kind::Other);
        self.advance(1);
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.advance(2),
                '"' => return self.advance(1),
                _ => self.advance(1),
            }
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        self.push(Kind::Other);
        self.advance(hashes + 1);
        while let Some(c) = self.peek(0) {
            self.advance(1);
            if c == '"' && (0..hashes).all(|i| self.peek(i) == Some('#')) {
                return self.advance(hashes);
            }
        }
    }

    /// A character literal or a lifetime: only the former ends in a quote.
    fn quote(&mut self) {
        self.push(Kind::Other);
        let lifetime = self.peek(1).is_some_and(is_word_char) && self.peek(2) != Some('\'');
        self.advance(1);
        if lifetime {
            while self.peek(0).is_some_and(is_word_char) {
                self.advance(1);
            }
            return;
        }
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.advance(2),
                '\'' => return self.advance(1),
                _ => self.advance(1),
            }
        }
    }

    fn number(&mut self) {
        self.push(Kind::Other);
        while self.peek(0).is_some_and(is_word_char) {
            self.advance(1);
        }
    }

    fn word(&mut self) {
        let start = self.at;
        while self.peek(0).is_some_and(is_word_char) {
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        let hashes = (0..).take_while(|i| self.peek(*i) == Some('#')).count();
        match word.as_str() {
            "r" | "br" | "cr" if self.peek(hashes) == Some('"') => self.raw_string(hashes),
            "b" | "c" if self.peek(0) == Some('"') => self.string(),
            "b" if self.peek(0) == Some('\'') => self.quote(),
            "r" if hashes == 1 && self.peek(1).is_some_and(is_word_char) => {
                self.advance(1);
                self.word();
            }
            _ => self.push(Kind::Word(word)),
        }
    }
}

fn is_word_char(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn mark_tests(tokens: &mut [Token]) {
    let mut at = 0;
    while at < tokens.len() {
        if starts_test_attribute(&tokens[at..]) {
            let end = end_of_item(tokens, at);
            tokens[at..end].iter_mut().for_each(|token| token.in_test = true);
            at = end;
        } else {
            at += 1;
        }
    }
}

/// `#[cfg(test)]` or `#[cfg(all(test, ...))]`.
fn starts_test_attribute(tokens: &[Token]) -> bool {
    let matches = |at: usize, text: &str| {
        tokens.get(at).is_some_and(|token| match &token.kind {
            Kind::Word(word) => word == text,
            Kind::Sign(sign) => text.len() == 1 && text.starts_with(*sign),
            _ => false,
        })
    };
    let all = |texts: &[&str]| texts.iter().enumerate().all(|(at, text)| matches(at, text));
    all(&["#", "[", "cfg", "(", "test", ")", "]"]) || all(&["#", "[", "cfg", "(", "all", "(", "test", ","])
}

/// Behind the `;` or the closing brace that ends the item whose first attribute stands at `start`.
fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut in_attribute = false;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.kind {
            Kind::Sign('#') if depth == 0 => in_attribute = true,
            Kind::Sign('(' | '[' | '{') => depth += 1,
            Kind::Sign(close @ (')' | ']' | '}')) => {
                depth = depth.saturating_sub(1);
                if depth == 0 && close == ']' && in_attribute {
                    in_attribute = false;
                } else if depth == 0 && close == '}' && !continues(tokens.get(at + 1)) {
                    return at + 1;
                }
            }
            Kind::Sign(';') if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// `use a::{b};` goes on behind its brace.
fn continues(next: Option<&Token>) -> bool {
    next.is_some_and(|token| token.is_sign(';'))
}
