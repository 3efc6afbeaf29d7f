//! Counts instructions, and compares them with those that are kept in `counts` for this toolchain, or keeps them there.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

/// How much of a count a change may be without being shown as one, in percent.
const TOLERANCE: f64 = 5.0;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Instructions, by the name of the benchmark.
type Counts = BTreeMap<String, u32>;

fn main() -> Result<()> {
    let keep = match env::args().skip(1).collect::<Vec<_>>().join(" ").as_str() {
        "" => false,
        "--fix" => true,
        _ => return Err("usage: micro-benchmarks [--fix]".into()),
    };
    if let Some(reason) = lacks_program()? {
        println!("SKIP: {reason}");
        return Ok(());
    }
    let counted = count()?;
    let file = file()?;
    if keep {
        fs::write(&file, format!("{}\n", serde_json::to_string_pretty(&counted)?))?;
        println!("kept in {}", file.display());
        return Ok(());
    }
    let Ok(kept) = fs::read_to_string(&file) else {
        show(&counted, &Counts::new());
        println!("no counts are kept for this toolchain: `cargo xtask counts --fix` keeps them");
        return Ok(());
    };
    let changed = show(&counted, &serde_json::from_str(&kept)?);
    println!(
        "{changed} of {} counts changed by more than {TOLERANCE} %",
        counted.len()
    );
    Ok(())
}

/// The reason to count nothing, if a program is not installed. The runner must have the version of the library.
fn lacks_program() -> Result<Option<String>> {
    if version("valgrind").is_none() {
        return Ok(Some(
            "`valgrind` is not installed: `apt-get install valgrind`".to_owned(),
        ));
    }
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock"))?;
    let needed = locked("gungraun", &lock).ok_or("Cargo.lock has no gungraun")?;
    let install = format!("`cargo install gungraun-runner --version {needed} --locked`");
    Ok(match version("gungraun-runner") {
        None => Some(format!("`gungraun-runner` is not installed: {install}")),
        Some(shown) if shown.split_whitespace().any(|word| word == needed) => None,
        Some(shown) => Some(format!(
            "`{}` is installed, {needed} is needed: {install}",
            shown.trim()
        )),
    })
}

/// What a program says of its version; `None` if it is not installed.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The version of a package in `Cargo.lock`.
fn locked<'a>(package: &str, lock: &'a str) -> Option<&'a str> {
    let (_, after) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    after.split('"').next()
}

/// The file of this version of Rust and this processor.
fn file() -> Result<PathBuf> {
    let rustc = Command::new("rustc").arg("--version").output()?;
    let version = String::from_utf8(rustc.stdout)?;
    let version = version.split_whitespace().nth(1).ok_or("`rustc` has no version")?;
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/counts"));
    Ok(folder.join(format!("{version}-{}.json", env::consts::ARCH)))
}

fn count() -> Result<Counts> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let words = "bench --quiet --locked --package micro-benchmarks --bench instructions -- --output-format=json";
    cargo.args(words.split(' ')).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo.stderr(Stdio::inherit()).output()?;
    let lines = String::from_utf8(output.stdout)?;
    let counts: Counts = lines.lines().filter_map(of_line).collect();
    if output.status.success() && !counts.is_empty() {
        Ok(counts)
    } else {
        Err(format!("`cargo {words}` failed:\n{lines}").into())
    }
}

/// Reads gungraun's summary of one benchmark.
fn of_line(line: &str) -> Option<(String, u32)> {
    let summary: Value = serde_json::from_str(line).ok()?;
    let name = summary["function_name"].as_str()?;
    let count = summary.pointer("/profiles/0/data/total/metrics/Ir/values/new")?;
    Some((name.to_owned(), u32::try_from(count.as_u64()?).ok()?))
}

/// Shows each count, and returns how many have changed.
fn show(counted: &Counts, kept: &Counts) -> usize {
    let mut changed = 0;
    for (name, &now) in counted {
        let change = kept.get(name).map(|&before| change(before, now));
        let shown = match change {
            Some(change) if change.abs() > TOLERANCE => format!("CHANGED {change:+.1} %"),
            Some(change) => format!("{change:+.1} %"),
            None => "new".to_owned(),
        };
        changed += usize::from(shown.starts_with("CHANGED"));
        println!("{name:<14} {now:>8} instructions  {shown}");
    }
    changed
}

/// In percent.
fn change(before: u32, now: u32) -> f64 {
    (f64::from(now) / f64::from(before.max(1)) - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_and_other_lines_are_not() {
        let line = r#"{"function_name":"topic","profiles":[{"data":{"total":{"metrics":{"Ir":{"values":{"new":7,"old":8}}}}}}]}"#;
        assert_eq!(of_line(line), Some(("topic".to_owned(), 7)));
        assert_eq!(of_line("running 1 test"), None);
        assert_eq!(of_line("{}"), None);
    }

    #[test]
    fn the_locked_version_is_that_of_the_package_with_exactly_this_name() {
        let lock =
            "[[package]]\nname = \"a-b\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"a\"\nversion = \"2.0.0\"\n";
        assert_eq!(locked("a", lock), Some("2.0.0"));
        assert_eq!(locked("b", lock), None);
    }

    #[test]
    fn a_change_counts_from_five_percent_on() {
        let counts = |numbers: [(&str, u32); 3]| numbers.map(|(name, count)| (name.to_owned(), count)).into();
        let before: Counts = counts([("a", 1000), ("b", 1000), ("c", 1000)]);
        assert_eq!(show(&before, &before), 0);
        assert_eq!(show(&counts([("a", 1051), ("b", 949), ("c", 1049)]), &before), 2);
        assert_eq!(show(&before, &Counts::new()), 0);
    }
}
