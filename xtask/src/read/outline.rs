//! The outline of a Rust file: its attributes, functions and modules, and which of its lines are tests.

use std::ops::RangeInclusive;

use super::lexer::{Comment, Token, lex};

/// A Rust file, read.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) tokens: Vec<Token>,
    pub(crate) comments: Vec<Comment>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) functions: Vec<Function>,
    pub(crate) modules: Vec<Module>,
    test_lines: Vec<RangeInclusive<usize>>,
}

/// An attribute without its brackets and blanks, such as `tokio::test(start_paused=true)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// A function with a body or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The inline modules around it, outermost first.
    pub(crate) modules: Vec<String>,
    pub(crate) attributes: Vec<String>,
    /// From the first line after the item before it to the line of its name: its doc comment is in there.
    pub(crate) head: RangeInclusive<usize>,
}

/// `mod name { … }` or `mod name;`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) name: String,
    /// Only compiled for tests.
    pub(crate) is_test: bool,
    /// How many braces are open around it.
    pub(crate) depth: usize,
    pub(crate) line: usize,
    /// The line of its closing brace; none when it is another file.
    pub(crate) end: Option<usize>,
}

impl Outline {
    /// Reads a file's source.
    pub(crate) fn read(source: &str) -> Self {
        let (tokens, comments) = lex(source);
        let mut scanner = Scanner::default();
        let mut at = 0;
        while at < tokens.len() {
            at += scanner.step(&tokens[at..]);
        }
        Self {
            tokens,
            comments,
            ..scanner.found
        }
    }

    /// Whether this line is in a test or in a module that is only compiled for tests.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.iter().any(|lines| lines.contains(&line))
    }
}

impl Function {
    /// Whether the test harness runs it: `#[test]`, `#[tokio::test]` and the like.
    pub(crate) fn is_test(&self) -> bool {
        self.attributes.iter().any(|text| marks_test(text))
    }
}

fn marks_test(attribute: &str) -> bool {
    let path = attribute.split('(').next().unwrap_or_default();
    path == "test" || path.ends_with("::test")
}

fn marks_test_only(attribute: &str) -> bool {
    let all = attribute
        .strip_prefix("cfg(all(")
        .and_then(|rest| rest.strip_suffix("))"));
    attribute == "cfg(test)" || all.is_some_and(|conditions| conditions.split(',').any(|one| one == "test"))
}

/// Walks over the tokens; what it has not yet given to an item is pending.
#[derive(Default)]
struct Scanner {
    found: Outline,
    frames: Vec<Frame>,
    pending: Pending,
    /// Round and square brackets that are open in this frame.
    brackets: usize,
    /// The line on which the item before ended.
    boundary: usize,
}

#[derive(Default)]
struct Pending {
    attributes: Vec<Attribute>,
    module: Option<usize>,
    is_test: bool,
}

struct Frame {
    module: Option<usize>,
    test_from: Option<usize>,
    brackets: usize,
}

impl Scanner {
    /// Takes the first of these tokens, and those that belong to it; says how many.
    fn step(&mut self, tokens: &[Token]) -> usize {
        let text = |ahead: usize| tokens.get(ahead).map_or("", |token| token.text.as_str());
        let line = tokens[0].line;
        match (text(0), text(1)) {
            ("#", "[") => return 1 + self.outer_attribute(&tokens[1..]),
            ("#", "!") if text(2) == "[" => return 2 + self.inner_attribute(&tokens[2..]),
            ("mod", name) if matches!(text(2), "{" | ";") => {
                self.module(name, line);
                return 2;
            }
            ("fn", name) if is_name(name) => self.function(name, line),
            ("{", _) => self.open(line),
            ("}", _) => self.close(line),
            ("(" | "[", _) => self.brackets += 1,
            (")" | "]", _) => self.brackets = self.brackets.saturating_sub(1),
            (";", _) if self.brackets == 0 => self.boundary(line),
            _ => {}
        }
        1
    }

    fn outer_attribute(&mut self, tokens: &[Token]) -> usize {
        let (attribute, length) = attribute(tokens);
        self.pending.is_test |= marks_test(&attribute.text) || marks_test_only(&attribute.text);
        self.pending.attributes.push(attribute.clone());
        self.found.attributes.push(attribute);
        length
    }

    fn inner_attribute(&mut self, tokens: &[Token]) -> usize {
        let (attribute, length) = attribute(tokens);
        if marks_test_only(&attribute.text) && self.frames.is_empty() {
            self.found.test_lines.push(1..=usize::MAX);
        }
        self.boundary = attribute.line;
        self.found.attributes.push(attribute);
        length
    }

