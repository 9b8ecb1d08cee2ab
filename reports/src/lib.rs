//! What runs leave behind: CSV files, latency summaries, plots as SVG and PNG, pages, and the lines they print.
//!
//! This crate takes plain numbers and strings and knows neither the simulator nor the server, so a plot can
//! be drawn again from the CSV files alone, and a benchmark of the real server reports like a simulated run.
//! Latencies come in as nanoseconds and go out as microseconds; every time is virtual unless its name says
//! otherwise.
//!
//! *Invariants*: equal input gives equal bytes, in every file and picture; no input, however odd, panics.
//!
//! ```
//! use reports::chart::{self, Heading, Span, SpanKind};
//! use reports::record::{self, LatencyKind, RunRecord, TimelinePoint};
//! use reports::summary::Latency;
//! use reports::text;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let directory = scratch.path();
//! let mut receipt = Latency::new();
//! for nanoseconds in [410_000, 520_000, 480_000, 2_900_000] {
//!     receipt.record(nanoseconds);
//! }
//! let timeline = [
//!     TimelinePoint { time_ms: 0, accepted_per_s: 480.0, delivered_per_s: 470.0 },
//!     TimelinePoint { time_ms: 100, accepted_per_s: 510.0, delivered_per_s: 515.0 },
//! ];
//! let crash = Span { label: "crash incoming/1".into(), from_s: 0.05, to_s: 0.1, kind: SpanKind::Fault };
//!
//! let run = RunRecord { scenario: "faults/crash".into(), seed: 7, held: true, ..RunRecord::default() };
//! record::write_runs(directory, &[run.with_receipt(receipt.summary())])?;
//! record::write_timeline(directory, &timeline)?;
//! record::write_latency(directory, &receipt.points(LatencyKind::Receipt))?;
//!
//! let heading = Heading { title: "Throughput".into(), caption: "faults/crash, seed 7".into() };
//! chart::write_svg(directory, "throughput.svg", &chart::throughput(&heading, &timeline, &[crash])?)?;
//!
//! assert_eq!(text::lines(&[("throughput", text::rate(495.0))]), "throughput  495 /s\n");
//! # Ok(())
//! # }
//! ```

pub mod blame;
pub mod chart;
pub mod gallery;
pub mod page;
pub mod record;
pub mod stats;
pub mod summary;
pub mod text;
