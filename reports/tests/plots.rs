//! Distributions, stacked bars and heat maps: realistic, crowded, empty and odd.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod picture;

use picture::checked;
use reports::chart::{self, Bar, Dimension, Distribution, Heading, HeatPlot, StackedPlot};
use reports::record::{LatencyKind, LatencyPoint};
use reports::summary::Latency;

fn heading(name: &str) -> Heading {
    Heading { title: format!("What it takes: {name}"), caption: "profile epyc-2, seeds 0..20".into() }
}

fn distribution(name: &str, middle_us: f64) -> Distribution {
    let mut latency = Latency::new();
    for sample in 0..5_000 {
        let share = (f64::from(sample) + 0.5) / 5_000.0;
        latency.record((middle_us * 1e3 * (share / (1.0 - share)).powf(0.4)) as u64);
    }
    Distribution { name: name.into(), points: latency.points(LatencyKind::Delivery) }
}

fn cdf(name: &str, distributions: &[Distribution]) -> String {
    checked(&format!("cdf-{name}"), chart::cdf(&heading(name), distributions).unwrap())
}

fn stacked(name: &str, plot: &StackedPlot) -> String {
    checked(&format!("stacked-{name}"), chart::stacked(&heading(name), plot).unwrap())
}

fn heat(name: &str, plot: &HeatPlot) -> String {
    checked(&format!("heat-{name}"), chart::heat(&heading(name), plot).unwrap())
}

fn costs() -> StackedPlot {
    let bar = |label: &str, parts: [f64; 5]| Bar { label: label.into(), parts: parts.to_vec() };
    StackedPlot {
        title: "processor time per message (µs)".into(),
        categories: ["signatures", "hashes and proofs", "storage", "HTTP", "links"].map(Into::into).to_vec(),
        bars: vec![
            bar("request handler", [11.0, 2.0, 0.0, 31.5, 6.2]),
            bar("incoming actor", [26.4, 14.0, 22.1, 0.0, 7.7]),
            bar("sequencer", [0.02, 0.01, 0.03, 0.0, 0.02]),
            bar("mailbox actor", [3.1, 36.0, 17.4, 0.0, 12.0]),
            bar("witness", [0.0, 0.0, 0.0, 0.0, 0.0]),
            bar("client", [f64::NAN; 5]),
        ],
    }
}

fn grid(columns: usize, rows: usize, value: impl Fn(usize, usize) -> Option<f64>) -> HeatPlot {
    HeatPlot {
        x: "epoch (ms)".into(),
        y: "recipients per message".into(),
        columns: (0..columns).map(|column| format!("{}", 5 << column.min(20))).collect(),
        rows: (0..rows).map(|row| format!("{}", 1 << row.min(20))).collect(),
        value: Dimension::log10("throughput (messages/s)"),
        values: (0..rows).map(|row| (0..columns).map(|column| value(row, column)).collect()).collect(),
    }
}

#[test]
fn distributions_share_an_axis_of_time() {
    let all = [("central", 9_000.0), ("multithreaded", 5_000.0), ("parallel", 1_400.0)];
    let svg = cdf("realistic", &all.map(|(name, middle_us)| distribution(name, middle_us)));
    for words in ["central", "parallel", "latency (ms)", "100%", "share at or below"] {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn odd_distributions_are_drawn_or_say_that_there_is_nothing() {
    assert!(cdf("empty", &[]).contains("no data"));
    assert!(cdf("nothing", &[Distribution::default()]).contains("no data"));
    let point = |percentile, latency_us| LatencyPoint { percentile, latency_us, ..LatencyPoint::default() };
    let one = |points| [Distribution { name: "one".into(), points }];
    let odd = vec![point(f64::NAN, 1.0), point(50.0, 0.0), point(100.0, 1.0), point(0.0, f64::INFINITY)];
    assert!(cdf("odd", &one(odd)).contains("left out: 4"));
    cdf("one", &one(vec![point(50.0, 7.0)]));
    cdf("huge", &one(vec![point(5.0, 1e-300), point(50.0, f64::MAX)]));
}

#[test]
fn stacked_bars_name_bars_categories_and_sums() {
    let svg = stacked("realistic", &costs());
    let sums = ["70.2", "36.0", "no data"];
    for words in
        ["request handler", "hashes and proofs", "processor time per message (µs)"].iter().chain(&sums)
    {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn too_many_categories_are_put_together_openly() {
    let label = |index| format!("a bar with a very long name indeed, number {index}");
    let plot = StackedPlot {
        title: "bytes per message".into(),
        categories: (0..20).map(|index| format!("kind {index}")).collect(),
        bars: (0..30).map(|index| Bar { label: label(index), parts: vec![f64::from(index); 25] }).collect(),
    };
    let svg = stacked("crowded", &plot);
    assert!(svg.contains("kind 6") && !svg.contains("kind 7") && svg.contains("13 others"));
}

#[test]
fn odd_bars_are_drawn() {
    assert!(stacked("empty", &StackedPlot::default()).contains("no data"));
    let odd: [&[f64]; 5] =
        [&[], &[f64::NAN, -1.0, f64::INFINITY], &[f64::MAX, f64::MAX], &[1e-300], &[1.0; 9]];
    let plot = StackedPlot {
        title: "cost".repeat(60),
        categories: vec!["a".into(), "b".into(), "c".into()],
        bars: odd.map(|parts| Bar { label: "odd".into(), parts: parts.to_vec() }).to_vec(),
    };
    assert!(stacked("odd", &plot).contains("left out: 3"));
}

#[test]
fn a_heat_map_writes_its_values_and_what_the_colours_mean() {
    let value = |row: usize, column: usize| 400.0 * 1.9_f64.powi(column as i32) / (row + 1) as f64;
    let plot = grid(7, 5, |row, column| (row + column != 7).then(|| value(row, column)));
    let svg = heat("realistic", &plot);
    for words in ["epoch (ms)", "recipients per message", "throughput (messages/s)", "400", "–"] {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn a_crowded_heat_map_leaves_digits_out_before_it_overlaps_them() {
    let value = |row: usize, column: usize| Some(1e4 + (row * 997 + column * 131) as f64);
    heat("wide", &grid(16, 16, value));
    assert!(heat("crowded", &grid(200, 200, value)).contains("left out: "));
    let mut named = grid(9, 6, value);
    named.columns = (0..9).map(|column| format!("a long name of column {column}")).collect();
    named.rows = (0..6).map(|row| format!("a really quite long name of row {row}")).collect();
    named.value = Dimension::linear("latency, 99th percentile over all seeds (ms)");
    heat("named", &named);
}

#[test]
fn odd_heat_maps_are_drawn() {
    let grid = |rows, columns, value: Option<f64>| grid(rows, columns, move |_, _| value);
    assert!(heat("empty", &grid(0, 0, None)).contains("no data"));
    assert!(heat("missing", &grid(3, 3, None)).contains("no data"));
    for (index, value) in [0.0, -1.0, f64::NAN, f64::MAX, f64::MIN, 1e-300, 5.0].into_iter().enumerate() {
        let mut plot = grid(4, 3, Some(value));
        plot.values[1][1] = Some(7.0);
        heat(&format!("log-{index}"), &plot);
        plot.value = Dimension::linear("difference");
        heat(&format!("linear-{index}"), &plot);
        plot.values.pop();
        plot.value = Dimension::log2("ratio");
        heat(&format!("ragged-{index}"), &plot);
    }
    heat("one", &grid(1, 1, Some(12_345.678)));
}
