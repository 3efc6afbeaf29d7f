//! Runs the steps of a page.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{
    compare::{is_line, is_shown},
    page::{Action, Step},
    read,
    sandbox::Sandbox,
};

/// The time in which a program must print what its terminal shows.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Programs that have a terminal of their own, and what they print once they serve. A flag of [`ENDING`] ends them at once.
const PROGRAMS: [(&str, &str); 2] = [("dps-emulator", "mqttPort"), ("mosquitto", " running$")];

/// Flags with which a program starts nothing.
const ENDING: [&str; 2] = ["--health", "--help"];

/// Runs these sections of a page, in their order, or all of the page if none is named.
pub(super) async fn run(file: &'static str, sections: &[&str]) {
    let page = read(file);
    assert!(page.findings.is_empty(), "docs/{file}:{}", page.findings[0]);
    for section in sections {
        let is_there = page.steps.iter().any(|step| step.section == *section);
        assert!(is_there, "docs/{file} has no steps in a section {section:?}");
    }
    let is_wanted = |step: &Step| sections.is_empty() || sections.contains(&&*step.section);
    let steps: Vec<_> = page.steps.into_iter().filter(is_wanted).collect();
    assert!(!steps.is_empty(), "docs/{file} has no steps");
    let mut reader = Reader {
        file,
        line: 0,
        sandbox: Sandbox::start().await,
        terminals: BTreeMap::new(),
    };
    for step in steps {
        reader.follow(step).await;
    }
}

struct Reader {
    file: &'static str,
    line: usize,
    sandbox: Sandbox,
    /// Of each program, its output and the lines of it that the page has shown.
    terminals: BTreeMap<String, Terminal>,
}

struct Terminal {
    output: PathBuf,
    shown: Vec<usize>,
}

impl Reader {
    async fn follow(&mut self, Step { line, action, .. }: Step) {
        self.line = line;
        match action {
            Action::Save { name, text } => {
                let path = self.sandbox.you().join(name);
                fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                fs::write(path, text).expect("a file");
            }
            Action::Run { command, output } => {
                let program = command.split_whitespace().next().unwrap_or_default();
                let serves = !command.split_whitespace().any(|word| ENDING.contains(&word));
                match PROGRAMS.iter().find(|(name, _)| *name == program && serves) {
                    Some((name, words)) => self.start(name, &command, words, &output).await,
                    None => self.run(&command, &output).await,
                }
            }
            Action::Read { program, lines } => self.read(&program, &lines).await,
        }
    }

    async fn run(&mut self, command: &str, shown: &[String]) {
        let outcome = self.sandbox.run(command).await;
        self.check(command, outcome.code, shown, &self.lines(&outcome.output));
    }

    /// A command that fails must show how.
    fn check(&self, command: &str, code: Option<i32>, shown: &[String], printed: &[String]) {
        if shown.is_empty() {
            return assert!(code == Some(0), "{}", self.failed(command, printed));
        }
        assert!(is_shown(shown, printed), "{}", self.failed(command, printed));
    }

    async fn start(&mut self, program: &str, command: &str, words: &str, shown: &[String]) {
        let outcome = self.sandbox.start_program(program, command, words).await;
        if outcome.code.is_some() {
            return self.check(command, outcome.code, shown, &self.lines(&outcome.output));
        }
        let terminal = Terminal {
            output: outcome.output,
            shown: vec![],
        };
        self.terminals.insert(program.to_owned(), terminal);
        self.read(program, shown).await;
    }

    /// Waits until the terminal has these lines, in any order: a program has two streams. Each counts once.
    async fn read(&mut self, program: &str, lines: &[String]) {
        let deadline = Instant::now() + TIMEOUT;
        for line in lines.iter().filter(|line| line.trim() != "…") {
            loop {
                let terminal = self.terminals.get(program);
                let terminal = terminal.unwrap_or_else(|| panic!("{program} was not started"));
                let printed = self.lines(&terminal.output);
                let mut numbered = printed.iter().enumerate();
                let found = numbered.find(|(index, text)| !terminal.shown.contains(index) && is_line(line, text));
                if let Some((index, _)) = found {
                    let terminal = self.terminals.get_mut(program);
                    terminal.expect("it was there").shown.push(index);
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "{}",
                    self.failed(&format!("{program} does not print: {line}"), &printed)
                );
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    fn lines(&self, output: &Path) -> Vec<String> {
        let bytes = fs::read(output).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let text = text.replace(&self.sandbox.you().display().to_string(), "/home/you");
        text.lines().map(str::to_owned).collect()
    }

    fn failed(&self, what: &str, printed: &[String]) -> String {
        let terminals = self.terminals.iter().map(|(program, terminal)| {
            let lines = self.lines(&terminal.output).join("\n");
            format!("\n-- the terminal of {program}:\n{lines}")
        });
        let (file, line) = (self.file, self.line);
        let printed = printed.join("\n");
        format!(
            "docs/{file}:{line}: {what}\n-- it printed:\n{printed}{}",
            terminals.collect::<String>()
        )
    }
}
