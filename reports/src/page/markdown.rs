//! A page as Markdown (CommonMark with tables): the words of the HTML, the plots as files beside it.
//!
//! *Invariants*: no word of the input is markup, an entity or HTML.

use std::fmt::Write;

use super::{Page, Reproduce, Section, Table, paragraphs};

/// The page.
pub fn page(page: &Page) -> String {
    let mut text = format!("# {}\n\n", words(&page.question));
    paragraphs(&page.answer).for_each(|paragraph| add(&mut text, &paragraph));
    page.sections.iter().for_each(|part| section(&mut text, part));
    reproduce(&mut text, &page.reproduce);
    if !page.limits.is_empty() {
        let items: String = page.limits.iter().map(|limit| format!("- {}\n", words(limit))).collect();
        let _ = write!(text, "## Limits\n\n{items}\n");
    }
    format!("{}\n", text.trim_end())
}

fn section(text: &mut String, section: &Section) {
    let _ = write!(text, "## {}\n\n", words(&section.title));
    paragraphs(&section.text).for_each(|paragraph| add(text, &paragraph));
    for plot in &section.plots {
        let caption = words(&plot.caption);
        let _ = write!(text, "![{caption}]({}.svg)\n\n{caption}\n\n", plot.file);
    }
    section.tables.iter().for_each(|part| table(text, part));
}

fn table(text: &mut String, table: &Table) {
    let _ = write!(text, "{} ([CSV]({}.csv))\n\n", words(&table.caption), table.file);
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    text.push_str(&line(table.columns.iter().map(|column| words(&column.head())).collect()));
    let rule = |column| if table.is_numeric(column) { "---:" } else { "---" }.to_owned();
    text.push_str(&line((0..table.columns.len()).map(rule).collect()));
    for row in table.filled_rows() {
        text.push_str(&line(row.into_iter().map(|cell| words(&cell.shown())).collect()));
    }
    text.push_str(if table.rows.is_empty() { "\nno data\n\n" } else { "\n" });
}

fn reproduce(text: &mut String, reproduce: &Reproduce) {
    text.push_str("## How to reproduce\n\n");
    if !reproduce.commands.is_empty() {
        // indented code knows no end that a command could contain
        let lines: String = reproduce.commands.iter().flat_map(|command| command.lines()).map(code).collect();
        let _ = writeln!(text, "{lines}");
    }
    let facts: String =
        reproduce.facts().map(|(name, value)| format!("- {name}: {}\n", words(value))).collect();
    if !facts.is_empty() {
        let _ = writeln!(text, "{facts}");
    }
}

fn code(line: &str) -> String {
    format!("    {}\n", line.replace(char::is_control, " "))
}

fn add(text: &mut String, paragraph: &str) {
    let _ = write!(text, "{}\n\n", words(paragraph));
}

/// The text on one line, with everything escaped that could be markup where it stands.
fn words(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (index, character) in text.trim().chars().enumerate() {
        // what makes a list, a heading or a rule does so at the beginning alone
        let first = index == 0 && matches!(character, '+' | '-' | '=' | '#');
        match character {
            character if character.is_control() => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '$' => {
                escaped.extend(['\\', character]);
            }
            character if first => escaped.extend(['\\', character]),
            character => escaped.push(character),
        }
    }
    numbered(escaped)
}

/// A number with a point and a space at the beginning would open a list.
fn numbered(text: String) -> String {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let mut rest = text[digits..].chars();
    let opens =
        digits > 0 && matches!(rest.next(), Some('.' | ')')) && matches!(rest.next(), None | Some(' '));
    if opens { format!("{}\\{}", &text[..digits], &text[digits..]) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_words_is_markup() {
        assert_eq!(words("a|b *c* [d](e) <f> g_h"), r"a\|b \*c\* \[d\](e) \<f\> g\_h");
        assert_eq!(["1. x", "- x", "# x", "2.5 ms"].map(words), [r"1\. x", r"\- x", r"\# x", "2.5 ms"]);
        assert_eq!(words("one\ntwo"), "one two");
    }
}
