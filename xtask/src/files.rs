//! The files of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use walkdir::WalkDir;

/// A text file.
#[derive(Debug)]
pub(crate) struct TextFile {
    /// Relative to the root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// The files below `root` with this extension, sorted by path. What is built or hidden is left out.
pub(crate) fn with_extension(root: &Path, extension: &str) -> Vec<TextFile> {
    let is_source =
        |name: &str| !matches!(name, "target" | "node_modules") && (!name.starts_with('.') || name == ".github");
    let entries = WalkDir::new(root).sort_by_file_name().into_iter();
    let below = entries.filter_entry(|entry| entry.depth() == 0 || entry.file_name().to_str().is_some_and(is_source));
    let paths = below.filter_map(Result::ok).map(walkdir::DirEntry::into_path);
    let chosen = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    chosen.filter_map(|path| read(root, path)).collect()
}

fn read(root: &Path, path: PathBuf) -> Option<TextFile> {
    let text = fs::read_to_string(&path).ok()?;
    let below = path.strip_prefix(root).ok()?;
    let path = below.to_str()?.replace('\\', "/");
    Some(TextFile { path, text })
}

/// The line, counted from 1, in which the byte at `offset` stands.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text[..offset].matches('\n').count() + 1
}
