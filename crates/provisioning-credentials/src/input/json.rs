//! Where in JSON a value is.

use serde_json::Value;

/// The first value that is wanted, as a filter of `jq`. `is_wanted` takes the name of the member, or an empty text in a
/// list, and the text.
pub(super) fn path_of_text(text: &str, is_wanted: impl Fn(&str, &str) -> bool) -> Option<String> {
    let json = serde_json::from_str(text).ok()?;
    let steps = steps_to(&json, "", &is_wanted)?;
    Some(match steps.starts_with('.') {
        true => steps,
        false => format!(".{steps}"),
    })
}

fn steps_to(json: &Value, name: &str, is_wanted: &impl Fn(&str, &str) -> bool) -> Option<String> {
    match json {
        Value::String(text) => is_wanted(name, text).then(String::new),
        Value::Array(items) => items.iter().enumerate().find_map(|(index, item)| {
            let rest = steps_to(item, "", is_wanted)?;
            Some(format!("[{index}]{rest}"))
        }),
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let rest = steps_to(value, name, is_wanted)?;
            Some(format!(".{name:?}{rest}"))
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_a_filter_of_jq() {
        let json = r#"[{"a": 1, "b c": ["x", {"d": "y"}]}]"#;
        let path = |wanted: &str| path_of_text(json, |_, text| text == wanted);
        assert_eq!(path("x").as_deref(), Some(r#".[0]."b c"[0]"#));
        assert_eq!(path("y").as_deref(), Some(r#".[0]."b c"[1]."d""#));
        assert_eq!(path("z"), None);
        assert_eq!(
            path_of_text(json, |name, _| name == "d").as_deref(),
            Some(r#".[0]."b c"[1]."d""#)
        );
        assert_eq!(path_of_text("{", |_, _| true), None);
    }
}
