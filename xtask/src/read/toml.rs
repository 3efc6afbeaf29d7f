//! The part of TOML that manifests use, flattened: every value with its whole path and its line.
//!
//! `tokio = { workspace = true }` under `[dependencies]`, `tokio.workspace = true` there, and `workspace = true` under
//! `[dependencies.tokio]` all read as the path `dependencies`, `tokio`, `workspace`.

use std::iter::Peekable;

/// A value at its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) path: Vec<String>,
    pub(crate) value: Value,
    pub(crate) line: usize,
}

/// What stands behind the `=`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A string.
    Text(String),
    /// A list; what is in it is kept when it is a string.
    List(Vec<String>),
    /// Anything else, verbatim: `true`, `1.5`.
    Bare(String),
}

impl Value {
    /// The string, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::List(_) | Self::Bare(_) => None,
        }
    }

    /// Whether it is `true`.
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::Bare(word) if word == "true")
    }
}

/// Reads a manifest; the error is the line that cannot be read.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, usize> {
    let mut reader = Reader {
        chars: text.chars().peekable(),
        line: 1,
        entries: Vec::new(),
    };
    reader.document().ok_or(reader.line)?;
    Ok(reader.entries)
}

struct Reader<I: Iterator<Item = char>> {
    chars: Peekable<I>,
    line: usize,
    entries: Vec<Entry>,
}

/// Each method returns nothing when what it reads is not what it expects.
impl<I: Iterator<Item = char>> Reader<I> {
    fn document(&mut self) -> Option<()> {
        let mut table = Vec::new();
        loop {
            self.skip_blank_lines();
            match self.chars.peek() {
                None => return Some(()),
                Some('[') => table = self.header()?,
                Some(_) => self.pair(&table)?,
            }
            self.skip_blanks();
            self.end_of_line()?;
        }
    }

    /// `[a.b]` or `[[a]]`.
    fn header(&mut self) -> Option<Vec<String>> {
        let mut depth = 0;
        while self.take_if('[') {
            depth += 1;
        }
        let path = self.key()?;
        for _ in 0..depth {
            self.expect(']')?;
        }
        Some(path)
    }

    /// `key = value`; the entries of an inline table are added one by one.
    fn pair(&mut self, table: &[String]) -> Option<()> {
        let line = self.line;
        let mut path = table.to_vec();
        path.extend(self.key()?);
        self.expect('=')?;
        self.skip_blanks();
        if self.take_if('{') {
            return self.inline_table(&path);
        }
        let value = self.value()?;
        self.entries.push(Entry { path, value, line });
        Some(())
    }

    fn inline_table(&mut self, path: &[String]) -> Option<()> {
        loop {
            self.skip_blank_lines();
            if self.take_if('}') {
                return Some(());
            }
            self.pair(path)?;
            self.skip_blank_lines();
            if !self.take_if(',') {
                return self.expect('}');
            }
        }
    }

