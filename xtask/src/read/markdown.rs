//! Markdown as far as the checks need it: prose without code, links, headings, and the words behind code fences.

/// A link's target and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) target: String,
    pub(crate) line: usize,
}

/// The links of a document, images and reference definitions included, code excluded.
pub(crate) fn links(text: &str) -> Vec<Link> {
    let mut links = Vec::new();
    for (line, prose) in prose_lines(text) {
        let inline = prose.match_indices("](").map(|(at, _)| &prose[at + 2..]);
        let targets = inline
            .filter_map(|rest| Some(&rest[..closing_bracket(rest)?]))
            .chain(definition(&prose));
        links.extend(targets.map(|target| Link {
            target: without_title(target).to_owned(),
            line,
        }));
    }
    links
}

/// The anchors that a document's headings make, as GitHub names them.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for line in lines_outside_fences(text).map(|(_, line)| line) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let slug = slug(title.trim());
        let twins = anchors.iter().filter(|known| **known == slug).count();
        anchors.push(if twins == 0 { slug } else { format!("{slug}-{twins}") });
    }
    anchors
}

/// The words behind an opening code fence: `rust,no_run` of ```` ```rust,no_run ````.
pub(crate) fn fence_words(line: &str) -> Option<Vec<&str>> {
    let info = line.trim_start().strip_prefix("```")?.trim_start_matches('`');
    let words = info.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
    Some(words.filter(|word| !word.is_empty()).collect())
}

/// The lines outside code fences, numbered, with inline code blanked out.
fn prose_lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    lines_outside_fences(text).map(|(number, line)| {
        let parts = line.split('`').enumerate();
        let prose = parts.map(|(at, part)| if at % 2 == 0 { part } else { "" });
        (number, prose.collect::<Vec<_>>().join("`"))
    })
}

fn lines_outside_fences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut open: Option<usize> = None;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let ticks = line.trim_start().chars().take_while(|&c| c == '`').count();
        match open {
            None if ticks >= 3 => open = Some(ticks),
            Some(opened) if ticks >= opened => open = None,
            None => return true,
            Some(_) => {}
        }
        false
    })
}

/// Where the bracket closes that was open before `rest`, round brackets inside counted.
fn closing_bracket(rest: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, character) in rest.char_indices() {
        match character {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// `[name]: target`
fn definition(line: &str) -> Option<&str> {
    let (_, target) = line.strip_prefix('[')?.split_once("]: ")?;
    Some(target)
}

fn without_title(target: &str) -> &str {
    let target = target.trim();
    match target.strip_prefix('<') {
        Some(rest) => rest.split('>').next().unwrap_or(rest),
        None => target.split_whitespace().next().unwrap_or(target),
    }
}

fn slug(title: &str) -> String {
    let kept = title
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c })
        .collect::<String>()
        .to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_with_their_lines() {
        let text = "# A\n[one](a.md) and ![two](b(1).png \"title\")\n\n[three]: <c.md>\n";
        let found: Vec<_> = links(text).into_iter().map(|link| (link.line, link.target)).collect();
        let expected = [(2, "a.md"), (2, "b(1).png"), (4, "c.md")].map(|(line, target)| (line, target.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn code_holds_no_links() {
        let text = "`[a](b)` x\n```rust\n[c](d)\n```\n````\n```\n[e](f)\n```\n````\n[g](h)\n";
        let found: Vec<_> = links(text).into_iter().map(|link| link.target).collect();
        assert_eq!(found, ["h"]);
    }

    #[test]
    fn headings_make_anchors() {
        let text = "# What must exist\n## `dps` & co.\n#nothing\n# What must exist\n```\n# code\n```\n";
        assert_eq!(anchors(text), ["what-must-exist", "dps--co", "what-must-exist-1"]);
    }

    #[test]
    fn fences_say_their_words() {
        assert_eq!(fence_words("  ```rust, no_run"), Some(vec!["rust", "no_run"]));
        assert_eq!(fence_words("```"), Some(vec![]));
        assert_eq!(fence_words("text"), None);
    }
}
