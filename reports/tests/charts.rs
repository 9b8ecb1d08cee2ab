//! Every plot can be drawn, whatever the data: realistic, none, one point, all equal, huge, crowded.
//!
//! A run that went wrong is the one whose plot is wanted, so odd data must not cost the plot.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod picture;

use picture::checked;
use reports::chart::{self, Heading, Span, SpanKind};
use reports::record::{LatencyKind, LatencyPoint, TimelinePoint};
use reports::summary::Latency;

fn heading(name: &str) -> Heading {
    Heading {
        title: format!("Swapped deliveries: {name}"),
        caption: "scenarios/attacks/swap-deliveries.toml, parallel, seed 7".into(),
    }
}

fn throughput(name: &str, timeline: &[TimelinePoint], spans: &[Span]) -> String {
    let svg = chart::throughput(&heading(name), timeline, spans).unwrap();
    assert!(svg.contains("virtual time (s)") && svg.contains("bundles per second"), "{name}");
    checked(&format!("throughput-{name}"), svg)
}

fn latency(name: &str, points: &[LatencyPoint]) -> String {
    let svg = chart::latency(&heading(name), points).unwrap();
    assert!(svg.contains("percentile") && svg.contains("latency ("), "{name}");
    checked(&format!("latency-{name}"), svg)
}

/// A small noise, the same in every test run.
fn noise(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as f64 / (1_u64 << 31) as f64
}

/// Five seconds at 500/s, in intervals of 100 ms, with a crash between 1.0 and 1.2 s.
fn five_seconds() -> Vec<TimelinePoint> {
    let mut state = 7;
    (0..50)
        .map(|index| {
            let (accepted, delivered) = match index {
                10..12 => (250.0, 120.0),
                12 => (760.0, 700.0),
                13 => (510.0, 690.0),
                _ => (500.0, 500.0),
            };
            TimelinePoint {
                time_ms: index * 100,
                accepted_per_s: accepted + 80.0 * (noise(&mut state) - 0.5),
                delivered_per_s: delivered + 80.0 * (noise(&mut state) - 0.5),
            }
        })
        .collect()
}

fn span(label: &str, from_s: f64, to_s: f64, kind: SpanKind) -> Span {
    Span { label: label.into(), from_s, to_s, kind }
}

fn point(kind: LatencyKind, percentile: f64, latency_us: f64) -> LatencyPoint {
    LatencyPoint { kind, percentile, latency_us }
}

/// `count` latencies around `middle_us` with a tail.
fn collected(kind: LatencyKind, count: u64, middle_us: f64) -> Vec<LatencyPoint> {
    let mut state = 11;
    let mut latency = Latency::new();
    for _ in 0..count {
        let uniform = noise(&mut state).min(0.999_999);
        latency.record((middle_us * 1e3 * (0.6 - 0.5 * (1.0 - uniform).ln()).powi(2)) as u64);
    }
    latency.points(kind)
}

