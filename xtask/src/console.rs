//! Where xtask speaks: plain lines on stdout.

/// Says a line. A reader that went away (`cargo xtask --help | head -1`) ends nothing.
#[cfg(not(test))]
pub(crate) fn say(line: &str) {
    use std::io::{Write, stdout};

    let _ = writeln!(stdout().lock(), "{line}");
}

/// Says a line to the test harness, which captures nothing but `println!`.
#[cfg(test)]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
