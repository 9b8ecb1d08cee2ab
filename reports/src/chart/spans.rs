//! Faults and attacks over time: a shaded stretch behind the data, and a label in a row of its own above it.
//!
//! Labels are as long as they are and often start close together. So each takes the first row in which it
//! touches no other, like the bars of a Gantt chart; what does not fit into the rows is counted, not dropped
//! in silence.
//!
//! *Invariants*: no two labels touch; no label leaves the frame; every drawable span is shaded, labelled or not.

use plotters::style::{RGBColor, WHITE};

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawn, GREY, PURPLE, TEXT, cut, text_width};
use super::frame::{self, Frame, LEGEND_Y, RIGHT};
use super::legend::{Entry, Swatch};
use super::rows::Rows;
use super::{Span, SpanKind};

/// Rows for labels; with more, too little height is left to the data.
const ROWS_MAX: usize = 5;
/// Height of a row: text, then a bar.
const ROW: i32 = 26;
/// Height of the bar at the row's lower end.
const BAR: i32 = 4;
/// No label is wider: it would push the others out of the rows.
const LABEL_MAX: i32 = 380;
/// Shading has to let the grid and other shading through.
const OPACITY: f64 = 0.22;

/// In the order of the legend.
const KINDS: [SpanKind; 2] = [SpanKind::Fault, SpanKind::Attack];

/// The spans of a plot, placed.
pub struct Spans {
    bars: Vec<Bar>,
    labels: Vec<Label>,
    rows: Rows,
}

/// A stretch of the time axis, in pixels.
#[derive(Clone, Copy)]
struct Bar {
    kind: SpanKind,
    from: i32,
    to: i32,
}

/// A bar's label, in a row above the data.
struct Label {
    bar: Bar,
    row: usize,
    text: String,
    text_from: i32,
}

impl Spans {
    /// Places the spans along the axis of time.
    pub fn new(spans: &[Span], time: &Axis) -> Self {
        let mut spans: Vec<&Span> = spans.iter().filter(|span| drawable(span)).collect();
        spans.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
        let mut placed = Self { bars: Vec::new(), labels: Vec::new(), rows: Rows::new(ROWS_MAX) };
        for span in spans {
            placed.place(span, time);
        }
        placed
    }

    /// Puts one more span to the right of those in the first row with room.
    fn place(&mut self, span: &Span, time: &Axis) {
        let bar = Bar::new(span, time);
        self.bars.push(bar);
        let text = cut(&span.label, TEXT, LABEL_MAX);
        let text_to = (bar.from + text_width(&text, TEXT)).min(RIGHT);
        let text_from = text_to - text_width(&text, TEXT);
        if let Some(row) = self.rows.place(text_from, text_to.max(bar.to)) {
            self.labels.push(Label { bar, row, text, text_from });
        }
    }

    /// Height of the rows of labels, in pixels.
    pub fn label_room(&self) -> i32 {
        ROW * self.rows.used() as i32
    }

    /// The kinds there are.
    pub fn legend(&self) -> impl Iterator<Item = Entry> {
        KINDS
            .into_iter()
            .filter(|kind| self.bars.iter().any(|bar| bar.kind == *kind))
            .map(|kind| Entry { name: name(kind).to_owned(), swatch: Swatch::Area(color(kind), OPACITY) })
    }

    /// Draws shading, then labels.
    pub fn draw(&self, canvas: &Canvas<'_>, frame: &Frame) -> Drawn {
        for bar in self.shades() {
            canvas.area((bar.from, frame.top()), (bar.to, frame.bottom()), color(bar.kind), OPACITY)?;
        }
        for label in &self.labels {
            let foot = vec![(label.bar.from, label.bottom(frame)), (label.bar.from, frame.top())];
            canvas.line(foot, color(label.bar.kind), 1)?;
        }
        for label in &self.labels {
            label.draw(canvas, frame)?;
        }
        self.draw_unlabelled(canvas)
    }

    /// The bars of each kind put together where they overlap: shade upon shade would hide the data.
    fn shades(&self) -> Vec<Bar> {
        let mut shades: Vec<Bar> = Vec::new();
        for kind in KINDS {
            for bar in self.bars.iter().filter(|bar| bar.kind == kind) {
                match shades.last_mut() {
                    Some(last) if last.kind == kind && bar.from <= last.to => last.to = last.to.max(bar.to),
                    _ => shades.push(*bar),
                }
            }
        }
        shades
    }

    fn draw_unlabelled(&self, canvas: &Canvas<'_>) -> Drawn {
        match self.bars.len() - self.labels.len() {
            0 => Ok(()),
            count => canvas.text(&format!("{count} more not labelled"), (RIGHT, LEGEND_Y), Anchor::Right),
        }
    }
}

impl Bar {
    /// At least two pixels wide, so that a moment is seen too.
    fn new(span: &Span, time: &Axis) -> Self {
        let from = frame::column(time, span.from_s).min(RIGHT - 2);
        Self { kind: span.kind, from, to: frame::column(time, span.to_s).max(from + 2) }
    }
}

impl Label {
    fn bottom(&self, frame: &Frame) -> i32 {
        frame.labels_top() + ROW * (self.row as i32 + 1)
    }

    /// On white, so that the foot of a label further up passes behind this one.
    fn draw(&self, canvas: &Canvas<'_>, frame: &Frame) -> Drawn {
        let bottom = self.bottom(frame);
        let text_to = self.text_from + text_width(&self.text, TEXT);
        canvas.area((self.text_from, bottom - ROW + 2), (text_to, bottom - BAR), WHITE, 1.0)?;
        canvas.text(&self.text, (self.text_from, bottom - BAR - TEXT / 2 - 2), Anchor::Left)?;
        canvas.area((self.bar.from, bottom - BAR), (self.bar.to, bottom), color(self.bar.kind), 1.0)
    }
}

/// A span begins at a time and ends later, or never, and not before the run.
fn drawable(span: &Span) -> bool {
    span.from_s.is_finite() && span.to_s >= span.from_s.max(0.0)
}

fn name(kind: SpanKind) -> &'static str {
    match kind {
        SpanKind::Fault => "fault",
        SpanKind::Attack => "attack",
    }
}

fn color(kind: SpanKind) -> RGBColor {
    match kind {
        SpanKind::Fault => GREY,
        SpanKind::Attack => PURPLE,
    }
}
