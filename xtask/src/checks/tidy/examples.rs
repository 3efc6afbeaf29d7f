//! Every example is run: `cargo test` only builds them, so a test of the same crate names the file and runs it.

use crate::{report::Finding, tree::Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let examples = tree.files.iter().filter_map(|file| {
        let (folder, name) = file.path.split_once("/examples/")?;
        (name.ends_with(".rs") && !name.contains('/')).then_some((file, folder, name))
    });
    let idle = examples.filter(|(_, folder, name)| !is_named_by_a_test(tree, folder, name));
    idle.map(|(file, _, name)| {
        let fix = format!("run it in a test that names `examples/{name}`");
        Finding::at(&file.path, 1, "no test runs this example", fix)
    })
    .collect()
}

fn is_named_by_a_test(tree: &Tree, folder: &str, name: &str) -> bool {
    let tests = format!("{folder}/tests/");
    let wanted = format!("examples/{name}");
    let mut files = tree.files.iter().filter(|file| file.path.starts_with(&tests));
    files.any(|file| file.text.contains(&wanted))
}

#[cfg(test)]
mod tests {
    use super::{super::said_of, *};

    #[test]
    fn an_example_that_no_test_names_is_found() {
        let example = ("crates/a/examples/shown.rs", "//! Shown.\nfn main() {}\n");
        let elsewhere = (
            "crates/b/tests/it.rs",
            "//! It.\nconst SHOWN: &str = \"examples/shown.rs\";\n",
        );
        let here = ("crates/a/tests/it.rs", elsewhere.1);
        let expected = "crates/a/examples/shown.rs:1: no test runs this example \
            (run it in a test that names `examples/shown.rs`)";
        assert_eq!(said_of(check, &[example, elsewhere]), [expected]);
        assert_eq!(said_of(check, &[example, here]), [""; 0]);
    }
}
