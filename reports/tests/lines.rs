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

#[test]
fn latency_over_load_labels_every_knee_apart() {
    let svg = draw("hockey-stick", &hockey_stick());
    for words in ["central saturated", "parallel saturated", "knee", "1000", "offered load"] {
        assert!(svg.contains(words), "{words}");
    }
}

#[test]
fn many_lines_have_a_legend_of_many_rows_and_room_for_data() {
    let lines = (0..24).map(|index| {
        let points =
            (1..=40).map(|x| around(f64::from(x), 100.0 + f64::from(x * (index + 1)), 0.02)).collect();
        series(&format!("setting {index} of a rather long name"), Style::Measured, points)
    });
    let plot = LinesPlot {
        x: Dimension::linear("in flight"),
        y: Dimension::linear("throughput (messages/s)"),
        series: lines.collect(),
        marks: (0..30).map(|x| Mark { x: f64::from(x), label: format!("mark number {x}") }).collect(),
    };
    let svg = draw("crowded", &plot);
    assert!((0..24).all(|index| svg.contains(&format!("setting {index} of"))));
    assert!(svg.contains("marks without a label: "), "what has no room is counted");
}

#[test]
fn points_without_a_place_are_counted_and_the_rest_is_drawn() {
    let points = vec![
        Point::exact(1.0, 5.0),
        Point::exact(0.0, 5.0),
        Point::exact(2.0, f64::NAN),
        Point { x: 4.0, y: 6.0, low: f64::NEG_INFINITY, high: f64::NAN },
        Point { x: 8.0, y: 7.0, low: 9.0, high: 3.0 },
    ];
    let plot = LinesPlot {
        x: Dimension::log2("actors"),
        y: Dimension::log10("latency (ms)"),
        series: vec![series("odd", Style::Measured, points)],
        marks: vec![Mark { x: f64::NAN, label: "nowhere".into() }, Mark { x: -1.0, label: "before".into() }],
    };
    let svg = draw("odd", &plot);
    assert!(svg.contains("left out: 2") && !svg.contains("nowhere") && !svg.contains("before"));
}

#[test]
fn a_plot_without_data_says_so() {
    let empty =
        |series| LinesPlot { x: Dimension::log2("x"), y: Dimension::linear("y"), series, marks: vec![] };
    assert!(draw("empty", &empty(vec![])).contains("no data"));
    let svg = draw("empty-lines", &empty(vec![series("nothing", Style::Measured, vec![])]));
    assert!(svg.contains("no data") && svg.contains("nothing"));
}

#[test]
fn whatever_numbers_come_are_drawn() {
    let odd = [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 1e-12, 0.0, -3.5, 1e15, f64::INFINITY, f64::NAN, 7.0];
    let axes = [Dimension::linear("axis"), Dimension::log2("axis"), Dimension::log10("axis")];
    for (index, value) in odd.into_iter().enumerate() {
        for (scale, axis) in axes.iter().enumerate() {
            let points = [Point { x: value, y: 1.0, low: value, high: 3.0 }, around(2.0, value, 0.5)];
            for (count, points) in [&points[..1], &points[1..], &points[..]].into_iter().enumerate() {
                let styles = [Style::Predicted, Style::Measured, Style::Ideal, Style::Bound];
                let plot = LinesPlot {
                    x: axis.clone(),
                    y: axis.clone(),
                    series: styles.map(|style| series("line", style, points.to_vec())).to_vec(),
                    marks: vec![Mark { x: value, label: "here".into() }],
                };
                draw(&format!("numbers-{index}-{scale}-{count}"), &plot);
            }
        }
    }
}

#[test]
fn negative_values_hang_below_zero() {
    let points = (-5..=5).map(|x| around(f64::from(x), f64::from(x * 7), 0.2)).collect();
    let plot = LinesPlot {
        x: Dimension::linear("offset of the clock (ms)"),
        y: Dimension::linear("error of the prediction (%)"),
        series: vec![series("error", Style::Measured, points)],
        marks: vec![],
    };
    assert!(draw("negative", &plot).contains("−40"));
}

#[test]
fn hostile_words_stay_words() {
    let hostile = "<script>alert(1)</script>&\"'\u{1b}[2J\u{0}";
    let mut plot = hockey_stick();
    plot.series[0].name = hostile.into();
    plot.marks[0].label = hostile.into();
    plot.x.title = hostile.into();
    let heading = Heading { title: hostile.into(), caption: hostile.into() };
    let svg = checked("lines-hostile", chart::lines(&heading, &plot).unwrap());
    assert!(!svg.contains("<script") && !svg.contains('\u{1b}') && !svg.contains('\0'));
}

#[test]
fn equal_plots_are_equal_bytes_as_svg_and_png() {
    let draw = || chart::lines(&heading("twice"), &scaling_plot()).unwrap();
    assert_eq!(draw(), draw());
    let png = chart::png(&draw()).unwrap();
    assert!(png == chart::png(&draw()).unwrap() && png.starts_with(b"\x89PNG"));
}

#[test]
fn what_is_no_picture_does_not_become_one() {
    let huge = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9e9\" height=\"1\"/>";
    for odd in ["", "<svg", "no picture", huge] {
        assert!(chart::png(odd).is_err(), "{odd}");
    }
}

#[test]
fn what_is_asked_too_much_has_empty_marks_and_its_own_colour_only_where_it_has_no_other_line() {
    let plot = |styles: &[Style]| {
        let line = |(index, style): (usize, &Style)| {
            let points = [1.0, 3.0].map(|x| Point::exact(x, 5.0 + x + index as f64)).to_vec();
            series(&format!("line {index}"), *style, points)
        };
        let series = styles.iter().enumerate().map(line).collect();
        let y = Dimension::linear("latency (ms)");
        LinesPlot { x: Dimension::linear("clients"), y, series, marks: Vec::new() }
    };
    // the marks of the first line are discs; those of one more in its colour are discs with white ones in them
    let white = |svg: &str| svg.matches("<circle").count() - filled(svg);
    let normal = draw("kept-up", &plot(&[Style::Measured]));
    let beyond = draw("overloaded", &plot(&[Style::Measured, Style::Overloaded]));
    assert_eq!((white(&normal), white(&beyond)), (0, 3), "two points and the legend");
    let alone = draw("overloaded-alone", &plot(&[Style::OverloadedAlone, Style::Measured]));
    assert_eq!(white(&alone), 3);
    assert!(
        alone.contains("<rect") && alone.matches("#E69F00").count() > 0,
        "the next line has the next colour"
    );
}

/// Circles that are not white.
fn filled(svg: &str) -> usize {
    svg.split("<circle")
        .skip(1)
        .filter(|circle| !circle[..circle.find('>').unwrap()].contains("#FFFFFF"))
        .count()
}

#[test]
fn an_axis_is_ticked_where_something_was_measured() {
    let points = [3.0, 10.0, 30.0].map(|x| Point::exact(x, x)).to_vec();
    let plot = |x: Dimension| LinesPlot {
        x,
        y: Dimension::linear("deliveries (1/s)"),
        series: vec![series("parallel", Style::Measured, points.clone())],
        marks: Vec::new(),
    };
    let x = Dimension::log10("recipients");
    assert!(!draw("ticks-round", &plot(x.clone())).contains(">\n3\n"));
    let svg = draw("ticks-chosen", &plot(x.ticked_at(vec![1.0, 3.0, 10.0, 30.0])));
    for label in ["3", "10", "30"] {
        assert!(svg.contains(&format!(">\n{label}\n")), "{label}");
    }
    assert!(!svg.contains(">\n1\n"), "there is nothing");
}
