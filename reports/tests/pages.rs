//! A page says the same in HTML, Markdown and CSV.
//!
//! With `PLOTS=DIR` in the environment a page is written there, to be looked at.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod experiment;

use std::fs;
use std::path::Path;

use experiment::{body, experiment, plot, table, texts, written};
use reports::gallery;
use reports::page::{self, Cell, Column, Table};
use resvg::usvg::roxmltree::Document;

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
    assert_eq!(texts(&document, "td")[..4], ["central", "1", "2,050 (1,926 to 2,174)", "12.2"]);
    let right = document.descendants().filter(|node| node.attribute("class") == Some("number"));
    assert_eq!(right.filter(|node| node.tag_name().name() == "th").count(), 3);
}

#[test]
fn markdown_has_the_same_table_with_numbers_flush_right() {
    let (_scratch, _, markdown) = written(&experiment());
    let table = "| architecture | actors | throughput (messages/s) | delivery p99 (ms) |\n\
                 | --- | ---: | ---: | ---: |\n\
                 | central | 1 | 2,050 (1,926 to 2,174) | 12.2 |\n\
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
fn a_gallery_finds_pages_by_what_they_say_of_themselves() {
    let scratch = tempfile::tempdir().unwrap();
    let page = experiment();
    for name in ["second", "first"] {
        page::write(&scratch.path().join(name), &page).unwrap();
    }
    fs::create_dir(scratch.path().join("no-page")).unwrap();
    let entries = gallery::entries(scratch.path()).unwrap();
    let names: Vec<&str> = entries.iter().map(|entry| entry.directory.as_str()).collect();
    assert_eq!(names, ["first", "second"]);
    assert_eq!((&entries[0].question, &entries[0].answer), (&page.question, &page.answer));
    assert_eq!(entries[0].thumbnail, "throughput.png");
    let error = gallery::entries(&scratch.path().join("nowhere")).unwrap_err().to_string();
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn equal_pages_are_equal_bytes() {
    let (one, other) = (written(&experiment()).0, written(&experiment()).0);
    let mut files: Vec<_> =
        fs::read_dir(one.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files.len(), 7);
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
