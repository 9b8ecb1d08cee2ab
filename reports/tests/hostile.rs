//! Words that are markup stay words, in a page and in the gallery that leads to it.
//!
//! With `PLOTS=DIR` in the environment a gallery is written there, to be looked at.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod experiment;

use std::fs;
use std::path::Path;

use experiment::{HOSTILE, body, experiment, texts, written};
use reports::gallery::{self, Entry};
use reports::page::{Column, Reproduce};
use resvg::usvg::roxmltree::Document;

/// The line without the characters that a backslash makes plain.
fn unescaped_only(line: &str) -> String {
    let mut characters = line.chars();
    let mut left = String::new();
    while let Some(character) = characters.next() {
        if character == '\\' {
            characters.next();
        } else {
            left.push(character);
        }
    }
    left
}

#[test]
fn hostile_words_stay_words_everywhere() {
    let mut page = experiment();
    page.question = HOSTILE.into();
    page.answer = HOSTILE.into();
    page.limits = vec![HOSTILE.into()];
    page.reproduce = Reproduce {
        commands: vec![HOSTILE.into()],
        seeds: HOSTILE.into(),
        commit: HOSTILE.into(),
        machine: HOSTILE.into(),
    };
    let section = &mut page.sections[0];
    (section.title, section.text) = (HOSTILE.into(), HOSTILE.into());
    section.plots[0].caption = HOSTILE.into();
    section.tables[0].caption = HOSTILE.into();
    section.tables[0].columns[0] = Column::new(HOSTILE, HOSTILE);
    section.tables[0].rows[0][0] = HOSTILE.into();
    let (_scratch, html, markdown) = written(&page);
    assert!(!html.contains("<script") && !html.contains('\u{1b}'));
    let body = body(&html);
    let document = Document::parse(&body).unwrap();
    assert!(texts(&document, "td")[0].contains("</table><script>alert('x')</script>"));
    assert!(document.descendants().all(|node| node.attribute("href").is_none_or(|to| !to.contains("http"))));
    // what is left when code and everything escaped is taken away is markup
    let outside: Vec<String> =
        markdown.lines().filter(|line| !line.starts_with("    ")).map(unescaped_only).collect();
    for markup in ["<", "](http", "*", "`", "&"] {
        assert!(outside.iter().all(|line| !line.contains(markup)), "{markup}");
    }
    assert_eq!(
        outside.iter().filter(|line| line.starts_with("# ")).count(),
        1,
        "one heading of the first level"
    );
}

#[test]
fn a_gallery_leads_to_pages_and_escapes_them() {
    let scratch = tempfile::tempdir().unwrap();
    let entries = [
        Entry {
            directory: "scaling".into(),
            question: experiment().question,
            answer: experiment().answer,
            thumbnail: "throughput.png".into(),
        },
        Entry {
            directory: "java script:\"x\"".into(),
            question: HOSTILE.into(),
            answer: HOSTILE.into(),
            thumbnail: String::new(),
        },
    ];
    let path = gallery::write(scratch.path(), &entries).unwrap();
    let html = fs::read_to_string(path).unwrap();
    for words in [
        "href=\"scaling/index.html\"",
        "src=\"scaling/throughput.png\"",
        "by 1.74 times",
        "java%20script%3A%22x%22/index.html",
    ] {
        assert!(html.contains(words), "{words}");
    }
    assert!(!html.contains("<script"));
    let empty = gallery::write(scratch.path(), &[]).unwrap();
    assert!(fs::read_to_string(empty).unwrap().contains("no experiments yet"));
    if let Some(directory) = std::env::var_os("PLOTS") {
        gallery::write(&Path::new(&directory).join("gallery"), &entries[..1]).unwrap();
    }
}
