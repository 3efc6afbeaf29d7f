//! The position of a mistake in a configuration: the file, the line and the key.

use std::path::Path;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::error::ConfigError;
use crate::input::without_text;

/// A configuration's text and the file that it came from.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) file: &'a Path,
}

impl Source<'_> {
    /// The error at this position in the text.
    pub(super) fn mistake(self, position: usize, message: String) -> ConfigError {
        let before = &self.text.as_bytes()[..position.min(self.text.len())];
        ConfigError {
            file: self.file.to_owned(),
            line: Some(1 + before.iter().filter(|&&byte| byte == b'\n').count()),
            message,
        }
    }

    /// The position of a key in a table of an array, or of the last part of its path that exists.
    pub(super) fn position_of(self, array: &str, index: usize, path: &str) -> Option<usize> {
        let root = DeTable::parse(self.text).ok()?;
        let tables = root.get_ref().get(array)?.get_ref().as_array()?;
        let mut table = tables.get(index)?.get_ref().as_table()?;
        let mut position = None;
        for name in path.split('.') {
            let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else {
                break;
            };
            position = Some(key.span().start);
            match value.get_ref().as_table() {
                Some(inner) => table = inner,
                None => break,
            }
        }
        position
    }

    /// An error of the parser, with the key of the value that it is about.
    pub(super) fn parse_error(self, error: &toml::de::Error) -> ConfigError {
        let position = error.span().map_or(0, |span| span.start);
        let message = without_text(&error.message().lines().collect::<Vec<_>>().join(" "));
        // Text that is not TOML has no keys.
        let key = DeTable::parse(self.text).ok();
        let key = key.and_then(|table| key_in_table(table.get_ref(), position));
        self.mistake(
            position,
            match key {
                Some(key) => format!("{key}: {message}"),
                None => message,
            },
        )
    }
}

/// The dotted key of the innermost value at this position. A table's own span is its header's, so all are searched.
fn key_in_table(table: &DeTable<'_>, position: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let inner = key_in_value(value.get_ref(), position).map(|inner| format!("{}.{inner}", key.get_ref()));
        inner.or_else(|| is_in(value, position).then(|| key.get_ref().to_string()))
    })
}

fn key_in_value(value: &DeValue<'_>, position: usize) -> Option<String> {
    match value {
        DeValue::Table(table) => key_in_table(table, position),
        DeValue::Array(values) => values.iter().find_map(|value| key_in_value(value.get_ref(), position)),
        _ => None,
    }
}

fn is_in(value: &Spanned<DeValue<'_>>, position: usize) -> bool {
    let is_element = |value: &Spanned<DeValue<'_>>| value.span().contains(&position);
    is_element(value)
        || value
            .get_ref()
            .as_array()
            .is_some_and(|values| values.iter().any(is_element))
}
