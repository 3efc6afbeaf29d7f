//! Whether a program printed what a page shows.
//!
//! `…` stands for any text within a line, and for any lines where it is a line. Any time of day, any date, any number of
//! five digits or more (such as a port that the system chose) and any number of a connection are equal. `/home/you`
//! is the reader's folder.

/// Any lines, or any text.
const ANY: &str = "…";

/// Whether these lines are what the page shows.
pub(super) fn is_shown(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line.trim() == ANY => (0..=printed.len()).any(|skip| is_shown(rest, &printed[skip..])),
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, others)| is_line(line, first) && is_shown(rest, others)),
    }
}

/// Whether a printed line is one that the page shows.
pub(super) fn is_line(shown: &str, printed: &str) -> bool {
    let (shown, printed) = (normal(shown.trim_end()), normal(printed.trim_end()));
    let mut parts = shown.split(ANY);
    let Some(mut rest) = parts.next().and_then(|first| printed.strip_prefix(first)) else {
        return false;
    };
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

/// The line with `0` for each number that differs from run to run.
fn normal(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(start) = rest.find(|char: char| char.is_ascii_digit()) {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        let clock = ["##:##:##", "####-##-##"].into_iter().find(|form| has_form(rest, form));
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let length = clock.map_or(digits, str::len);
        let varies = clock.is_some() || digits >= 5 || text.ends_with("connection ");
        text.push_str(if varies { "0" } else { &rest[..length] });
        rest = &rest[length..];
    }
    text + rest
}

/// Whether a text begins with this form, in which `#` is a digit.
fn has_form(text: &str, form: &str) -> bool {
    let mut chars = text.chars();
    form.chars().all(|wanted| {
        let char = chars.next();
        match wanted {
            '#' => char.is_some_and(|char| char.is_ascii_digit()),
            other => char == Some(other),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_differ_from_run_to_run_are_equal_and_others_are_not() {
        let shown = "12:00:01Z refused d-2: CONNACK 5 (from 127.0.0.1:50412, connection 2)";
        for (printed, expected) in [
            (
                "23:59:59Z refused d-2: CONNACK 5 (from 127.0.0.1:38110, connection 17)",
                true,
            ),
            (
                "23:59:59Z refused d-3: CONNACK 5 (from 127.0.0.1:38110, connection 17)",
                false,
            ),
            (
                "23:59:59Z refused d-2: CONNACK 4 (from 127.0.0.1:38110, connection 17)",
                false,
            ),
            (
                "23:59:59Z refused d-2: CONNACK 5 (from 127.0.0.1:381, connection 17)",
                false,
            ),
        ] {
            assert_eq!(is_line(shown, printed), expected, "{printed}");
        }
    }

    #[test]
    fn an_ellipsis_stands_for_any_text_and_any_lines() {
        assert!(is_line("a … c … e", "a b c d e"));
        assert!(!is_line("a … c … e", "a b d e"));
        assert!(!is_line("a …", "b"));
        let lines = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert!(is_shown(&lines("a … d"), &lines("a b c d")));
        assert!(is_shown(&lines("a …"), &lines("a")));
        assert!(!is_shown(&lines("a d"), &lines("a b c d")));
        assert!(!is_shown(&lines("a …"), &lines("b")));
    }
}
