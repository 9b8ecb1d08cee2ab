//! One page an experiment: the question, the answer in a sentence, and all that the answer stands on.
//!
//! Whoever reads a plot years later wants to know what was asked, what came out, and how to run it again. So a page
//! holds all of that, as one HTML file without network or script, which can be mailed, printed and read on a
//! phone; as Markdown for where HTML is not shown; and every table as CSV, every plot as SVG and PNG.
//!
//! | file | what |
//! |---|---|
//! | `index.html` | the page, its plots within it |
//! | `page.md` | the same words and tables; the plots are the files beside it |
//! | `*.svg`, `*.png` | each plot |
//! | `*.csv` | each table, numbers in full |
//! | `answer.csv` | question and answer, for a [gallery] |
//!
//! *Invariants*: every word of the input is escaped; no file is written outside the directory; an equal page gives
//! equal bytes; an error names the file.

//!
//! ```
//! use reports::chart::{self, Dimension, Heading, LinesPlot, Point, Series, Style};
//! use reports::page::{self, Column, Page, Plot, Reproduce, Section, Table};
//! use reports::stats;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let directory = scratch.path();
//! let measured = [(1, [480.0, 510.0, 495.0]), (2, [930.0, 985.0, 960.0])]
//!     .map(|(actors, seeds)| (actors, stats::mean(&seeds).expect("there are seeds")));
//! let plot = LinesPlot {
//!     x: Dimension::log2("mailbox actors"),
//!     y: Dimension::linear("throughput (messages/s)"),
//!     series: vec![Series {
//!         name: "parallel".into(),
//!         points: measured.map(|(actors, rate)| Point::estimate(actors as f64, rate)).to_vec(),
//!         style: Style::Measured,
//!     }],
//!     marks: vec![],
//! };
//! let heading = Heading { title: "Throughput".into(), caption: "3 seeds, 95 % intervals".into() };
//! let table = Table {
//!     file: "throughput".into(),
//!     caption: "Throughput over actors.".into(),
//!     columns: vec![Column::new("actors", ""), Column::new("throughput", "messages/s")],
//!     rows: measured.map(|(actors, rate)| vec![actors.into(), rate.into()]).to_vec(),
//! };
//! let page = Page {
//!     question: "Does throughput grow with the actors?".into(),
//!     answer: "Yes: two carry 1.94 times what one does.".into(),
//!     sections: vec![Section {
//!         title: "Throughput".into(),
//!         text: "Each point is a mean over seeds.".into(),
//!         plots: vec![Plot {
//!             file: "throughput".into(),
//!             caption: "Throughput over actors.".into(),
//!             svg: chart::lines(&heading, &plot)?,
//!         }],
//!         tables: vec![table],
//!     }],
//!     reproduce: Reproduce { commands: vec!["cargo sim scale …".into()], ..Reproduce::default() },
//!     limits: vec!["Two sizes only.".into()],
//! };
//! page::write(directory, &page)?;
//! # Ok(())
//! # }
//! ```

mod html;
mod markdown;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::chart::{self, ChartError};
use crate::gallery;
use crate::record::RecordError;

pub(crate) use html::document;
pub use table::{Cell, Column, Table};

/// Name of the page as HTML.
pub const HTML_FILE: &str = "index.html";
/// Name of the page as Markdown.
pub const MARKDOWN_FILE: &str = "page.md";

/// All there is to say about an experiment. Words are plain text: nothing in them is markup.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// What was asked: the title.
    pub question: String,
    /// What came out, in a sentence with its numbers.
    pub answer: String,
    /// What the answer stands on.
    pub sections: Vec<Section>,
    /// How to get the same numbers again.
    pub reproduce: Reproduce,
    /// What the experiment does not show, an item each.
    pub limits: Vec<String>,
}

/// A part of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What to see in its plots and tables; an empty line between paragraphs.
    pub text: String,
    /// Plots, above the tables.
    pub plots: Vec<Plot>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// A plot of a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// Name of its files, without an ending: letters, digits, `-` and `_`.
    pub file: String,
    /// What it shows, in a sentence.
    pub caption: String,
    /// The picture, as [`chart`] draws it.
    pub svg: String,
}

