//! The latency plot: receipt and delivery latency over the percentile.
//!
//! An average hides what the slowest requests meet, and those are what faults and attacks change. So the
//! percentile axis is stretched towards the tail, each further nine taking the same room, as in the plots of
//! HdrHistogram. Latencies that differ many times over are drawn over powers of ten.
//!
//! *Invariants*: only points with a finite percentile below 100 and a finite, not negative latency are drawn.

use plotters::style::RGBColor;

use super::axis::{Axis, VALUE_MAX};
use super::canvas::{self, BLUE, Canvas, Drawn, ORANGE};
use super::frame::{DATA_LINE_THIN, DATA_LINE_WIDE, Entry, Frame, Swatch};
use super::{ChartError, Heading};
use crate::record::{LatencyKind, LatencyPoint};

/// From this ratio of the longest to the shortest latency on, the axis shows powers of ten.
const LOGARITHMIC_FROM: f64 = 8.0;

/// How each kind is drawn, the wide line below the thin one.
const STYLES: [(LatencyKind, &str, RGBColor, u32); 2] = [
    (LatencyKind::Receipt, "receipt", ORANGE, DATA_LINE_WIDE),
    (LatencyKind::Delivery, "delivery", BLUE, DATA_LINE_THIN),
];

/// Draws latency over percentile, in µs, ms or s by size. The order of `points` does not matter.
///
/// # Errors
/// [`ChartError::Draw`], which no input is known to cause.
pub fn latency(heading: &Heading, points: &[LatencyPoint]) -> Result<String, ChartError> {
    let mut points: Vec<LatencyPoint> = points.iter().copied().filter(drawable).collect();
    points.sort_by(|one, other| one.percentile.total_cmp(&other.percentile));
    let unit = Unit::of(&points);
    let highest = points.last().map_or(0.0, |point| point.percentile);
    let frame = Frame::new(Axis::percentile("percentile", highest), unit.axis(&points), 0);
    Ok(canvas::svg(|canvas| {
        frame.draw(canvas, heading, &legend(&points))?;
        if points.is_empty() { frame.draw_no_data(canvas) } else { draw_lines(canvas, &frame, unit, &points) }
    })?)
}

fn drawable(point: &LatencyPoint) -> bool {
    (0.0..100.0).contains(&point.percentile) && point.latency_us.is_finite() && point.latency_us >= 0.0
}

fn legend(points: &[LatencyPoint]) -> Vec<Entry> {
    STYLES
        .into_iter()
        .filter(|(kind, ..)| points.iter().any(|point| point.kind == *kind))
        .map(|(_, name, color, width)| Entry { name, swatch: Swatch::Line(color, width) })
        .collect()
}

fn draw_lines(canvas: &Canvas<'_>, frame: &Frame, unit: Unit, points: &[LatencyPoint]) -> Drawn {
    for (kind, _, color, width) in STYLES {
        let line = points.iter().filter(|point| point.kind == kind);
        let pixels =
            line.map(|point| frame.pixel((point.percentile, unit.of_us(point.latency_us)))).collect();
        canvas.line(pixels, color, width)?;
    }
    Ok(())
}

/// What a latency is told in.
#[derive(Clone, Copy)]
struct Unit {
    name: &'static str,
    us: f64,
}

impl Unit {
    /// The unit that makes the longest latency a number people read.
    fn of(points: &[LatencyPoint]) -> Self {
        match points.iter().map(|point| point.latency_us).fold(0.0, f64::max) {
            longest if longest < 1e3 => Self { name: "µs", us: 1.0 },
            longest if longest < 1e7 => Self { name: "ms", us: 1e3 },
            _ => Self { name: "s", us: 1e6 },
        }
    }

    fn of_us(self, latency_us: f64) -> f64 {
        (latency_us / self.us).min(VALUE_MAX)
    }

    /// Powers of ten where the latencies differ many times over and none is zero, else from zero.
    fn axis(self, points: &[LatencyPoint]) -> Axis {
        let latencies = || points.iter().map(|point| self.of_us(point.latency_us));
        let longest = latencies().fold(0.0, f64::max);
        let shortest = latencies().fold(longest, f64::min);
        let title = format!("latency ({})", self.name);
        if longest >= shortest * LOGARITHMIC_FROM && shortest > 0.0 {
            Axis::logarithmic(&title, shortest, longest)
        } else {
            Axis::from_zero(&title, longest)
        }
    }
}
