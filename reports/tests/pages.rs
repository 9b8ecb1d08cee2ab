//! A page says the same in HTML, Markdown and CSV, whatever words it is given, and a gallery leads to it.
//!
//! With `PLOTS=DIR` in the environment a page and a gallery are written there, to be looked at.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use reports::chart::{self, Dimension, Heading, LinesPlot, Mark, Point, Series, Style};
use reports::gallery::{self, Entry};
use reports::page::{self, Cell, Column, Page, Plot, Reproduce, Section, Table};
use reports::stats;
use resvg::usvg::roxmltree::Document;

const HOSTILE: &str =
    "</td></table><script>alert('x')</script> & \"q\" | `code` *b* [l](http://x) \u{1b}[2J\n\n# head";

fn plot(file: &str) -> Plot {
    let seeds = [1_900.0, 1_950.0, 1_870.0, 1_925.0];
    let points = [1.0, 2.0, 4.0, 8.0].map(|actors: f64| {
        let samples = seeds.map(|rate: f64| rate * actors.powf(0.8));
        Point::estimate(actors, stats::mean(&samples).unwrap())
    });
    let plot = LinesPlot {
        x: Dimension::log2("incoming and mailbox actors"),
        y: Dimension::log10("throughput (messages/s)"),
        series: vec![
            Series { name: "parallel".into(), points: points.to_vec(), style: Style::Measured },
            Series {
                name: "ideal".into(),
                points: points.map(|point| Point::exact(point.x, points[0].y * point.x)).to_vec(),
                style: Style::Ideal,
            },
        ],
        marks: vec![Mark { x: 4.0, label: "all cores busy".into() }],
    };
    let heading =
        Heading { title: "Throughput over actors".into(), caption: "4 seeds, 95 % intervals".into() };
    Plot {
        file: file.into(),
        caption: "Throughput grows with the actors, but less than ideally.".into(),
        svg: chart::lines(&heading, &plot).unwrap(),
    }
}

fn table(file: &str) -> Table {
    let row = |name: &str, actors: u64, samples: &[f64], p99_ms: Option<f64>| {
        vec![Cell::from(name), actors.into(), stats::mean(samples).into(), p99_ms.into()]
    };
    Table {
        file: file.into(),
        caption: "Throughput and latency by architecture.".into(),
        columns: vec![
            Column::new("architecture", ""),
            Column::new("actors", ""),
            Column::new("throughput", "messages/s"),
            Column::new("delivery p99", "ms"),
        ],
        rows: vec![
            row("central", 1, &[2_000.0, 2_100.0, 2_050.0], Some(12.25)),
            row("parallel", 8, &[12_345.0], None),
            row("transactional", 8, &[], None),
        ],
    }
}

fn experiment() -> Page {
    Page {
        question: "Does throughput grow with the number of actors?".into(),
        answer: "Yes, by 1.74 times for each doubling up to 8 actors.".into(),
        sections: vec![
            Section {
                title: "Throughput".into(),
                text: "Each point is the mean of four seeds.\n\nThe dotted line is what would be ideal."
                    .into(),
                plots: vec![plot("throughput")],
                tables: vec![table("throughput")],
            },
            Section {
                title: "Nothing measured yet".into(),
                tables: vec![Table { rows: vec![], ..table("empty") }],
                ..Section::default()
            },
        ],
        reproduce: Reproduce {
            commands: vec!["cargo sim scale scenarios/questions/scaling.toml --out out/scaling".into()],
            seeds: "0..4".into(),
            commit: "3e63d41".into(),
            machine: "epyc-2, 2 cores".into(),
        },
        limits: vec!["One witness.".into(), "Clients that never fail.".into()],
    }
}

/// The page's files in a directory of their own, read back.
fn written(page: &Page) -> (tempfile::TempDir, String, String) {
    let scratch = tempfile::tempdir().unwrap();
    page::write(scratch.path(), page).unwrap();
    let read = |file: &str| fs::read_to_string(scratch.path().join(file)).unwrap();
    let (html, markdown) = (read("index.html"), read("page.md"));
    (scratch, html, markdown)
}

/// What a browser shows of the page: parsed as XML, which holds only if every tag is closed and all is escaped.
fn body(html: &str) -> String {
    let from = html.find("<main>").unwrap();
    let to = html.find("</main>").unwrap() + "</main>".len();
    html[from..to].to_owned()
}

fn texts(document: &Document<'_>, tag: &str) -> Vec<String> {
    let nodes = document.descendants().filter(|node| node.tag_name().name() == tag);
    nodes
        .map(|node| node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect())
        .collect()
}

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
fn a_page_says_question_answer_evidence_and_how_to_get_it_again() {
    let page = experiment();
    let (scratch, html, markdown) = written(&page);
    for words in [
        "Does throughput grow",
        "by 1.74 times",
        "mean of four seeds",
        "but less than ideally",
        "cargo sim scale",
        "0..4",
        "3e63d41",
        "epyc-2",
        "One witness.",
        "no data",
    ] {
        assert!(html.contains(words), "{words}");
        assert!(markdown.contains(words), "{words}");
    }
    for file in ["throughput.svg", "throughput.png", "throughput.csv", "empty.csv"] {
        assert!(scratch.path().join(file).is_file(), "{file}");
    }
    if let Some(directory) = std::env::var_os("PLOTS") {
        page::write(&Path::new(&directory).join("gallery/scaling"), &page).unwrap();
    }
}

