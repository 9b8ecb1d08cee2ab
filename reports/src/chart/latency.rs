//! The latency plot: receipt and delivery latency over the percentile.
//!
//! An average hides what the slowest requests meet, and those are what faults and attacks change. So the
//! percentile axis is stretched towards the tail, each further nine taking the same room, as in the plots of
//! HdrHistogram. Latencies that differ many times over are drawn over powers of ten.
//!
//! *Invariants*: only points with a finite percentile below 100 and a finite, not negative latency are drawn.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{BLUE, Canvas, Drawn, ORANGE};
use super::frame::{DATA_LINE_THIN, DATA_LINE_WIDE, Frame};
use super::legend::{Entry, Legend, Swatch};
use super::look::Look;
use super::unit::Unit;
use super::{ChartError, Heading};
use crate::record::{LatencyKind, LatencyPoint};

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
    let unit = Unit::of_latencies(points.iter().map(|point| point.latency_us));
    let highest = points.last().map_or(0.0, |point| point.percentile);
    let frame = Frame::new(
        Axis::percentile("percentile", highest),
        unit.axis(points.iter().map(|point| point.latency_us)),
        legend(&points),
        0,
    );
    frame.svg(heading, |canvas| {
        if points.is_empty() { frame.draw_no_data(canvas) } else { draw_lines(canvas, &frame, unit, &points) }
    })
}

fn drawable(point: &LatencyPoint) -> bool {
    (0.0..100.0).contains(&point.percentile) && point.latency_us.is_finite() && point.latency_us >= 0.0
}

fn legend(points: &[LatencyPoint]) -> Legend {
    let shown = STYLES.into_iter().filter(|(kind, ..)| points.iter().any(|point| point.kind == *kind));
    Legend::new(shown.map(|(_, name, color, width)| Entry {
        name: name.to_owned(),
        swatch: Swatch::Line(Look::plain(color, width)),
    }))
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
