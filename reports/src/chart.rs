//! Plots, as SVG and PNG. Of a run: [`latency`] over percentile, and [`throughput`] over time with its faults and
//! attacks. Of experiments: [`lines`] over a parameter, [`cdf`] of latencies, [`stacked`] costs, a [`heat`] map over two
//! parameters, the [`blame`] matrix.
//!
//! A plot has to be read at half a page's width, in grey or by a colour-blind reader, years after the run. So
//! text is large; colours are those of Okabe and Ito (*Color Universal Design*, 2008), and lines differ in width,
//! marks or dashes too, areas in texture; legends and labels stand beside the data and never on it; and the caption
//! says which run it was. Title and caption are also there, whole, for who has the picture read out. To draw an SVG is
//! to write text, and needs no font; PNG is drawn from it ([`write_png`]) with fonts of the program's own.
//!
//! *Invariants*: equal input gives equal bytes; every input is drawn, what has no place on an axis is left out, and
//! a plot without data says so; no text leaves the picture, and none lies on another.

mod axis;
mod blame;
mod canvas;
mod cdf;
mod dimension;
mod frame;
mod heat;
mod latency;
mod legend;
mod lines;
mod look;
mod marks;
mod patch;
mod raster;
mod rows;
mod spans;
mod stacked;
mod throughput;
mod unit;

use std::fs;
use std::path::{Path, PathBuf};

use plotters::drawing::DrawingAreaErrorKind;

pub use blame::blame;
pub(crate) use canvas::escaped;
pub use cdf::{Distribution, cdf};
pub use dimension::{Dimension, Scale};
pub use heat::{HeatPlot, heat};
pub use latency::latency;
pub use lines::{LinesPlot, Mark, Point, Series, Style, lines};
pub use raster::{png, write_png};
pub use stacked::{Bar, StackedPlot, stacked};
pub use throughput::throughput;

/// Usual name of the latency plot.
pub const LATENCY_FILE: &str = "latency.svg";
/// Usual name of the blame matrix.
pub const BLAME_FILE: &str = "blame.svg";
/// Usual name of the throughput plot.
pub const THROUGHPUT_FILE: &str = "throughput.svg";

/// What stands above a plot. Both lines are cut to the picture's width.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heading {
    /// What is shown.
    pub title: String,
    /// Which run it was, in smaller type: scenario, seed, architecture.
    pub caption: String,
}

/// A fault or an attack, drawn as a labelled stretch of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// What happened, and to whom: `crash incoming/1`.
    pub label: String,
    /// When it began, in seconds of virtual time.
    pub from_s: f64,
    /// When it ended; beyond the end of the run (or infinite) for what never ended.
    pub to_s: f64,
    /// Misfortune or malice.
    pub kind: SpanKind,
}

/// Misfortune or malice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SpanKind {
    /// Something broke.
    Fault,
    /// Somebody cheated.
    Attack,
}

/// Why a plot could not be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The drawing library refused.
    #[error("cannot draw the plot: {0}")]
    Draw(#[from] DrawingAreaErrorKind<std::io::Error>),
    /// A picture that is no SVG, or has no size, cannot become pixels.
    #[error("cannot turn the plot into pixels: {0}")]
    Raster(String),
    /// The directory could not be made, or the file not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The directory or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}

/// Writes a plot into `directory`, which is made if need be, and returns the file's path.
///
/// # Errors
/// [`ChartError::Write`] names the directory or file that could not be written.
pub fn write_svg(directory: &Path, file: &str, svg: &str) -> Result<PathBuf, ChartError> {
    write(directory, file, svg.as_bytes())
}

pub(crate) fn write(directory: &Path, file: &str, bytes: &[u8]) -> Result<PathBuf, ChartError> {
    fs::create_dir_all(directory)
        .map_err(|source| ChartError::Write { path: directory.to_path_buf(), source })?;
    let path = directory.join(file);
    match fs::write(&path, bytes) {
        Ok(()) => Ok(path),
        Err(source) => Err(ChartError::Write { path, source }),
    }
}
