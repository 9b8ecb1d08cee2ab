//! The CSV files of a run: every column is defined here, once, by the field of a serde struct.
//!
//! Scripts, notebooks and the plots of this crate read these files, so a column is a promise: its name says
//! the unit, and it is written and read by the same struct. A file a shape: one row a run, one row an interval
//! of virtual time, one row a percentile; and a file of its own for what depends on the machine, so that all
//! others are the same bytes wherever and however often a seed is run.
//!
//! | file | column | unit | meaning |
//! |---|---|---|---|
//! | `run.csv` | `scenario` | | the scenario's name or path |
//! | | `seed` | | the 64-bit seed that decided everything |
//! | | `architecture` | | `central`, `parallel`, … |
//! | | `held` | `true`, `false` | whether every check held |
//! | | `fingerprint` | | the rolling hash of the run |
//! | | `accepted`, `delivered` | bundles | counts over the whole run |
//! | | `throughput_per_s` | 1/s, virtual | as the run reports it |
//! | | `receipt_us_p50`, `_p90`, `_p99`, `_max` | µs, virtual | submission to receipt; empty if none came |
//! | | `delivery_us_p50`, `_p90`, `_p99`, `_max` | µs, virtual | submission to delivery; empty if none came |
//! | | `exposed` | actors | names of the exposed actors, joined by one space |
//! | | `suspected` | actors | names of those suspected at the end, joined likewise |
//! | | `faults_fired`, `attacks_fired` | | counts over all kinds |
//! | | `virtual_s` | s, virtual | how long the run lasted inside the simulation |
//! | `speed.csv` | `scenario`, `seed` | | as in `run.csv` |
//! | | `wall_s` | s, real | how long the run and its checks took here: what the seed does not decide |
//! | `timeline.csv` | `time_ms` | ms, virtual | start of the interval counted |
//! | | `accepted_per_s`, `delivered_per_s` | 1/s, virtual | rates within the interval |
//! | `latency.csv` | `kind` | `receipt`, `delivery` | which latency |
//! | | `percentile` | %, 0 to below 100 | share of the samples at or below `latency_us` |
//! | | `latency_us` | µs, virtual | |
//!
//! *Invariants*: what is written reads back equal; the header is there even when no row is; a file that does
//! not parse is an error that names it, never a panic.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::summary::Summary;

/// Name of the file with one row a run.
pub const RUN_FILE: &str = "run.csv";
/// Name of the file with how long each run took here.
pub const SPEED_FILE: &str = "speed.csv";
/// Name of the file with throughput over time.
pub const TIMELINE_FILE: &str = "timeline.csv";
/// Name of the file with latency over percentile.
pub const LATENCY_FILE: &str = "latency.csv";

/// One run: a row of `run.csv`. The columns are described at the top of this module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table of columns above says what each is, once")]
pub struct RunRecord {
    pub scenario: String,
    pub seed: u64,
    pub architecture: String,
    pub held: bool,
    pub fingerprint: String,
    pub accepted: u64,
    pub delivered: u64,
    pub throughput_per_s: f64,
    pub receipt_us_p50: Option<f64>,
    pub receipt_us_p90: Option<f64>,
    pub receipt_us_p99: Option<f64>,
    pub receipt_us_max: Option<f64>,
    pub delivery_us_p50: Option<f64>,
    pub delivery_us_p90: Option<f64>,
    pub delivery_us_p99: Option<f64>,
    pub delivery_us_max: Option<f64>,
    #[serde(with = "joined_by_space")]
    pub exposed: Vec<String>,
    #[serde(with = "joined_by_space")]
    pub suspected: Vec<String>,
    pub faults_fired: u64,
    pub attacks_fired: u64,
    pub virtual_s: f64,
}

impl RunRecord {
    /// Fills the four receipt columns; `None` leaves them empty.
    #[must_use]
    pub fn with_receipt(mut self, receipt: Option<Summary>) -> Self {
        self.receipt_us_p50 = receipt.map(|summary| summary.p50);
        self.receipt_us_p90 = receipt.map(|summary| summary.p90);
        self.receipt_us_p99 = receipt.map(|summary| summary.p99);
        self.receipt_us_max = receipt.map(|summary| summary.max);
        self
    }

    /// Fills the four delivery columns; `None` leaves them empty.
    #[must_use]
    pub fn with_delivery(mut self, delivery: Option<Summary>) -> Self {
        self.delivery_us_p50 = delivery.map(|summary| summary.p50);
        self.delivery_us_p90 = delivery.map(|summary| summary.p90);
        self.delivery_us_p99 = delivery.map(|summary| summary.p99);
        self.delivery_us_max = delivery.map(|summary| summary.max);
        self
    }
}

/// How long one run took here: a row of `speed.csv`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeedRecord {
    /// The scenario's name or path.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// Seconds of real time.
    pub wall_s: f64,
}