    fn module(&mut self, name: &str, line: usize) {
        self.pending.module = Some(self.found.modules.len());
        self.found.modules.push(Module {
            name: name.to_owned(),
            is_test: self.pending.is_test,
            depth: self.frames.len(),
            line,
            end: None,
        });
    }

    fn function(&mut self, name: &str, line: usize) {
        let around = self.frames.iter().filter_map(|frame| frame.module);
        self.found.functions.push(Function {
            name: name.to_owned(),
            modules: around.map(|index| self.found.modules[index].name.clone()).collect(),
            attributes: self.pending.attributes.iter().map(|one| one.text.clone()).collect(),
            head: self.boundary + 1..=line,
        });
    }

    fn open(&mut self, line: usize) {
        let start = self.pending.attributes.first().map_or(line, |first| first.line);
        self.frames.push(Frame {
            module: self.pending.module,
            test_from: self.pending.is_test.then_some(start),
            brackets: self.brackets,
        });
        self.brackets = 0;
        self.boundary(line);
    }

    fn close(&mut self, line: usize) {
        if let Some(frame) = self.frames.pop() {
            if let Some(module) = frame.module {
                self.found.modules[module].end = Some(line);
            }
            if let Some(start) = frame.test_from {
                self.found.test_lines.push(start..=line);
            }
            self.brackets = frame.brackets;
        }
        self.boundary(line);
    }

    fn boundary(&mut self, line: usize) {
        self.boundary = line;
        self.pending = Pending::default();
    }
}

/// Reads `[…]` at the start of these tokens.
fn attribute(tokens: &[Token]) -> (Attribute, usize) {
    let mut depth = 0_usize;
    let mut text = String::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "[" => depth += 1,
            "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let line = tokens[0].line;
            return (Attribute { text, line }, at + 1);
        }
        if at > 0 {
            text.push_str(&token.text);
        }
    }
    let line = tokens[0].line;
    (Attribute { text, line }, tokens.len())
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
//! A file.

/// Not a test.
pub fn plain([x; 2]: [u8; 2]) -> u8 {
    run(|| { 1 }); x
}

#[cfg(test)]
mod tests {
    use super::*;

    mod inner {
        /// A test.
        #[tokio::test(
            start_paused = true
        )]
        async fn timed() {}
    }

    #[test]
    fn simple() {
        if true { plain([1, 2]); }
    }
}

#[cfg(all(unix, test))]
mod elsewhere;

fn last() {}
";

    fn function<'a>(outline: &'a Outline, name: &str) -> &'a Function {
        outline.functions.iter().find(|one| one.name == name).expect(name)
    }

    #[test]
    fn functions_know_their_modules_attributes_and_head() {
        let outline = Outline::read(SOURCE);
        let timed = function(&outline, "timed");
        assert_eq!(timed.modules, ["tests", "inner"]);
        assert_eq!(timed.attributes, ["tokio::test(start_paused=true)"]);
        assert_eq!(timed.head, 13..=17);
        assert!(timed.is_test());
        let plain = function(&outline, "plain");
        assert_eq!((plain.head.clone(), plain.is_test()), (1..=4, false));
    }

    #[test]
    fn lines_of_tests_are_told_from_others() {
        let outline = Outline::read(SOURCE);
        assert!(!outline.is_test_line(5));
        assert!(outline.is_test_line(8));
        assert!(outline.is_test_line(22));
        assert!(!outline.is_test_line(29));
    }

    #[test]
    fn modules_say_where_they_end_or_that_they_are_elsewhere() {
        let outline = Outline::read(SOURCE);
        let found: Vec<_> = outline
            .modules
            .iter()
            .map(|one| (one.name.as_str(), one.is_test, one.depth, one.end))
            .collect();
        let expected = [
            ("tests", true, 0, Some(24)),
            ("inner", false, 1, Some(18)),
            ("elsewhere", true, 0, None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn conditions_that_are_not_only_for_tests_are_no_tests() {
        for condition in [
            "cfg(not(test))",
            "cfg(any(test, feature = \"mock\"))",
            "cfg(feature = \"test\")",
        ] {
            let outline = Outline::read(&format!("#[{condition}]\nmod x {{\n fn f() {{}}\n}}\n"));
            assert!(!outline.is_test_line(3), "{condition}");
        }
    }

    #[test]
    fn a_file_can_be_a_test_as_a_whole() {
        assert!(Outline::read("//! Tests.\n#![cfg(test)]\nfn f() {}\n").is_test_line(3));
    }

    #[test]
    fn source_with_unbalanced_brackets_is_no_panic() {
        for source in ["}}", ")]", "#[", "#[a", "fn", "mod", "{{", "#![cfg(test)"] {
            Outline::read(source);
        }
    }
}
