//! The runs of a curve, each in a row of `trials.csv`: what decided about a peak.

use std::{collections::BTreeMap, path::Path};

use reports::record::{RecordError, write_rows};
use serde::Serialize;

use super::{Curve, Key, Row, run::Refused};

/// The file, beside the page.
pub const FILE: &str = "trials.csv";

#[derive(Default, Serialize)]
struct Line<'a> {
    series: &'a str,
    at: f64,
    seed: u64,
    offered_per_s: f64,
    complete: bool,
    delivery_p50_ms: Option<f64>,
    delivery_p99_ms: Option<f64>,
    lag: f64,
    sustained: bool,
    refused: &'a str,
    violated: &'a str,
}

/// Writes them to a directory.
///
/// # Errors
/// The file cannot be written.
pub fn write(directory: &Path, curve: &Curve, rows: &BTreeMap<Key, Row>) -> Result<(), RecordError> {
    let lines = rows.iter().flat_map(|((series, point, _), row)| {
        row.trials.iter().map(|trial| Line {
            series: &curve.series[*series].name,
            at: curve.points[*point].at,
            seed: trial.seed,
            offered_per_s: trial.offered_per_s,
            complete: trial.complete,
            delivery_p50_ms: trial.p50_ms,
            delivery_p99_ms: trial.p99_ms,
            lag: trial.lag,
            sustained: trial.sustained,
            refused: trial.refused.map(Refused::words).unwrap_or_default(),
            violated: trial.broken.as_deref().unwrap_or_default(),
        })
    });
    write_rows(directory, FILE, &lines.collect::<Vec<_>>()).map(|_| ())
}
