//! Lines over a parameter: scaling, latency over load, prediction; and whatever else somebody hands in.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod picture;

use picture::checked;
use reports::chart::{self, Dimension, Heading, LinesPlot, Mark, Point, Series, Style};

fn heading(name: &str) -> Heading {
    Heading {
        title: format!("Throughput over actors: {name}"),
        caption: "20 seeds each, 95 % confidence".into(),
    }
}

fn series(name: &str, style: Style, points: Vec<Point>) -> Series {
    Series { name: name.into(), points, style }
}

fn around(x: f64, y: f64, share: f64) -> Point {
    Point { x, y, low: y * (1.0 - share), high: y * (1.0 + share) }
}

fn draw(name: &str, plot: &LinesPlot) -> String {
    checked(&format!("lines-{name}"), chart::lines(&heading(name), plot).unwrap())
}

/// Speed-up after Amdahl's law, with this part serial.
fn scaling(serial: f64, one: f64) -> Vec<Point> {
    [1.0, 2.0, 4.0, 8.0, 16.0]
        .map(|actors: f64| around(actors, one / (serial + (1.0 - serial) / actors), 0.06))
        .to_vec()
}

fn scaling_plot() -> LinesPlot {
    LinesPlot {
        x: Dimension::log2("incoming and mailbox actors"),
        y: Dimension::linear("throughput (messages/s)"),
        series: vec![
            series("central", Style::Measured, scaling(0.9, 2_100.0)),
            series("multithreaded", Style::Measured, scaling(0.4, 2_300.0)),
            series("parallel", Style::Measured, scaling(0.05, 1_900.0)),
            series(
                "parallel, predicted",
                Style::Predicted,
                scaling(0.06, 1_950.0).into_iter().map(|point| Point::exact(point.x, point.y)).collect(),
            ),
            series(
                "ideal",
                Style::Ideal,
                [1.0, 2.0, 4.0, 8.0, 16.0].map(|x| Point::exact(x, 1_900.0 * x)).to_vec(),
            ),
            series(
                "bound of the sequencer",
                Style::Bound,
                [1.0, 16.0].map(|x| Point::exact(x, 24_000.0)).to_vec(),
            ),
        ],
        marks: vec![Mark { x: 8.0, label: "knee: 8 actors".into() }],
    }
}

fn hockey_stick() -> LinesPlot {
    let latency = |capacity: f64| {
        let loads = [100.0, 200.0, 500.0, 1e3, 2e3, 4e3, 6e3, 8e3];
        loads
            .iter()
            .filter(|&&load| load < capacity)
            .map(|&load| around(load, 4.0 / (1.0 - load / capacity), 0.1))
            .collect()
    };
    LinesPlot {
        x: Dimension::log10("offered load (messages/s)"),
        y: Dimension::log10("delivery latency, p99 (ms)"),
        series: vec![
            series("central", Style::Measured, latency(2_100.0)),
            series("parallel", Style::Measured, latency(8_100.0)),
        ],
        marks: vec![
            Mark { x: 2_000.0, label: "central saturated".into() },
            Mark { x: 8_000.0, label: "parallel saturated".into() },
            Mark { x: 1_700.0, label: "knee".into() },
        ],
    }
}

#[test]
fn a_scaling_curve_shows_lines_bands_ideal_and_knee() {
    let svg = draw("scaling", &scaling_plot());
    for words in
        ["central", "parallel, predicted", "ideal", "bound of the sequencer", "knee: 8 actors", "messages/s"]
    {
        assert!(svg.contains(words), "{words}");
    }
    let bands = svg.matches("<polygon opacity=\"0.16\"").count();
    assert_eq!(bands, 3, "a band for each measured line");
    assert!(!svg.contains("left out") && !svg.contains("no data"));
}
