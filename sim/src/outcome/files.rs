//! The outcome as files: CSV, plots, evidence, roster, trace and the scenario as it was drawn.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use reports::{
    chart::{self, ChartError, Heading, LATENCY_FILE, Span, SpanKind, THROUGHPUT_FILE},
    record::{
        LatencyKind, RecordError, TimelinePoint, write_latency, write_runs, write_speed, write_timeline,
    },
};
use server::protocol::{id::Role, roster_file};

use super::Outcome;
use crate::{
    scenario::ActorName,
    trace::{Event, HEADER},
};

/// Name of the file with the keys of all actors.
const ROSTER_FILE: &str = "roster.json";
/// Name of the file with the scenario as it was drawn.
const SCENARIO_FILE: &str = "scenario.toml";
/// Name of the file with what happened, event by event.
const TRACE_FILE: &str = "trace.txt";
/// All that a run writes to its directory, but the directory of the evidence.
pub const FILES: [&str; 9] = [
    reports::record::RUN_FILE,
    reports::record::SPEED_FILE,
    reports::record::TIMELINE_FILE,
    reports::record::LATENCY_FILE,
    LATENCY_FILE,
    THROUGHPUT_FILE,
    ROSTER_FILE,
    SCENARIO_FILE,
    TRACE_FILE,
];
/// Most intervals of a timeline.
const INTERVALS_MAX: u64 = 100;
/// Pieces of evidence written at most for each exposed actor: the first ones.
const EVIDENCE_MAX: usize = 10;

/// Why an outcome could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file.
    #[error("{}: cannot write: {why}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A CSV file.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A plot.
    #[error(transparent)]
    Chart(#[from] ChartError),
}

/// How the files of the evidence against an actor begin.
fn stem(actor: ActorName) -> String {
    format!("{}-", actor.to_string().replace('/', "-"))
}

/// Whether a file is called as one that a run writes its evidence to.
fn is_evidence(name: &str) -> bool {
    let numbered = name.strip_suffix(".json").and_then(|name| name.rsplit_once('-'));
    numbered.is_some_and(|(of_actor, number)| {
        let is_number = number.parse::<usize>().is_ok_and(|number| number < EVIDENCE_MAX);
        is_number && Role::ALL.iter().any(|role| of_actor.starts_with(&format!("{}-", role.name())))
    })
}

/// Writes a file and the directories it lies in.
///
/// # Errors
/// What the system says, with the file.
pub fn write(path: PathBuf, text: &str) -> Result<(), WriteError> {
    let parent = path.parent().unwrap_or(Path::new("."));
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, text));
    written.map_err(|why| WriteError::File { path, why })
}

impl Outcome {
    /// Writes everything to a directory.
    pub fn write(&self, directory: &Path) -> Result<(), WriteError> {
        write_runs(directory, &[self.row()])?;
        write_speed(directory, &[self.speed()])?;
        let timeline = self.timeline();
        write_timeline(directory, &timeline)?;
        let receipt = self.record().receipt.points(LatencyKind::Receipt);
        let latency = [receipt, self.record().delivery.points(LatencyKind::Delivery)].concat();
        write_latency(directory, &latency)?;
        let heading = |title: &str| Heading {
            title: title.to_owned(),
            caption: format!("{}, seed {}, {}", self.scenario, self.seed, self.drawn.architecture.name()),
        };
        chart::write_svg(directory, LATENCY_FILE, &chart::latency(&heading("Latency"), &latency)?)?;
        let throughput = chart::throughput(&heading("Throughput"), &timeline, &self.spans())?;
        chart::write_svg(directory, THROUGHPUT_FILE, &throughput)?;
        write(directory.join(ROSTER_FILE), &roster_file::to_json(&self.run.rosters))?;
        write(directory.join(SCENARIO_FILE), &self.drawn.to_toml())?;
        let events = self.record().trace.iter().flat_map(|trace| &trace.events);
        let lines: String = events.map(Event::line).collect();
        write(directory.join(TRACE_FILE), &format!("{HEADER}{lines}"))?;
        self.write_evidence(&directory.join("evidence"))
    }

    fn write_evidence(&self, directory: &Path) -> Result<(), WriteError> {
        // evidence of an earlier run in this place would be taken for this one's; what is not evidence is somebody else's
        for path in fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_file() && path.file_name().is_some_and(|name| is_evidence(&name.to_string_lossy())) {
                fs::remove_file(&path).map_err(|why| WriteError::File { path, why })?;
            }
        }
        let mut written = std::collections::BTreeMap::<_, usize>::new();
        for judged in &self.judged {
            let Some(name) = judged.exposed else { continue };
            let count = written.entry(name).or_default();
            if *count == EVIDENCE_MAX {
                continue;
            }
            let evidence = &self.record().caught[judged.evidence].evidence;
            let file = format!("{}{}-{count}.json", stem(name), evidence.predicate());
            write(directory.join(file), &evidence.to_json(self.run.trust.deployment))?;
            *count += 1;
        }
        Ok(())
    }

    /// Bundles accepted and delivered over time.
    fn timeline(&self) -> Vec<TimelinePoint> {
        let width_ms = interval_ms(self.run.virtual_ns / 1_000_000);
        let width_ns = width_ms * 1_000_000;
        let flow = self.flow();
        let ends_ns = self.run.virtual_ns;
        let (accepted, delivered) = (flow.accepted.stretches(width_ns), flow.delivered.stretches(width_ns));
        let nothing = || std::iter::repeat(0);
        let counts = accepted.chain(nothing()).zip(delivered.chain(nothing()));
        let starts = (0..).map(|index| index * width_ms).take_while(|ms| ms * 1_000_000 <= ends_ns);
        let point = |(time_ms, (accepted, delivered))| {
            // the run may end within the last one; of a moment nothing can be said
            let length_ns = width_ns.min(ends_ns - time_ms * 1_000_000).max(width_ns / 4);
            let per_s = |count: u64| count as f64 * 1e9 / length_ns as f64;
            TimelinePoint { time_ms, accepted_per_s: per_s(accepted), delivered_per_s: per_s(delivered) }
        };
        starts.zip(counts).map(point).collect()
    }

    /// Faults and attacks, to be shaded.
    fn spans(&self) -> Vec<Span> {
        let seconds = |ns: u64| ns as f64 / 1e9;
        let faults = self.drawn.faults.iter().map(|fault| Span {
            label: fault.to_string(),
            from_s: seconds(fault.at_ns),
            to_s: seconds(fault.end_ns()),
            kind: SpanKind::Fault,
        });
        let attacks = self.drawn.adversaries.iter().map(|adversary| Span {
            label: format!("{}: {}", adversary.actor, adversary.attack.name),
            from_s: seconds(adversary.from_ns),
            to_s: adversary.until_ns.map_or(f64::INFINITY, seconds),
            kind: SpanKind::Attack,
        });
        faults.chain(attacks).collect()
    }
}

/// A round width that cuts a run into at most [`INTERVALS_MAX`] intervals.
fn interval_ms(run_ms: u64) -> u64 {
    let decades = std::iter::successors(Some(10u64), |decade| decade.checked_mul(10));
    let widths = decades.flat_map(|decade| [decade, 2 * decade, 5 * decade]);
    widths.into_iter().find(|width| run_ms / width < INTERVALS_MAX).unwrap_or(u64::MAX / 2_000_000)
}
