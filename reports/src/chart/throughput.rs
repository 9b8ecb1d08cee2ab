//! The throughput plot: what was accepted and delivered per second over time, among faults and attacks.
//!
//! It shows at a glance what a fault costs and whether the system recovers, so faults and attacks stand on
//! the same axis of time. A long run has more points than the picture has pixels: then each stretch of time
//! keeps its lowest and highest rate, so that no dip and no peak is lost.
//!
//! *Invariants*: only points with finite, not negative rates are drawn; at most [`STRETCHES`] · 2 of a line.

use plotters::style::RGBColor;

use super::axis::Axis;
use super::canvas::{BLUE, Canvas, Drawn, ORANGE};
use super::frame::{DATA_LINE_THIN, DATA_LINE_WIDE, Frame};
use super::legend::{Entry, Legend, Swatch};
use super::look::Look;
use super::spans::Spans;
use super::{ChartError, Heading, Span};
use crate::record::TimelinePoint;

/// Into so many stretches of time a long run is divided: two pixels each.
const STRETCHES: usize = 400;

/// One line: its name, look, and the rate it shows.
type Line = (&'static str, RGBColor, u32, fn(&TimelinePoint) -> f64);

/// How each rate is drawn, the wide line below the thin one.
const LINES: [Line; 2] = [
    ("accepted", ORANGE, DATA_LINE_WIDE, |point| point.accepted_per_s),
    ("delivered", BLUE, DATA_LINE_THIN, |point| point.delivered_per_s),
];

/// Draws throughput over time, from 0 to the end of the last interval or the beginning of the last span, each
/// rate in the middle of its interval. The order of `timeline` and `spans` does not matter; a span that ends
/// beyond the plot is drawn up to its edge.
///
/// # Errors
/// [`ChartError::Draw`], which no input is known to cause.
pub fn throughput(
    heading: &Heading,
    timeline: &[TimelinePoint],
    spans: &[Span],
) -> Result<String, ChartError> {
    let mut timeline: Vec<TimelinePoint> = timeline.iter().copied().filter(drawable).collect();
    timeline.sort_by_key(|point| point.time_ms);
    let time = Axis::up_to("virtual time (s)", end_s(&timeline, spans));
    let spans = Spans::new(spans, &time);
    let rate = Axis::from_zero("bundles per second", highest_rate(&timeline));
    let frame = Frame::new(time, rate, legend(&timeline, &spans), spans.label_room());
    frame.svg(heading, |canvas| {
        spans.draw(canvas, &frame)?;
        if timeline.is_empty() { frame.draw_no_data(canvas) } else { draw_lines(canvas, &frame, &timeline) }
    })
}

fn drawable(point: &TimelinePoint) -> bool {
    LINES.iter().all(|(.., rate)| rate(point).is_finite() && rate(point) >= 0.0)
}

/// The shortest time between two points: how long an interval is that no other follows.
fn interval_s(timeline: &[TimelinePoint]) -> f64 {
    let gaps_ms = timeline.windows(2).map(|pair| pair[1].time_ms - pair[0].time_ms);
    gaps_ms.filter(|&gap_ms| gap_ms > 0).min().map_or(0.0, |gap_ms| gap_ms as f64 / 1e3)
}

/// Where the axis of time ends. Without a timeline to say how long the run was, the spans say it.
fn end_s(timeline: &[TimelinePoint], spans: &[Span]) -> f64 {
    let run_end_s = timeline.last().map(|point| start_s(point) + interval_s(timeline));
    let span_ends_s = spans.iter().filter(|_| run_end_s.is_none()).map(|span| span.to_s);
    let seconds = spans.iter().map(|span| span.from_s).chain(span_ends_s).chain(run_end_s);
    seconds.filter(|second| second.is_finite()).fold(0.0, f64::max)
}

fn highest_rate(timeline: &[TimelinePoint]) -> f64 {
    timeline.iter().flat_map(|point| LINES.map(|(.., rate)| rate(point))).fold(0.0, f64::max)
}

fn legend(timeline: &[TimelinePoint], spans: &Spans) -> Legend {
    let lines = LINES.map(|(name, color, width, _)| Entry {
        name: name.to_owned(),
        swatch: Swatch::Line(Look::plain(color, width)),
    });
    let lines = lines.into_iter().filter(|_| !timeline.is_empty());
    Legend::new(lines.chain(spans.legend()))
}

fn draw_lines(canvas: &Canvas<'_>, frame: &Frame, timeline: &[TimelinePoint]) -> Drawn {
    let half_s = interval_s(timeline) / 2.0;
    for (_, color, width, rate) in LINES {
        let points: Vec<(f64, f64)> =
            timeline.iter().map(|point| (start_s(point) + half_s, rate(point))).collect();
        let pixels = thinned(&points).into_iter().map(|point| frame.pixel(point)).collect();
        canvas.line(pixels, color, width)?;
    }
    Ok(())
}

/// The points, or the lowest and the highest of each stretch, in the order of time.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= STRETCHES * 2 {
        return points.to_vec();
    }
    points.chunks(points.len().div_ceil(STRETCHES)).flat_map(extremes).collect()
}

fn extremes(stretch: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let lowest = (0..stretch.len()).min_by(|&one, &other| stretch[one].1.total_cmp(&stretch[other].1));
    let highest = (0..stretch.len()).max_by(|&one, &other| stretch[one].1.total_cmp(&stretch[other].1));
    let (Some(lowest), Some(highest)) = (lowest, highest) else { return Vec::new() };
    vec![stretch[lowest.min(highest)], stretch[lowest.max(highest)]]
}

fn start_s(point: &TimelinePoint) -> f64 {
    point.time_ms as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_its_dips_and_peaks() {
        let mut points: Vec<(f64, f64)> = (0..100_000).map(|index| (f64::from(index), 500.0)).collect();
        points[31_337].1 = 0.0;
        points[77_777].1 = 900.0;
        let thinned = thinned(&points);
        assert!(thinned.len() <= STRETCHES * 2);
        assert!(thinned.contains(&(31_337.0, 0.0)) && thinned.contains(&(77_777.0, 900.0)));
        assert!(thinned.is_sorted_by(|one, next| one.0 <= next.0));
    }
}
