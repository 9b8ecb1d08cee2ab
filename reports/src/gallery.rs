//! The way in: one page over many experiments, each with its picture, its question and its answer.

use std::path::{Path, PathBuf};

use crate::chart::{self, ChartError, escaped};
use crate::page::{self, HTML_FILE};

const TITLE: &str = "Experiments";

/// One experiment of the gallery.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Where its page is, below the gallery: `scaling`. Parts are joined by `/`.
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