#[test]
fn html_needs_no_network_and_is_accessible() {
    let (_scratch, html, _) = written(&experiment());
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    assert!(
        !html.contains("<script")
            && !html.contains("src=")
            && !html.contains("@import")
            && !html.contains("url(")
    );
    assert!(
        html.contains("prefers-color-scheme: dark")
            && html.contains("@media print")
            && html.contains("viewport")
    );
    let body = body(&html);
    let document = Document::parse(&body).unwrap();
    assert_eq!(texts(&document, "h1"), ["Does throughput grow with the number of actors?"]);
    assert_eq!(texts(&document, "h2"), ["Throughput", "Nothing measured yet", "How to reproduce", "Limits"]);
    assert_eq!(texts(&document, "caption").len(), 2);
    assert_eq!(texts(&document, "title"), ["Throughput over actors"]);
    assert_eq!(texts(&document, "desc"), ["4 seeds, 95 % intervals"]);
    assert_eq!(texts(&document, "th")[2], "throughput (messages/s)");
    assert_eq!(texts(&document, "td")[..4], ["central", "1", "2,050 [1,926, 2,174]", "12.2"]);
    let right = document.descendants().filter(|node| node.attribute("class") == Some("number"));
    assert_eq!(right.filter(|node| node.tag_name().name() == "th").count(), 3);
}

#[test]
fn markdown_has_the_same_table_with_numbers_flush_right() {
    let (_scratch, _, markdown) = written(&experiment());
    let table = "| architecture | actors | throughput (messages/s) | delivery p99 (ms) |\n\
                 | --- | ---: | ---: | ---: |\n\
                 | central | 1 | 2,050 \\[1,926, 2,174\\] | 12.2 |\n\
                 | parallel | 8 | 12,345 | – |\n\
                 | transactional | 8 | – | – |\n";
    assert!(markdown.contains(table), "{markdown}");
    assert!(markdown.contains("](throughput.svg)") && markdown.contains("([CSV](throughput.csv))"));
}

#[test]
fn csv_has_numbers_in_full_and_intervals_in_columns_of_their_own() {
    let (scratch, ..) = written(&experiment());
    let csv = fs::read_to_string(scratch.path().join("throughput.csv")).unwrap();
    let mut lines = csv.lines();
    let head = "architecture,actors,throughput_messages_per_s,throughput_messages_per_s_low,\
                throughput_messages_per_s_high,throughput_messages_per_s_samples,delivery_p99_ms";
    assert_eq!(lines.next(), Some(head));
    assert!(lines.next().unwrap().starts_with("central,1,2050,1925.7"), "{csv}");
    assert_eq!(lines.next(), Some("parallel,8,12345,12345,12345,1,"));
    assert_eq!(lines.next(), Some("transactional,8,,,,,"));
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
fn odd_tables_are_written() {
    let mut page = experiment();
    let mut odd = table("odd");
    odd.columns.extend([Column::new("actors", ""), Column::new("", ""), Column::default()]);
    odd.rows = vec![
        vec![],
        vec![Cell::Number(f64::NAN); 12],
        vec![Cell::Number(f64::MAX)],
        vec!["-".into(), "\"a\",\nb".into()],
    ];
    page.sections[1].tables.push(odd);
    page.sections[1].tables.push(Table { file: "nothing".into(), ..Table::default() });
    let (scratch, html, _) = written(&page);
    assert!(Document::parse(&body(&html)).is_ok());
    let mut csv = csv::Reader::from_path(scratch.path().join("odd.csv")).unwrap();
    let keys = csv.headers().unwrap().clone();
    assert_eq!(keys.iter().collect::<std::collections::BTreeSet<&str>>().len(), keys.len(), "{keys:?}");
    assert_eq!(csv.records().map(|record| record.unwrap().len()).collect::<Vec<usize>>(), [keys.len(); 4]);
}

#[test]
fn names_that_are_no_file_of_the_page_are_refused_before_anything_is_written() {
    for name in ["", "../escape", "a/b", "a b", "ü", ".hidden", "a.svg", "THROUGHPUT"] {
        let mut page = experiment();
        page.sections[1].plots.push(plot(name));
        let scratch = tempfile::tempdir().unwrap();
        let error = page::write(scratch.path(), &page).unwrap_err().to_string();
        assert!(error.contains(&format!("{name:?}")), "{error}");
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn a_plot_that_is_no_picture_is_named() {
    let mut page = experiment();
    for svg in ["", "<p>no picture</p>", "<svg xmlns=\"http://www.w3.org/2000/svg\"/><script>1</script>"] {
        page.sections[0].plots[0].svg = svg.into();
        let error = page::write(tempfile::tempdir().unwrap().path(), &page).unwrap_err().to_string();
        assert!(error.contains("plot throughput"), "{error}");
    }
}

#[test]
fn equal_pages_are_equal_bytes() {
    let (one, other) = (written(&experiment()).0, written(&experiment()).0);
    let mut files: Vec<_> =
        fs::read_dir(one.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files.len(), 6);
    for file in files {
        assert!(
            fs::read(one.path().join(&file)).unwrap() == fs::read(other.path().join(&file)).unwrap(),
            "{file:?}"
        );
    }
}

#[test]
fn a_table_prints_on_a_terminal_too() {
    let text = table("table").text().to_string();
    assert!(text.contains("parallel            8                   12,345                  -\n"), "{text}");
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