/// How to get the same numbers again. What is empty is left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reproduce {
    /// The commands, in order.
    pub commands: Vec<String>,
    /// The seeds: `0..20`.
    pub seeds: String,
    /// The commit of the program.
    pub commit: String,
    /// The cost profile, or the machine for what was measured in real time.
    pub machine: String,
}

impl Reproduce {
    /// What there is besides the commands, with its name.
    fn facts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("Seeds", &self.seeds), ("Commit", &self.commit), ("Machine or cost profile", &self.machine)]
            .into_iter()
            .map(|(name, value)| (name, value.as_str()))
            .filter(|(_, value)| !value.is_empty())
    }
}

/// Why a page could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A file of the page could not be drawn or written.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// What a gallery reads of the page could not be written.
    #[error(transparent)]
    Answer(#[from] RecordError),
    /// A plot cannot be drawn as PNG, so it is none that belongs into a page.
    #[error("the plot {file} is no picture: {source}")]
    Plot {
        /// The plot's name.
        file: String,
        /// What is wrong with it.
        source: ChartError,
    },
    /// A plot or table has a name that is no plain file name, or one that another has.
    #[error("{0:?} cannot name a file of the page: it must be new, of letters, digits, - and _")]
    Name(String),
    /// A table could not be put into CSV.
    #[error("cannot write the table {file}: {source}")]
    Table {
        /// The table's name.
        file: String,
        /// What the writer said.
        source: csv::Error,
    },
}

/// Writes the page with all its files into `directory`, which is made if need be, and returns the path of the HTML.
///
/// # Errors
/// [`PageError`] names what is wrong with the page, or the file that could not be written.
pub fn write(directory: &Path, page: &Page) -> Result<PathBuf, PageError> {
    check_names(page)?;
    for plot in page.sections.iter().flat_map(|section| &section.plots) {
        let png =
            chart::png(&plot.svg).map_err(|source| PageError::Plot { file: plot.file.clone(), source })?;
        chart::write(directory, &format!("{}.png", plot.file), &png)?;
        chart::write_svg(directory, &format!("{}.svg", plot.file), &plot.svg)?;
    }
    for table in page.sections.iter().flat_map(|section| &section.tables) {
        let csv = table.csv().map_err(|source| PageError::Table { file: table.file.clone(), source })?;
        chart::write(directory, &format!("{}.csv", table.file), &csv)?;
    }
    gallery::introduce(directory, page)?;
    chart::write(directory, MARKDOWN_FILE, markdown::page(page).as_bytes())?;
    Ok(chart::write(directory, HTML_FILE, html::page(page).as_bytes())?)
}

/// Whether there is a page in `directory` which these commands do not make.
#[must_use]
pub fn is_of_others(directory: &Path, commands: &[String]) -> bool {
    let there = std::fs::read_to_string(directory.join(MARKDOWN_FILE));
    there.is_ok_and(|text| !commands.iter().all(|command| text.contains(command.as_str())))
}

fn check_names(page: &Page) -> Result<(), PageError> {
    let plain = |name: &str| {
        !name.is_empty()
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
    };
    let plots = page.sections.iter().flat_map(|section| &section.plots).map(|plot| ("plot", &plot.file));
    let tables = page.sections.iter().flat_map(|section| &section.tables).map(|table| ("table", &table.file));
    let mut taken = BTreeSet::new();
    for (kind, name) in plots.chain(tables) {
        // file systems that know no case would write one over the other
        if !plain(name) || !taken.insert((kind, name.to_ascii_lowercase())) {
            return Err(PageError::Name(name.clone()));
        }
    }
    Ok(())
}

/// The paragraphs of a text, each on one line.
fn paragraphs(text: &str) -> impl Iterator<Item = String> {
    let mut paragraphs = vec![Vec::new()];
    for line in text.lines().map(str::trim) {
        match (line, paragraphs.last_mut()) {
            ("", _) => paragraphs.push(Vec::new()),
            (line, Some(paragraph)) => paragraph.push(line),
            (_, None) => {}
        }
    }
    paragraphs.into_iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join(" "))
}
