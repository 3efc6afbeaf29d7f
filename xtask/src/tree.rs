//! The repository's files: read once, then handed to every rule.

use std::{collections::BTreeSet, fs, io, path::Path, process::Command};

use crate::read::outline::Outline;

/// Every file that is in the repository or about to be, generated and ignored ones excluded.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The files that hold text, in order of their paths.
    pub(crate) files: Vec<TextFile>,
    /// The paths of all files and folders, relative to the root, with `/` between the parts.
    pub(crate) paths: BTreeSet<String>,
    /// How the files were found.
    pub(crate) listed_by: &'static str,
}

/// A file that holds text.
#[derive(Debug)]
pub(crate) struct TextFile {
    pub(crate) path: String,
    pub(crate) text: String,
    /// What is in it, when it is Rust.
    pub(crate) rust: Option<Outline>,
}

impl Tree {
    /// Reads the files under `root`: those that git knows or would take up, or all when there is no git.
    pub(crate) fn load(root: &Path) -> io::Result<Self> {
        let (paths, listed_by) = match listed_by_git(root) {
            Some(paths) => (paths, "git"),
            None => (walked(root)?, "a walk, as git does not answer"),
        };
        let mut tree = Self {
            listed_by,
            ..Self::default()
        };
        for path in paths {
            if let Some(bytes) = read_unless_gone(&root.join(&path))? {
                tree.add(path, bytes);
            }
        }
        Ok(tree)
    }

    /// A tree of these files, for the tests of the rules.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.add((*path).to_owned(), text.as_bytes().to_vec());
        }
        tree
    }

    /// The file at this path, if it holds text.
    pub(crate) fn file(&self, path: &str) -> Option<&TextFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// The Rust files with what is in them.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = (&TextFile, &Outline)> {
        self.files.iter().filter_map(|file| Some((file, file.rust.as_ref()?)))
    }

    /// The files with this ending, such as `.md`.
    pub(crate) fn ending_in(&self, ending: &'static str) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(move |file| file.path.ends_with(ending))
    }

    fn add(&mut self, path: String, bytes: Vec<u8>) {
        let folders = path.match_indices('/').map(|(at, _)| path[..at].to_owned());
        self.paths.extend(folders);
        self.paths.insert(path.clone());
        if let Some(text) = text_of(bytes) {
            let rust = path.ends_with(".rs").then(|| Outline::read(&text));
            self.files.push(TextFile { path, text, rust });
        }
    }
}

impl TextFile {
    /// Its lines, numbered from one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// The first line that holds `wanted`, or the first line of all.
    pub(crate) fn line_of(&self, wanted: &str) -> usize {
        self.lines()
            .find(|(_, text)| text.contains(wanted))
            .map_or(1, |(line, _)| line)
    }

    /// Whether it lies in a crate's `tests` folder.
    pub(crate) fn is_integration_test(&self) -> bool {
        self.path.split('/').rev().skip(1).any(|folder| folder == "tests")
    }
}

fn listed_by_git(root: &Path) -> Option<BTreeSet<String>> {
    // Where the root is no repository of its own, git may answer for one further up.
    if !root.join(".git").exists() {
        return None;
    }
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    paths_in(&output.stdout)
}

fn paths_in(listing: &[u8]) -> Option<BTreeSet<String>> {
    let listing = str::from_utf8(listing).ok()?;
    let paths = listing.split('\0').filter(|path| !path.is_empty());
    Some(paths.map(str::to_owned).collect())
}

fn walked(root: &Path) -> io::Result<BTreeSet<String>> {
    let mut paths = BTreeSet::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            if entry.file_type()?.is_dir() {
                if !matches!(path.as_str(), ".git" | "target") {
                    folders.push(path);
                }
            } else {
                paths.insert(path);
            }
        }
    }
    Ok(paths)
}

/// A file that git knows may have been deleted since.
fn read_unless_gone(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

fn text_of(bytes: Vec<u8>) -> Option<String> {
    let text = String::from_utf8(bytes).ok()?;
    (!text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::TempTree;

    #[test]
    fn without_git_the_tree_is_walked_and_says_so() {
        let root = TempTree::new(&[("a/b.rs", "//! B.\n"), ("target/c.rs", "x"), ("d.md", "# D\n")]);
        let tree = Tree::load(root.path()).expect("it can be read");
        let paths: Vec<_> = tree.paths.iter().map(String::as_str).collect();
        assert_eq!(paths, ["a", "a/b.rs", "d.md"]);
        assert!(tree.listed_by.contains("walk"));
        assert_eq!(tree.rust_files().count(), 1);
    }

    #[test]
    fn the_listing_of_git_is_taken_apart_at_its_zero_bytes() {
        let paths = paths_in(b"b c.md\0a/d.rs\0").expect("it is UTF-8");
        assert_eq!(paths.into_iter().collect::<Vec<_>>(), ["a/d.rs", "b c.md"]);
    }

    #[test]
    fn a_file_that_git_knows_but_that_is_gone_is_left_out() {
        let root = TempTree::new(&[("a", "a")]);
        assert!(matches!(read_unless_gone(&root.path().join("a")), Ok(Some(_))));
        assert!(matches!(read_unless_gone(&root.path().join("b")), Ok(None)));
    }

    #[test]
    fn binary_files_are_known_but_not_read() {
        let mut tree = Tree::default();
        tree.add("logo.png".to_owned(), vec![0x89, b'P', 0]);
        assert!(tree.paths.contains("logo.png") && tree.file("logo.png").is_none());
    }
}
