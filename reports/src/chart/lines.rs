//! Lines over a parameter: scaling curves beside the ideal, latency over load, what was predicted beside what
//! was measured.
//!
//! A point that was measured over several seeds is a mean within an interval, drawn as a bar through the mark and,
//! along the line, as a translucent band; two lines whose bands overlap may be the same. What was not
//! measured is dashed and has no marks, so that nobody takes a model for an experiment.
//!
//! *Invariants*: only points that have a place on both axes are drawn, and how many have not is said below the
//! plot; points are joined in the order in which they were given.

use super::axis::Axis;
use super::canvas::{Canvas, Drawn, GREY, INK, Pixel};
use super::dimension::Dimension;
use super::frame::Frame;
use super::legend::{Entry, Legend, Swatch};
use super::look::{Dash, Look, distance};
use super::marks::Marks;
use super::{ChartError, Heading};
use crate::stats::Estimate;

/// With more points than this on a line, marks keep a distance,
const MARKED_MAX: usize = 24;
/// of so many pixels.
const MARKS_APART: f64 = 44.0;
/// A band has to let the grid and other bands through.
const BAND_OPACITY: f64 = 0.16;

/// Lines over a parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct LinesPlot {
    /// The parameter, lying.
    pub x: Dimension,
    /// What was measured, standing.
    pub y: Dimension,
    /// The lines, in the order of the legend.
    pub series: Vec<Series>,
    /// Labelled places of the parameter.
    pub marks: Vec<Mark>,
}

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// Its points, in the order in which they are joined.
    pub points: Vec<Point>,
    /// Where it comes from.
    pub style: Style,
}

/// One point, with the interval it may lie in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The parameter.
    pub x: f64,
    /// What was measured, or its mean.
    pub y: f64,
    /// Lower end of the interval; `y` itself for what is exact.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Point {
    /// A point without an interval.
    #[must_use]
    pub fn exact(x: f64, y: f64) -> Self {
        Self { x, y, low: y, high: y }
    }

    /// What was estimated at `x`.
    #[must_use]
    pub fn estimate(x: f64, estimate: Estimate) -> Self {
        Self { x, y: estimate.value, low: estimate.low, high: estimate.high }
    }
}

/// Where a line comes from, and so how it is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// It was measured: solid, a colour and a mark of its own, a band.
    #[default]
    Measured,
    /// It was measured, but where more was asked for than can be done: dashed, in the colour and with the mark of the last measured
    /// line before it, which is empty inside.
    Overloaded,
    /// The same of what has no measured line, and so has a colour and mark of its own.
    OverloadedAlone,
    /// What would be best: dotted and grey.
    Ideal,
    /// What a model says: dashed, in the colour of the last measured line before it.
    Predicted,
    /// What cannot be exceeded: dashes and dots, dark.
    Bound,
}

/// A labelled place of the parameter: the knee, the saturation.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Where.
    pub x: f64,
    /// What is there.
    pub label: String,
}

/// A line that can be drawn.
pub(super) struct Line<'plot> {
    /// What the legend calls it.
    pub name: &'plot str,
    /// Its points, all with a place on the axes.
    pub points: Vec<Point>,
    /// How it is drawn.
    pub look: Look,
}

/// Draws the lines.
///
/// # Errors
/// [`ChartError::Draw`], which no input is known to cause.
pub fn lines(heading: &Heading, plot: &LinesPlot) -> Result<String, ChartError> {
    let lines = drawable_lines(plot);
    let points = || lines.iter().flat_map(|line| &line.points);
    let marked = || plot.marks.iter().map(|mark| mark.x).filter(|_| points().next().is_some());
    let x = plot.x.axis(points().map(|point| point.x).chain(marked()));
    let y = plot.y.axis(points().flat_map(|point| [point.low, point.y, point.high]));
    let marks = Marks::new(&plot.marks, &plot.x, &x);
    draw(heading, (x, y), &lines, &marks, left_out(plot, &lines, &marks))
}

