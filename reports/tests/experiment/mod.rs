//! An experiment as a page, made up, and its files read back.

#![allow(dead_code, reason = "not every test that shares this uses all of it")]

use std::fs;

use reports::chart::{self, Dimension, Heading, LinesPlot, Mark, Point, Series, Style};
use reports::page::{self, Cell, Column, Page, Plot, Reproduce, Section, Table};
use reports::stats;
use resvg::usvg::roxmltree::Document;

/// Words that are markup wherever somebody forgot to escape them.
pub const HOSTILE: &str =
    "</td></table><script>alert('x')</script> & \"q\" | `code` *b* [l](http://x) \u{1b}[2J\n\n# head";

pub fn plot(file: &str) -> Plot {
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

pub fn table(file: &str) -> Table {
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

pub fn experiment() -> Page {
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
pub fn written(page: &Page) -> (tempfile::TempDir, String, String) {
    let scratch = tempfile::tempdir().unwrap();
    page::write(scratch.path(), page).unwrap();
    let read = |file: &str| fs::read_to_string(scratch.path().join(file)).unwrap();
    let (html, markdown) = (read("index.html"), read("page.md"));
    (scratch, html, markdown)
}

/// What a browser shows of the page: parsed as XML, which holds only if every tag is closed and all is escaped.
pub fn body(html: &str) -> String {
    let from = html.find("<main>").unwrap();
    let to = html.find("</main>").unwrap() + "</main>".len();
    html[from..to].to_owned()
}

pub fn texts(document: &Document<'_>, tag: &str) -> Vec<String> {
    let nodes = document.descendants().filter(|node| node.tag_name().name() == tag);
    nodes
        .map(|node| node.descendants().filter_map(|node| node.text().filter(|_| node.is_text())).collect())
        .collect()
}
