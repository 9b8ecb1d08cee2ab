//! The way in: one page over many experiments, each with its picture, its question and its answer.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::chart::{self, ChartError, escaped};
use crate::page::{self, HTML_FILE, Page};
use crate::record::{RecordError, read_rows, write_rows};

const TITLE: &str = "Experiments";
/// Name of the file by which a page is known to a gallery.
pub const ENTRY_FILE: &str = "answer.csv";

/// One experiment of the gallery.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Entry {
    /// Where its page is, below the gallery: `scaling`. Parts are joined by `/`.
    #[serde(skip)]
    pub directory: String,
    /// What was asked.
    pub question: String,
    /// What came out.
    pub answer: String,
    /// The picture to show, a file in its directory: `throughput.png`; empty for none.
    pub thumbnail: String,
}

/// Writes `index.html` over the entries into `directory`, which is made if need be, and returns its path.
///
/// # Errors
/// [`ChartError::Write`] names the directory or file that could not be written.
pub fn write(directory: &Path, entries: &[Entry]) -> Result<PathBuf, ChartError> {
    let items: String = entries.iter().map(item).collect();
    let none = if entries.is_empty() { "<p>no experiments yet</p>\n" } else { "" };
    let body = format!("<h1>{TITLE}</h1>\n{none}<ul class=\"gallery\">\n{items}</ul>\n");
    let html = page::document(TITLE, "img-src 'self' file:", &body);
    chart::write(directory, HTML_FILE, html.as_bytes())
}

/// Writes down what a gallery will say of a page in this directory.
pub(crate) fn introduce(directory: &Path, page: &Page) -> Result<PathBuf, RecordError> {
    let plots = || page.sections.iter().flat_map(|section| &section.plots);
    let thumbnail = plots().next().map(|plot| format!("{}.png", plot.file)).unwrap_or_default();
    let (question, answer) = (page.question.clone(), page.answer.clone());
    write_rows(directory, ENTRY_FILE, &[Entry { directory: String::new(), question, answer, thumbnail }])
}

/// The experiments whose pages stand in directories right below this one, by name.
///
/// # Errors
/// [`GalleryError`] names the directory or file that cannot be read.
pub fn entries(directory: &Path) -> Result<Vec<Entry>, GalleryError> {
    let unreadable = |source| GalleryError::Directory { path: directory.to_path_buf(), source };
    let mut below = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        below.push(entry.map_err(unreadable)?.path());
    }
    below.retain(|path| path.join(ENTRY_FILE).is_file());
    below.sort();
    let mut entries = Vec::new();
    for path in below {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let rows: Vec<Entry> = read_rows(&path.join(ENTRY_FILE))?;
        entries.extend(rows.into_iter().map(|entry| Entry { directory: name.clone(), ..entry }));
    }
    Ok(entries)
}

/// Why the pages of a gallery cannot be found or written.
#[derive(Debug, thiserror::Error)]
pub enum GalleryError {
    /// The directory cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// What a page said of itself is not readable.
    #[error(transparent)]
    Entry(#[from] RecordError),
}

fn item(entry: &Entry) -> String {
    let directory = address(&entry.directory);
    let picture = match entry.thumbnail.as_str() {
        "" => String::new(),
        file => format!("<img src=\"{directory}/{}\" alt=\"\" loading=\"lazy\">\n", address(file)),
    };
    format!(
        "<li>\n{picture}<h2><a href=\"{directory}/{HTML_FILE}\">{}</a></h2>\n<p>{}</p>\n</li>\n",
        escaped(&entry.question),
        escaped(&entry.answer)
    )
}

/// A relative address: with nothing in it that has a meaning of its own, such as a scheme.
fn address(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b'~');
    let path = if path.trim_matches('/').is_empty() { "." } else { path.trim_matches('/') };
    let parts = path.bytes();
    let encoded =
        parts.map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    encoded.collect()
}
