//! A page as HTML: one file that needs nothing else, neither network nor script.
//!
//! Semantic elements, so that a screen reader finds its way: one `h1`, sections with headings, figures and tables
//! with captions, heads of columns that say so. A content security policy forbids everything but the style in
//! the page, whatever stood in the input. Plots keep their white ground in the dark, as on paper.

use std::fmt::Write;

use super::{Page, Plot, Reproduce, Section, Table, paragraphs};
use crate::chart::escaped;

const STYLE: &str = include_str!("page.css");

/// The page.
pub fn page(page: &Page) -> String {
    let mut body = String::new();
    let answer: String = paragraphs(&page.answer).map(|text| format!("<p>{}</p>", escaped(&text))).collect();
    let _ = writeln!(
        body,
        "<header>\n<h1>{}</h1>\n<div class=\"answer\">{answer}</div>\n</header>",
        escaped(&page.question)
    );
    page.sections.iter().for_each(|part| section(&mut body, part));
    reproduce(&mut body, &page.reproduce);
    limits(&mut body, &page.limits);
    document(&page.question, "img-src 'none'", &body)
}

/// A whole document of this title and body, of which `images` says where pictures may come from.
pub fn document(title: &str, images: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         {images}\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        escaped(title)
    )
}

fn section(body: &mut String, section: &Section) {
    let _ = writeln!(body, "<section>\n<h2>{}</h2>", escaped(&section.title));
    for paragraph in paragraphs(&section.text) {
        let _ = writeln!(body, "<p>{}</p>", escaped(&paragraph));
    }
    section.plots.iter().for_each(|part| plot(body, part));
    section.tables.iter().for_each(|part| table(body, part));
    body.push_str("</section>\n");
}

fn plot(body: &mut String, plot: &Plot) {
    let (file, caption) = (escaped(&plot.file), escaped(&plot.caption));
    let _ = writeln!(
        body,
        "<figure>\n<div class=\"scroll\" tabindex=\"0\">\n{}\n</div>\n<figcaption>{caption} <span class=\"files\"><a href=\"{file}.svg\">SVG</a> \
         <a href=\"{file}.png\">PNG</a></span></figcaption>\n</figure>",
        plot.svg.trim()
    );
}

fn table(body: &mut String, table: &Table) {
    let (file, caption) = (escaped(&table.file), escaped(&table.caption));
    let class = |column| if table.is_numeric(column) { " class=\"number\"" } else { "" };
    // a table wider than a phone scrolls by itself, with the keyboard too
    let _ = writeln!(
        body,
        "<div class=\"scroll\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n\
         <caption>{caption} <span class=\"files\"><a href=\"{file}.csv\">CSV</a></span></caption>\n<thead><tr>"
    );
    for (index, column) in table.columns.iter().enumerate() {
        let _ = writeln!(body, "<th scope=\"col\"{}>{}</th>", class(index), escaped(&column.head()));
    }
    body.push_str("</tr></thead>\n<tbody>\n");
    for row in table.filled_rows() {
        let cells = row.iter().enumerate();
        let cells: String = cells
            .map(|(index, cell)| format!("<td{}>{}</td>", class(index), escaped(&cell.shown())))
            .collect();
        let _ = writeln!(body, "<tr>{cells}</tr>");
    }
    if table.rows.is_empty() {
        let _ = writeln!(body, "<tr><td colspan=\"{}\">no data</td></tr>", table.columns.len().max(1));
    }
    body.push_str("</tbody>\n</table>\n</div>\n");
}

fn reproduce(body: &mut String, reproduce: &Reproduce) {
    body.push_str("<section>\n<h2>How to reproduce</h2>\n");
    if !reproduce.commands.is_empty() {
        let commands: Vec<String> = reproduce.commands.iter().map(|command| escaped(command)).collect();
        let _ = writeln!(body, "<pre tabindex=\"0\"><code>{}</code></pre>", commands.join("\n"));
    }
    let facts: String = reproduce
        .facts()
        .map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(value)))
        .collect();
    if !facts.is_empty() {
        let _ = writeln!(body, "<dl>\n{facts}</dl>");
    }
    body.push_str("</section>\n");
}

fn limits(body: &mut String, limits: &[String]) {
    if limits.is_empty() {
        return;
    }
    let items: String = limits.iter().map(|limit| format!("<li>{}</li>\n", escaped(limit))).collect();
    let _ = writeln!(body, "<section>\n<h2>Limits</h2>\n<ul>\n{items}</ul>\n</section>");
}