/// Draws lines between two axes.
pub(super) fn draw(
    heading: &Heading,
    (x, y): (Axis, Axis),
    lines: &[Line<'_>],
    marks: &Marks,
    footnote: String,
) -> Result<String, ChartError> {
    let entries =
        lines.iter().map(|line| Entry { name: line.name.to_owned(), swatch: Swatch::Line(line.look) });
    let frame = Frame::new(x, y, Legend::new(entries), marks.label_room()).with_footnote(footnote);
    frame.svg(heading, |canvas| {
        marks.draw(canvas, &frame)?;
        if lines.iter().all(|line| line.points.is_empty()) {
            return frame.draw_no_data(canvas);
        }
        lines.iter().try_for_each(|line| line.draw_band(canvas, &frame))?;
        lines.iter().try_for_each(|line| line.draw(canvas, &frame))
    })
}

fn drawable_lines(plot: &LinesPlot) -> Vec<Line<'_>> {
    let mut measured = 0;
    let mut lines = Vec::new();
    for series in &plot.series {
        measured += usize::from(matches!(series.style, Style::Measured | Style::OverloadedAlone));
        let points = series.points.iter().filter(|point| plot.x.holds(point.x) && plot.y.holds(point.y));
        let points = points.map(|point| within(point, &plot.y)).collect();
        lines.push(Line { name: &series.name, points, look: look(series.style, measured) });
    }
    lines
}

/// The point, without an end of its interval that has no place or lies on the wrong side.
fn within(point: &Point, y: &Dimension) -> Point {
    let end = |value: f64| if y.holds(value) { value } else { point.y };
    Point { low: end(point.low).min(point.y), high: end(point.high).max(point.y), ..*point }
}

/// How a line of this style looks after so many measured ones, itself included.
fn look(style: Style, measured: usize) -> Look {
    let last = |dash| match measured.checked_sub(1) {
        Some(index) => Look { dash, marker: None, ..Look::measured(index) },
        None => Look { dash, ..Look::plain(INK, 3) },
    };
    match style {
        Style::Measured => Look::measured(measured.saturating_sub(1)),
        Style::Overloaded | Style::OverloadedAlone => {
            Look { dash: Dash::Dashed, hollow: true, ..Look::measured(measured.saturating_sub(1)) }
        }
        Style::Predicted => last(Dash::Dashed),
        Style::Ideal => Look { dash: Dash::Dotted, ..Look::plain(GREY, 3) },
        Style::Bound => Look { dash: Dash::Mixed, ..Look::plain(INK, 2) },
    }
}

/// What is not in the plot, in words; nothing if all is.
fn left_out(plot: &LinesPlot, lines: &[Line<'_>], marks: &Marks) -> String {
    let given: usize = plot.series.iter().map(|series| series.points.len()).sum();
    let drawn: usize = lines.iter().map(|line| line.points.len()).sum();
    let points =
        (given > drawn).then(|| format!("points without a place on the axes, left out: {}", given - drawn));
    let unlabelled =
        (marks.unlabelled() > 0).then(|| format!("marks without a label: {}", marks.unlabelled()));
    points.into_iter().chain(unlabelled).collect::<Vec<String>>().join("; ")
}

impl Line<'_> {
    fn draw(&self, canvas: &Canvas<'_>, frame: &Frame) -> Drawn {
        let pixels: Vec<Pixel> = self.points.iter().map(|point| frame.pixel((point.x, point.y))).collect();
        if self.look.marker.is_none() || pixels.len() > 1 {
            self.look.stroke(canvas, &pixels)?;
        }
        Self::marked(pixels).into_iter().try_for_each(|pixel| self.look.mark(canvas, pixel))
    }

    /// Where marks stand: at every point, or at a distance where they would hide the line.
    fn marked(pixels: Vec<Pixel>) -> Vec<Pixel> {
        if pixels.len() <= MARKED_MAX {
            return pixels;
        }
        let mut marked: Vec<Pixel> = Vec::new();
        for pixel in pixels {
            if marked.last().is_none_or(|&last| distance(last, pixel) >= MARKS_APART) {
                marked.push(pixel);
            }
        }
        marked
    }

    fn draw_band(&self, canvas: &Canvas<'_>, frame: &Frame) -> Drawn {
        if self.points.iter().all(|point| point.low == point.high) {
            return Ok(());
        }
        let edge = |value: fn(&Point) -> f64| {
            self.points.iter().map(move |point| frame.pixel((point.x, value(point))))
        };
        if self.points.len() > 1 {
            let around = edge(|point| point.high).chain(edge(|point| point.low).rev()).collect();
            canvas.polygon(around, self.look.color, BAND_OPACITY)?;
        }
        edge(|point| point.low)
            .zip(edge(|point| point.high))
            .filter(|(low, high)| low != high)
            .try_for_each(|(low, high)| canvas.line(vec![low, high], self.look.color, 2))
    }
}