#[test]
fn throughput_of_a_run_shows_lines_faults_and_attacks() {
    let spans = [
        span("crash incoming/1", 1.0, 1.2, SpanKind::Fault),
        span("swap-deliveries mailbox/0", 0.5, f64::INFINITY, SpanKind::Attack),
    ];
    let svg = throughput("realistic", &five_seconds(), &spans);
    for words in [
        "crash incoming/1",
        "swap-deliveries mailbox/0",
        "accepted",
        "delivered",
        "fault",
        "attack",
        "seed 7",
    ] {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn throughput_without_spans_names_neither_fault_nor_attack() {
    let svg = throughput("honest", &five_seconds(), &[]);
    assert!(!svg.contains("fault\n") && !svg.contains("attack\n"));
}

#[test]
fn throughput_without_data_says_so() {
    assert!(throughput("empty", &[], &[]).contains("no data"));
    let spans = [span("crash sequencer", 2.0, 3.0, SpanKind::Fault)];
    assert!(throughput("only-spans", &[], &spans).contains("crash sequencer"));
}

#[test]
fn throughput_of_odd_numbers_is_drawn() {
    let at = |time_ms, rate| TimelinePoint { time_ms, accepted_per_s: rate, delivered_per_s: rate };
    throughput("one-point", &[at(0, 500.0)], &[span("crash", 0.0, 0.0, SpanKind::Fault)]);
    throughput("zero", &[at(0, 0.0), at(100, 0.0)], &[]);
    throughput("equal", &[at(0, 500.0), at(100, 500.0), at(200, 500.0)], &[]);
    throughput(
        "huge",
        &[at(0, f64::MAX), at(u64::MAX, 1e30)],
        &[span("late", 1e300, 1e301, SpanKind::Attack)],
    );
    throughput("tiny", &[at(0, f64::MIN_POSITIVE), at(1, 0.0)], &[]);
    throughput("many-per-s", &[at(0, 1_234_567.0), at(3_600_000, 2_345_678.0)], &[]);
    let odd = [at(0, f64::NAN), at(1, -5.0), at(2, f64::INFINITY)];
    assert!(throughput("odd", &odd, &[span("odd", f64::NAN, 1.0, SpanKind::Fault)]).contains("no data"));
}

#[test]
fn crowded_labels_are_staggered_and_the_rest_is_counted() {
    let few: Vec<Span> = (0..8)
        .map(|index| {
            let from_s = 0.4 + 0.6 * f64::from(index);
            let kind = if index % 3 == 0 { SpanKind::Attack } else { SpanKind::Fault };
            span(&format!("disk-slow incoming/{index}"), from_s, from_s + 0.3, kind)
        })
        .collect();
    let svg = throughput("staggered", &five_seconds(), &few);
    assert!(few.iter().all(|span| svg.contains(&span.label)));
    assert!(!svg.contains("not labelled"));

    let many: Vec<Span> = (0..60)
        .map(|index| span(&format!("partition {index}"), f64::from(index) * 0.08, 4.9, SpanKind::Fault))
        .collect();
    assert!(throughput("crowded", &five_seconds(), &many).contains("55 more not labelled"));
}

#[test]
fn long_words_are_cut() {
    let long = "swap-deliveries ".repeat(40);
    let spans = [span(&long, 4.8, 5.0, SpanKind::Attack)];
    let heading = Heading { title: long.clone(), caption: long.clone() };
    let svg = checked("long-words", chart::throughput(&heading, &five_seconds(), &spans).unwrap());
    let drawn = svg.split("<text").skip(1).collect::<String>();
    assert!(!drawn.contains(&long) && drawn.contains('…'), "cut where it is seen");
    assert!(svg.contains(&format!("<title>{long}</title>")), "whole where it is read out");
}

#[test]
fn latency_of_a_run_shows_both_kinds_up_to_the_tail() {
    let mut points = collected(LatencyKind::Receipt, 20_000, 1_000.0);
    points.extend(collected(LatencyKind::Delivery, 20_000, 6_000.0));
    let svg = latency("realistic", &points);
    for words in ["receipt", "delivery", "latency (ms)", "0%", "50%", "90%", "99%", "99.9%", "99.99%"] {
        assert!(svg.contains(&format!("{words}\n")), "{words}");
    }
}

#[test]
fn latency_unit_follows_the_size() {
    assert!(latency("us", &collected(LatencyKind::Receipt, 500, 40.0)).contains("latency (µs)"));
    assert!(latency("ms", &collected(LatencyKind::Receipt, 500, 8e4)).contains("latency (ms)"));
    assert!(latency("s", &collected(LatencyKind::Delivery, 500, 8e7)).contains("latency (s)"));
}

#[test]
fn latency_of_odd_numbers_is_drawn() {
    use LatencyKind::{Delivery, Receipt};
    assert!(latency("empty", &[]).contains("no data"));
    latency("one-point", &[point(Receipt, 0.0, 450.0)]);
    latency("one-sample-each", &[point(Receipt, 0.0, 450.0), point(Delivery, 0.0, 9_000.0)]);
    latency("zero", &[point(Receipt, 0.0, 0.0), point(Receipt, 50.0, 0.0)]);
    latency(
        "zero-then-some",
        &[point(Receipt, 0.0, 0.0), point(Receipt, 50.0, 5.0), point(Receipt, 90.0, 900.0)],
    );
    let equal = |kind| [0.0, 50.0, 90.0, 99.0].map(|percentile| point(kind, percentile, 4_200.0));
    latency("equal", &[equal(Receipt), equal(Delivery)].concat());
    latency(
        "huge",
        &[point(Receipt, 0.0, 1e-300), point(Receipt, 50.0, 3.0), point(Receipt, 99.9999, f64::MAX)],
    );
    let odd = [point(Receipt, f64::NAN, 1.0), point(Receipt, 100.0, 1.0), point(Delivery, 5.0, f64::NAN)];
    assert!(latency("odd", &odd).contains("no data"));
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let spans = [span("crash", 1.0, 1.2, SpanKind::Fault)];
    let draw = |timeline: &[TimelinePoint]| chart::throughput(&heading("twice"), timeline, &spans).unwrap();
    let mut backwards = five_seconds();
    backwards.reverse();
    assert_eq!(draw(&five_seconds()), draw(&five_seconds()));
    assert_eq!(draw(&five_seconds()), draw(&backwards));
}

#[test]
fn a_plot_that_cannot_be_written_names_its_file() {
    let scratch = tempfile::tempdir().unwrap();
    let blocked = scratch.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let error = chart::write_svg(&blocked, "latency.svg", "<svg/>").unwrap_err();
    assert!(error.to_string().contains(&blocked.display().to_string()), "{error}");
}
