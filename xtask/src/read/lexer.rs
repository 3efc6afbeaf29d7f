//! Rust source as tokens and comments. Literals keep no content, so that no rule trips over what a string says.

/// A word, a number, a literal (`""`) or one character of punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// One line of comment, with its slashes and without the blanks around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Comment {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Takes the source apart. Source that does not compile gives some tokens, never a panic.
pub(crate) fn lex(text: &str) -> (Vec<Token>, Vec<Comment>) {
    let mut lexer = Lexer {
        chars: text.chars().collect(),
        at: 0,
        line: 1,
        tokens: Vec::new(),
        comments: Vec::new(),
    };
    while let Some(first) = lexer.peek(0) {
        lexer.step(first);
    }
    (lexer.tokens, lexer.comments)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    fn step(&mut self, first: char) {
        match (first, self.peek(1)) {
            ('/', Some('/')) => self.line_comment(),
            ('/', Some('*')) => self.block_comment(),
            ('"', _) => self.string(),
            ('\'', _) => self.character_or_lifetime(),
            _ if is_word(first) => self.word(),
            _ => {
                if !first.is_whitespace() {
                    self.push(first.to_string(), self.line);
                }
                self.bump();
            }
        }
    }

    fn push(&mut self, text: String, line: usize) {
        self.tokens.push(Token { text, line });
    }

    fn comment(&mut self, from: usize, line: usize) {
        let text: String = self.chars[from..self.at].iter().collect();
        for (line, text) in (line..).zip(text.lines()) {
            let text = text.trim().to_owned();
            self.comments.push(Comment { text, line });
        }
    }

    fn line_comment(&mut self) {
        let (from, line) = (self.at, self.line);
        while self.peek(0).is_some_and(|next| next != '\n') {
            self.at += 1;
        }
        self.comment(from, line);
    }

    fn block_comment(&mut self) {
        let (from, line) = (self.at, self.line);
        let mut depth = 0_usize;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                }
                (Some(_), _) => {
                    self.bump();
                }
                (None, _) => break,
            }
            if depth == 0 {
                break;
            }
        }
        self.comment(from, line);
    }

    fn string(&mut self) {
        let line = self.line;
        self.bump();
        while let Some(next) = self.bump() {
            match next {
                '"' => break,
                '\\' => {
                    self.bump();
                }
                _ => {}
            }
        }
        self.push("\"\"".to_owned(), line);
    }

    fn raw_string(&mut self, hashes: usize) {
        let line = self.line;
        self.at += hashes + 1;
        while let Some(next) = self.bump() {
            if next == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
        }
        self.push("\"\"".to_owned(), line);
    }

    fn character_or_lifetime(&mut self) {
        let line = self.line;
        if self.peek(1) == Some('\\') {
            self.at += 3;
            while self.bump().is_some_and(|next| next != '\'') {}
            self.push("''".to_owned(), line);
        } else if self.peek(2) == Some('\'') {
            self.at += 3;
            self.push("''".to_owned(), line);
        } else {
            self.bump();
            while self.peek(0).is_some_and(is_word) {
                self.at += 1;
            }
        }
    }

    fn word(&mut self) {
        let from = self.at;
        while self.peek(0).is_some_and(is_word) {
            self.at += 1;
        }
        let word: String = self.chars[from..self.at].iter().collect();
        let hashes = (0..).take_while(|&ahead| self.peek(ahead) == Some('#')).count();
        let quoted = self.peek(hashes) == Some('"');
        match word.as_str() {
            "r" | "br" | "cr" if quoted => self.raw_string(hashes),
            "b" | "c" if quoted && hashes == 0 => self.string(),
            _ => self.push(word, self.line),
        }
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        lex(source).0.into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn strings_of_every_kind_lose_their_content() {
        for source in [
            r#""todo!()""#,
            r##"r"todo!()""##,
            "r#\"say \"todo!()\" loud\"#",
            "b\"todo!()\"",
            "br##\"todo!()\"# \"##",
            "c\"todo!()\"",
            r#""an escaped \" todo!()""#,
        ] {
            assert_eq!(texts(source), ["\"\""], "{source}");
        }
    }

    #[test]
    fn characters_are_literals_and_lifetimes_are_nothing() {
        assert_eq!(texts(r"'{' '\'' '\u{7d}' b'}'"), ["''", "''", "''", "b", "''"]);
        assert_eq!(texts("&'a str"), ["&", "str"]);
    }

    #[test]
    fn raw_identifiers_are_words() {
        assert_eq!(texts("r#type"), ["r", "#", "type"]);
    }

    #[test]
    fn comments_are_kept_apart_line_by_line() {
        let (tokens, comments) = lex("/// one\nfn f() {} // two\n/* three /* nested */\n four */ x");
        assert_eq!(tokens.last().map(|token| token.line), Some(4));
        let expected = [
            (1, "/// one"),
            (2, "// two"),
            (3, "/* three /* nested */"),
            (4, "four */"),
        ];
        let found: Vec<_> = comments.iter().map(|c| (c.line, c.text.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_counted_across_strings_that_span_several() {
        let (tokens, _) = lex("\"a\nb\\\nc\"\nx");
        assert_eq!(tokens.last().map(|token| token.line), Some(4));
    }

    #[test]
    fn source_that_ends_in_the_middle_is_no_panic() {
        for source in ["\"abc", "r#\"abc", "/* abc", "'", "'\\", "b'", "r#"] {
            lex(source);
        }
    }
}