    /// `a."b c".d`
    fn key(&mut self) -> Option<Vec<String>> {
        let mut path = Vec::new();
        loop {
            self.skip_blanks();
            path.push(match self.chars.peek()? {
                '"' | '\'' => self.string()?,
                _ => self.bare()?,
            });
            self.skip_blanks();
            if !self.take_if('.') {
                return Some(path);
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        match self.chars.peek()? {
            '"' | '\'' => self.string().map(Value::Text),
            '[' => self.list().map(Value::List),
            _ => {
                let mut word = self.bare()?;
                while self.take_if('.') {
                    word = format!("{word}.{}", self.bare()?);
                }
                Some(Value::Bare(word))
            }
        }
    }

    fn list(&mut self) -> Option<Vec<String>> {
        self.expect('[')?;
        let mut strings = Vec::new();
        loop {
            self.skip_blank_lines();
            if self.take_if(']') {
                return Some(strings);
            }
            if self.take_if('{') {
                self.inline_table(&["".to_owned()])?;
                self.entries.retain(|entry| !entry.path[0].is_empty());
            } else if let Value::Text(text) = self.value()? {
                strings.push(text);
            }
            self.skip_blank_lines();
            if !self.take_if(',') {
                self.expect(']')?;
                return Some(strings);
            }
        }
    }

    /// A string on one line. Escapes keep their backslash: no manifest here needs them.
    fn string(&mut self) -> Option<String> {
        let quote = self.chars.next()?;
        let mut text = String::new();
        loop {
            match self.chars.next()? {
                '\n' => return None,
                end if end == quote => return Some(text),
                '\\' if quote == '"' => text.extend(['\\', self.chars.next()?]),
                other => text.push(other),
            }
        }
    }

    fn bare(&mut self) -> Option<String> {
        let mut word = String::new();
        while let Some(next) = self
            .chars
            .next_if(|next| next.is_alphanumeric() || matches!(next, '-' | '_' | '+'))
        {
            word.push(next);
        }
        (!word.is_empty()).then_some(word)
    }

    fn take_if(&mut self, wanted: char) -> bool {
        self.chars.next_if_eq(&wanted).is_some()
    }

    fn expect(&mut self, wanted: char) -> Option<()> {
        self.skip_blanks();
        self.take_if(wanted).then_some(())
    }

    fn end_of_line(&mut self) -> Option<()> {
        match self.chars.peek() {
            None | Some('\n' | '\r' | '#') => Some(()),
            Some(_) => None,
        }
    }

    fn skip_blanks(&mut self) {
        while self.chars.next_if(|next| matches!(next, ' ' | '\t')).is_some() {}
    }

    /// Blanks, comments and line ends.
    fn skip_blank_lines(&mut self) {
        while let Some(&next) = self.chars.peek() {
            match next {
                '\n' => self.line += 1,
                '#' => while self.chars.next_if(|next| *next != '\n').is_some() {},
                ' ' | '\t' | '\r' => {}
                _ => return,
            }
            if next != '#' {
                self.chars.next();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &[&str], value: Value, line: usize) -> Entry {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        Entry { path, value, line }
    }

    #[test]
    fn the_three_ways_to_write_a_table_read_alike() {
        for text in [
            "[dependencies]\ntokio = { workspace = true }",
            "[dependencies]\ntokio.workspace = true",
            "[dependencies.tokio] # a comment\nworkspace = true\n",
        ] {
            let expected = entry(
                &["dependencies", "tokio", "workspace"],
                Value::Bare("true".to_owned()),
                2,
            );
            assert_eq!(parse(text), Ok(vec![expected]), "{text}");
        }
    }

    #[test]
    fn lists_span_lines_and_keep_their_strings() {
        let text = "# first\nfeatures = [\n  'rt', # why\n  \"time\",\n]\nlast = 1.5\n";
        let list = Value::List(vec!["rt".to_owned(), "time".to_owned()]);
        let expected = vec![
            entry(&["features"], list, 2),
            entry(&["last"], Value::Bare("1.5".to_owned()), 6),
        ];
        assert_eq!(parse(text), Ok(expected));
    }

    #[test]
    fn keys_may_be_quoted() {
        let text = "[target.'cfg(unix)'.dependencies]\n\"a b\" = '''";
        assert_eq!(parse(text), Err(2));
        let text = "[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"";
        let path = ["target", "cfg(unix)", "dependencies", "libc"];
        assert_eq!(parse(text), Ok(vec![entry(&path, Value::Text("0.2".to_owned()), 2)]));
    }

    #[test]
    fn lists_of_tables_are_read_over() {
        let text = "[lints]\nmethods = [\n  { path = \"a\", reason = \"b, c\" },\n]\nx = true\n";
        let entries = parse(text).expect("it can be read");
        assert_eq!(entries.len(), 2);
        assert!(entries[1].value.is_true());
        assert_eq!(entries[1].line, 5);
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line() {
        assert_eq!(parse("a = 1\nb = \n"), Err(2));
        assert_eq!(parse("a = 1 2\n"), Err(1));
        assert_eq!(parse("\n[a\n"), Err(2));
        assert_eq!(parse("a = \"open\n"), Err(1));
    }
}
