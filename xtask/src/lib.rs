//! Every check that CI runs, as `cargo xtask <verb>`. It is a library so that this package's tests run the checks too.

mod checks;
mod ci;
mod command_line;
mod console;
#[cfg(test)]
mod fixture;
mod metadata;
mod process;
mod read;
mod report;
mod tally;
mod test_binaries;
mod tree;

use std::path::{Path, PathBuf};

use command_line::Request;
use console::say;

/// Does what the words after `cargo xtask` ask for, and returns the exit code: 0 when all is well, 1 when a check found
/// something, 2 when the words make no sense.
pub fn run(words: impl IntoIterator<Item = String>) -> u8 {
    let request = match command_line::parse(words, &checks::ALL) {
        Ok(request) => request,
        Err(wrong) => {
            eprint_usage(&wrong);
            return 2;
        }
    };
    match request {
        Request::Help => {
            say(&command_line::help(&checks::ALL));
            0
        }
        Request::Run { checks, fix, no_skip } => {
            let context = checks::Context {
                root: repository_root(),
                fix,
            };
            u8::from(!ci::run(&checks, &context, no_skip))
        }
    }
}

#[expect(clippy::print_stderr, reason = "a usage error belongs on stderr")]
fn eprint_usage(wrong: &str) {
    eprintln!("error: {wrong}\n\n{}", command_line::USAGE);
}

fn repository_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_words_exit_with_2_and_the_help_with_0() {
        let run = |words: &[&str]| run(words.iter().map(|&word| word.to_owned()));
        assert_eq!(run(&[]), 2);
        assert_eq!(run(&["tdiy"]), 2);
        assert_eq!(run(&["tidy", "--help"]), 0);
    }
}
