//! A page of the manual as the steps that its reader takes.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

/// What a page has its reader do, and what is wrong with the page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) steps: Vec<Step>,
    /// Each begins with the number of a line.
    pub(super) findings: Vec<String>,
    section: String,
}

/// A step, with the number of its line and the heading of the second level that it is below.
#[derive(Debug, PartialEq)]
pub(super) struct Step {
    pub(super) line: usize,
    pub(super) section: String,
    pub(super) action: Action,
}

#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// Saves a file.
    Save { name: String, text: String },
    /// Runs a command.
    Run { command: String, output: Vec<String> },
    /// Reads in the terminal of a program that runs.
    Read { program: String, lines: Vec<String> },
}

/// The visible note that a block is not run, up to the reason.
const NOT_RUN: &str = "Not run in this project's tests: needs ";

/// What a block may need that a test cannot have.
const REASONS: [&str; 3] = [
    "Azure",
    "a container engine",
    "a program that the package registries do not have",
];

/// The beginning of the instruction to save a file, up to its name in backquotes.
const SAVE: &str = "Save this as ";

/// Languages of data and of excerpts. A block in any other language is commands or a program.
const DATA: [&str; 6] = ["text", "json", "toml", "http", "yaml", "rust"];

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let (mut prose, mut is_marked) = (String::new(), false);
        let mut block: Option<(String, usize, String)> = None;
        for (event, range) in Parser::new(text).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => {
                    prose.clear();
                    is_marked = false;
                }
                Event::End(TagEnd::Heading(level)) => {
                    if level == HeadingLevel::H2 {
                        page.section.clone_from(&prose);
                    }
                    prose.clear();
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => info.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    let line = text[..range.start].matches('\n').count() + 2;
                    block = Some((info, line, String::new()));
                }
                Event::End(TagEnd::CodeBlock) => {
                    let (info, line, text) = block.take().expect("a block has begun");
                    is_marked |= page.mark(&prose, line);
                    page.block(&info, line, text, &prose, is_marked);
                    prose.clear();
                }
                Event::Text(part) => match &mut block {
                    Some((.., text)) => text.push_str(&part),
                    None => prose.push_str(&part),
                },
                Event::Code(part) => prose.push_str(&format!("`{part}`")),
                Event::SoftBreak | Event::End(_) if block.is_none() => prose.push(' '),
                _ => {}
            }
        }
        page
    }

    /// Whether this text says that what follows is not run.
    fn mark(&mut self, prose: &str, line: usize) -> bool {
        let Some((_, reason)) = prose.split_once(NOT_RUN) else {
            return false;
        };
        if !REASONS.iter().any(|known| reason.starts_with(known)) {
            self.findings.push(format!("{line}: unknown reason: {NOT_RUN}{reason}"));
        }
        true
    }

    fn block(&mut self, info: &str, line: usize, text: String, prose: &str, is_marked: bool) {
        let (language, attribute) = info.split_once(' ').unwrap_or((info, ""));
        if is_marked {
            return;
        }
        if let Some((_, name)) = prose.rsplit_once(SAVE) {
            let name = name.split('`').nth(1).unwrap_or_default().to_owned();
            return self.step(line, Action::Save { name, text });
        }
        if let Some(program) = attribute.strip_prefix("printed-by=") {
            let lines = text.lines().map(str::to_owned).collect();
            let program = program.to_owned();
            return self.step(line, Action::Read { program, lines });
        }
        match language {
            "console" => self.commands(line, &text),
            language if DATA.contains(&language) => {}
            _ => self.findings.push(format!(
                "{line}: a `{language}` block that is neither saved nor run, nor under a note that begins {NOT_RUN:?}"
            )),
        }
    }

    fn commands(&mut self, first: usize, text: &str) {
        let mut commands: Vec<(usize, String, Vec<String>)> = vec![];
        for (number, line) in text.lines().enumerate() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((first + number, command.to_owned(), vec![])),
                (None, Some((_, command, output))) if output.is_empty() && command.ends_with('\\') => {
                    command.push('\n');
                    command.push_str(line);
                }
                (None, Some((.., output))) => output.push(line.to_owned()),
                (None, None) => {
                    let finding = format!("{first}: a `console` block that does not begin with a command");
                    return self.findings.push(finding);
                }
            }
        }
        for (line, command, output) in commands {
            self.step(line, Action::Run { command, output });
        }
    }

    fn step(&mut self, line: usize, action: Action) {
        let section = self.section.clone();
        self.steps.push(Step { line, section, action });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_its_steps() {
        let page = Page::parse(
            "# Title\n\n## A `part`\n\n1. Save this as `a/b.js`:\n\n   ```js\n   x();\n   ```\n\n2. Run it:\n\n   \
             ```console\n   $ node \\\n     a/b.js\n   out\n   $ true\n   ```\n\n\
             Its terminal shows:\n\n```text printed-by=dps-emulator\nline\n```\n",
        );
        assert_eq!(page.findings, [""; 0]);
        assert!(page.steps.iter().all(|step| step.section == "A `part`"), "{page:?}");
        let actions: Vec<_> = page.steps.into_iter().map(|step| (step.line, step.action)).collect();
        let run = |command: &str, output: &[&str]| Action::Run {
            command: command.to_owned(),
            output: output.iter().map(|line| (*line).to_owned()).collect(),
        };
        assert_eq!(
            actions,
            [
                (
                    8,
                    Action::Save {
                        name: "a/b.js".to_owned(),
                        text: "x();\n".to_owned()
                    }
                ),
                (14, run("node \\\n  a/b.js", &["out"])),
                (17, run("true", &[])),
                (
                    23,
                    Action::Read {
                        program: "dps-emulator".to_owned(),
                        lines: vec!["line".to_owned()]
                    }
                ),
            ]
        );
    }

    #[test]
    fn a_block_that_is_neither_run_nor_marked_is_found() {
        for (text, expected) in [
            ("```c\nmain();\n```\n", "2: a `c` block that is neither saved nor run"),
            ("```console\nout\n```\n", "2: a `console` block that does not begin"),
            (
                "Not run in this project's tests: needs patience.\n\n```c\nx\n```\n",
                "4: unknown reason",
            ),
            (
                "Not run in this project's tests: needs Azure.\n\n```c\nx\n```\n\n# Next\n\n```c\nx\n```\n",
                "10: a `c` block that is neither saved nor run",
            ),
        ] {
            let findings = Page::parse(text).findings;
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert!(findings[0].starts_with(expected), "{findings:?}");
        }
    }

    #[test]
    fn a_note_applies_up_to_the_next_heading() {
        let page = Page::parse(
            "Not run in this project's tests: needs Azure.\n\n```console\n$ az\n```\n\nAnd:\n\n```console\n$ az\n```\n",
        );
        assert!(page.findings.is_empty() && page.steps.is_empty(), "{page:?}");
    }
}
