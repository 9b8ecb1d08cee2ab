//! The CSV files: what is written reads back, the columns are the promised ones, errors name the file.
//!
//! Scripts outside this repository read these files, so the header lines stand here letter by letter.

use std::fs;

use reports::record::{self, LatencyKind, LatencyPoint, RunRecord, SpeedRecord, TimelinePoint};
use reports::summary::Summary;

const RUN_HEADER: &str = "scenario,seed,architecture,held,fingerprint,accepted,delivered,throughput_per_s,\
    receipt_us_p50,receipt_us_p90,receipt_us_p99,receipt_us_max,\
    delivery_us_p50,delivery_us_p90,delivery_us_p99,delivery_us_max,\
    exposed,suspected,faults_fired,attacks_fired,virtual_s";

fn run() -> RunRecord {
    let record = RunRecord {
        scenario: "attacks/swap, \"quoted\"\nand broken".into(),
        seed: u64::MAX,
        architecture: "parallel".into(),
        held: true,
        fingerprint: "00012e4567890123".into(),
        accepted: 2_000,
        delivered: 1_999,
        throughput_per_s: 481.25,
        exposed: vec!["mailbox/0".into(), "incoming/1".into()],
        suspected: vec!["sequencer".into()],
        faults_fired: 1,
        attacks_fired: 12,
        virtual_s: 0.1 + 0.2,
        ..RunRecord::default()
    };
    record.with_receipt(Some(Summary { p50: 812.3, p90: 1_000.0, p99: 2_100.5, max: 4_100.123 }))
}

#[test]
fn runs_read_back_as_written() {
    let scratch = tempfile::tempdir().unwrap();
    let directory = scratch.path().join("made/on/the/way");
    let runs = [run(), RunRecord::default()];
    record::write_runs(&directory, &runs).unwrap();
    assert_eq!(record::read_runs(&directory).unwrap(), runs);
}

#[test]
fn timeline_and_latency_read_back_as_written() {
    let scratch = tempfile::tempdir().unwrap();
    let timeline = [TimelinePoint { time_ms: 100, accepted_per_s: 500.0, delivered_per_s: 1e-9 }];
    let latency = [
        LatencyPoint { kind: LatencyKind::Receipt, percentile: 0.0, latency_us: 1.5 },
        LatencyPoint { kind: LatencyKind::Delivery, percentile: 99.99, latency_us: 2.5 },
    ];
    record::write_timeline(scratch.path(), &timeline).unwrap();
    record::write_latency(scratch.path(), &latency).unwrap();
    assert_eq!(record::read_timeline(scratch.path()).unwrap(), timeline);
    assert_eq!(record::read_latency(scratch.path()).unwrap(), latency);
}

#[test]
fn columns_are_the_promised_ones_with_and_without_rows() {
    let scratch = tempfile::tempdir().unwrap();
    let first_line = |path| fs::read_to_string(path).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(first_line(record::write_runs(scratch.path(), &[]).unwrap()), RUN_HEADER);
    assert_eq!(first_line(record::write_runs(scratch.path(), &[run()]).unwrap()), RUN_HEADER);
    let timeline = first_line(record::write_timeline(scratch.path(), &[]).unwrap());
    assert_eq!(timeline, "time_ms,accepted_per_s,delivered_per_s");
    let latency = first_line(record::write_latency(scratch.path(), &[]).unwrap());
    assert_eq!(latency, "kind,percentile,latency_us");
    let speed = [SpeedRecord { scenario: "swap".into(), seed: 7, wall_s: 0.5 }];
    assert_eq!(first_line(record::write_speed(scratch.path(), &speed).unwrap()), "scenario,seed,wall_s");
    assert_eq!(record::read_runs(scratch.path()).unwrap(), [run()]);
}

#[test]
fn exposed_actors_share_one_cell_and_missing_latencies_are_empty() {
    let scratch = tempfile::tempdir().unwrap();
    let simple = RunRecord { scenario: "swap".into(), ..run() };
    let text = fs::read_to_string(record::write_runs(scratch.path(), &[simple]).unwrap()).unwrap();
    assert!(text.contains(",4100.123,,,,,mailbox/0 incoming/1,sequencer,1,12,"), "{text}");
}

#[test]
fn a_file_that_is_missing_or_does_not_parse_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join(record::RUN_FILE);
    let complaint = || record::read_runs(scratch.path()).unwrap_err().to_string();
    assert!(complaint().contains(&path.display().to_string()), "{}", complaint());

    let row = record::write_runs(scratch.path(), &[RunRecord::default()]).unwrap();
    let broken = fs::read_to_string(&row).unwrap().replace("false", "perhaps");
    fs::write(&row, broken).unwrap();
    assert!(complaint().contains(&path.display().to_string()), "{}", complaint());
    assert!(complaint().contains("line: 2") && complaint().contains("`true` or `false`"), "{}", complaint());

    for garbage in [&b"\xff\xfe\x00,\n\x00"[..], b"seed\n1\n", b"\"unclosed"] {
        fs::write(&path, garbage).unwrap();
        assert!(record::read_runs(scratch.path()).map_or(true, |runs| runs.is_empty()));
    }
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    fs::create_dir(scratch.path().join(record::RUN_FILE)).unwrap();
    let error = record::write_runs(scratch.path(), &[run()]).unwrap_err();
    assert!(error.to_string().contains(record::RUN_FILE), "{error}");
}
