//! Links between documents: the file exists, and so does the heading.

use std::fs;
use std::path::Path;

use super::Finding;

/// Checks the links of one Markdown file. Links to other sites are not followed.
pub fn check(root: &Path, name: &str, content: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in prose(content) {
        for target in targets(line) {
            if let Some(problem) = problem(root, name, content, target) {
                findings.push(Finding::at(
                    name,
                    number,
                    format!("the link to {target} is broken: {problem}"),
                ));
            }
        }
    }
    findings
}

/// Lines outside fenced blocks, with their numbers.
fn prose(content: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    content.lines().enumerate().filter_map(move |(index, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((index + 1, line))
    })
}

/// What stands in the round brackets of `[text](target)`.
fn targets(line: &str) -> Vec<&str> {
    let starts = line.match_indices("](").map(|(begin, found)| begin + found.len());
    let ends = starts.filter_map(|begin| line[begin..].find(')').map(|length| &line[begin..begin + length]));
    ends.map(|target| target.split(' ').next().unwrap_or_default()).collect()
}

fn problem(root: &Path, name: &str, content: &str, target: &str) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) =
        target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = root.join(name).parent().map(|folder| folder.join(file)).unwrap_or_default();
    if !file.is_empty() && !path.exists() {
        return Some("there is no such file");
    }
    let heading = heading?;
    let other = if file.is_empty() { content.to_owned() } else { fs::read_to_string(path).ok()? };
    let found = prose(&other).any(|(_, line)| line.starts_with('#') && anchor(line) == heading);
    (!found).then_some("there is no such heading")
}

/// The anchor that renderers make from a heading: small letters, blanks as hyphens, no punctuation.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_somewhere() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("docs")).unwrap();
        fs::write(folder.path().join("docs/b.md"), "# One Two, three\n").unwrap();
        let check = |line: &str, expect| {
            let content = format!("# Own heading\n{line}\n");
            assert_eq!(check(folder.path(), "docs/a.md", &content).len(), expect, "{line}");
        };
        check("[b](b.md) and [b](../docs/b.md)", 0);
        check("[b](b.md#one-two-three)", 0);
        check("[own](#own-heading)", 0);
        check("[far](https://example.org/x) [mail](mailto:a@example.org)", 0);
        check("[c](c.md)", 1);
        check("[b](b.md#four)", 1);
        check("[own](#none) [c](c.md)", 2);
        check("```\n[c](c.md)\n```", 0);
    }
}