/// Throughput within one interval of virtual time: a row of `timeline.csv`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimelinePoint {
    /// Where the interval starts, in milliseconds of virtual time.
    pub time_ms: u64,
    /// Bundles accepted per virtual second within the interval.
    pub accepted_per_s: f64,
    /// Bundles delivered per virtual second within the interval.
    pub delivered_per_s: f64,
}

/// Which latency a point belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LatencyKind {
    /// From submission to the receipt.
    #[default]
    Receipt,
    /// From submission to the delivery.
    Delivery,
}

/// Latency at one percentile: a row of `latency.csv`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyPoint {
    /// Which latency.
    pub kind: LatencyKind,
    /// Share of the samples at or below `latency_us`, in percent: 0 to below 100.
    pub percentile: f64,
    /// The latency in microseconds of virtual time.
    pub latency_us: f64,
}

/// Why a CSV file could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The directory could not be made.
    #[error("cannot make directory {}: {source}", path.display())]
    MakeDirectory {
        /// The directory.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        source: csv::Error,
    },
    /// The file could not be opened, or a row of it is not what the columns promise.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the reader said, with the line where it is about a row.
        source: csv::Error,
    },
}

/// Writes `run.csv` into `directory`, which is made if need be, and returns the file's path.
///
/// # Errors
/// [`RecordError`] names the directory or file that could not be written.
pub fn write_runs(directory: &Path, runs: &[RunRecord]) -> Result<PathBuf, RecordError> {
    write_rows(directory, RUN_FILE, runs)
}

/// Writes `speed.csv` into `directory`, which is made if need be, and returns the file's path.
///
/// # Errors
/// [`RecordError`] names the directory or file that could not be written.
pub fn write_speed(directory: &Path, runs: &[SpeedRecord]) -> Result<PathBuf, RecordError> {
    write_rows(directory, SPEED_FILE, runs)
}

/// Writes `timeline.csv` into `directory`, which is made if need be, and returns the file's path.
///
/// # Errors
/// [`RecordError`] names the directory or file that could not be written.
pub fn write_timeline(directory: &Path, points: &[TimelinePoint]) -> Result<PathBuf, RecordError> {
    write_rows(directory, TIMELINE_FILE, points)
}

/// Writes `latency.csv` into `directory`, which is made if need be, and returns the file's path.
///
/// # Errors
/// [`RecordError`] names the directory or file that could not be written.
pub fn write_latency(directory: &Path, points: &[LatencyPoint]) -> Result<PathBuf, RecordError> {
    write_rows(directory, LATENCY_FILE, points)
}

/// Reads `run.csv` of `directory` back.
///
/// # Errors
/// [`RecordError::Read`] names the file, and the line where a row is not what the columns promise.
pub fn read_runs(directory: &Path) -> Result<Vec<RunRecord>, RecordError> {
    read_rows(&directory.join(RUN_FILE))
}

/// Reads `timeline.csv` of `directory` back.
///
/// # Errors
/// As [`read_runs`].
pub fn read_timeline(directory: &Path) -> Result<Vec<TimelinePoint>, RecordError> {
    read_rows(&directory.join(TIMELINE_FILE))
}

/// Reads `latency.csv` of `directory` back.
///
/// # Errors
/// As [`read_runs`].
pub fn read_latency(directory: &Path) -> Result<Vec<LatencyPoint>, RecordError> {
    read_rows(&directory.join(LATENCY_FILE))
}

/// Writes rows of any kind to a file of `directory`, which is made if need be, and returns the file's path.
///
/// # Errors
/// [`RecordError`] names the directory or file that could not be written.
pub fn write_rows<Row: Serialize + Default>(
    directory: &Path,
    file: &str,
    rows: &[Row],
) -> Result<PathBuf, RecordError> {
    fs::create_dir_all(directory)
        .map_err(|source| RecordError::MakeDirectory { path: directory.to_path_buf(), source })?;
    let path = directory.join(file);
    match write_file(&path, rows) {
        Ok(()) => Ok(path),
        Err(source) => Err(RecordError::Write { path, source }),
    }
}

fn write_file<Row: Serialize + Default>(path: &Path, rows: &[Row]) -> Result<(), csv::Error> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_path(path)?;
    writer.write_record(&header::<Row>()?)?;
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.flush()?)
}

/// The column names. The `csv` crate tells them only along with a first row, so this writes one to memory.
fn header<Row: Serialize + Default>() -> Result<csv::StringRecord, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(Row::default())?;
    let bytes = writer.into_inner().map_err(|failed| csv::Error::from(failed.into_error()))?;
    csv::Reader::from_reader(bytes.as_slice()).headers().cloned()
}

pub(crate) fn read_rows<Row: DeserializeOwned>(path: &Path) -> Result<Vec<Row>, RecordError> {
    csv::Reader::from_path(path)
        .and_then(|mut reader| reader.deserialize().collect())
        .map_err(|source| RecordError::Read { path: path.to_path_buf(), source })
}

/// A list of names as one cell. Names of actors hold no space.
mod joined_by_space {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(names: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&names.join(" "))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        let cell = String::deserialize(deserializer)?;
        Ok(cell.split_whitespace().map(str::to_owned).collect())
    }
}
