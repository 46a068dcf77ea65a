//! Charts and what stands around them, as markup that the server makes: the browser loads no code that draws. Every
//! chart is a figure with a caption and a table of its numbers; colours are classes, and never say what words do not.
//!
//! Everything that comes from outside passes through [`escape`]: the page puts this markup in as it is.

mod bars;
mod cards;
mod page;
mod share;
mod spark;
#[cfg(test)]
mod tests;

pub use page::{overview, wall};

use crate::text::StatsText;

/// Text as markup that shows it, also within quotes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Numbers of a chart for those who do not look at it; the first cell of a row says what the row is about.
struct Table {
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn markup(&self) -> String {
        let head: String =
            self.head.iter().map(|text| format!("<th scope=\"col\">{}</th>", escape(text))).collect();
        let cell = |(at, text): (usize, &String)| match at {
            0 => format!("<th scope=\"row\">{}</th>", escape(text)),
            _ => format!("<td class=\"number\">{}</td>", escape(text)),
        };
        let row = |row: &Vec<String>| {
            let cells: String = row.iter().enumerate().map(cell).collect();
            format!("<tr>{cells}</tr>")
        };
        let rows: String = self.rows.iter().map(row).collect();
        format!("<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>")
    }
}

/// A chart with its caption and its numbers. Without a picture there is nothing to show, which it says.
fn figure(title: &str, picture: Option<String>, table: &Table, t: &StatsText) -> String {
    let title = escape(title);
    match picture {
        Some(picture) => format!(
            "<figure class=\"card chart\"><figcaption>{title}</figcaption>{picture}\
             <details><summary>{}</summary>{}</details></figure>",
            escape(t.numbers),
            table.markup()
        ),
        None => format!(
            "<figure class=\"card chart\"><figcaption>{title}</figcaption><p class=\"muted\">{}</p></figure>",
            escape(t.nothing_yet)
        ),
    }
}

/// A picture of this size, named for those who do not see it.
fn picture(class: &str, title: &str, width: u64, height: u64, content: &str) -> String {
    format!(
        "<svg class=\"{class}\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\">{content}</svg>",
        escape(title)
    )
}
