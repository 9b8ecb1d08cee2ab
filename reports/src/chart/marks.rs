//! Labelled places of the parameter: an upright line through the data, and a label in a row above it.
//!
//! *Invariants*: no two labels touch; no label leaves the frame; every mark on the axis is drawn, labelled or not.

use plotters::style::WHITE;

use super::axis::Axis;
use super::canvas::{Anchor, Canvas, Drawn, INK, TEXT, cut, text_width};
use super::dimension::Dimension;
use super::frame::{self, Frame, LEFT, RIGHT};
use super::lines::Mark;
use super::look::{Dash, Look};
use super::rows::Rows;

/// Rows for labels; with more, too little height is left to the data.
const ROWS_MAX: usize = 4;
/// Height of a row.
const ROW: i32 = 22;
/// No label is wider: it would push the others out of the rows.
const LABEL_MAX: i32 = 380;

/// The marks of a plot, placed.
pub struct Marks {
    placed: Vec<Placed>,
    rows: Rows,
}

struct Placed {
    x: i32,
    /// The row of its label, the label's left end, and the label; nothing for which there was no room.
    label: Option<(usize, i32, String)>,
}

impl Marks {
    /// No marks.
    pub fn none() -> Self {
        Self { placed: Vec::new(), rows: Rows::new(0) }
    }

    /// Places the marks along the axis, from left to right.
    pub fn new(marks: &[Mark], dimension: &Dimension, axis: &Axis) -> Self {
        let mut marks: Vec<&Mark> = marks.iter().filter(|mark| dimension.holds(mark.x)).collect();
        marks.sort_by(|one, other| one.x.total_cmp(&other.x).then_with(|| one.label.cmp(&other.label)));
        let mut rows = Rows::new(ROWS_MAX);
        let placed = marks.into_iter().map(|mark| place(mark, axis, &mut rows)).collect();
        Self { placed, rows }
    }

    /// Height of the rows of labels, in pixels.
    pub fn label_room(&self) -> i32 {
        ROW * self.rows.used() as i32
    }

    /// How many marks have no label, for want of room.
    pub fn unlabelled(&self) -> usize {
        self.placed.iter().filter(|placed| placed.label.is_none()).count()
    }

    /// Draws all marks, the labels above their lines.
    pub fn draw(&self, canvas: &Canvas<'_>, frame: &Frame) -> Drawn {
        let look = Look { dash: Dash::Dashed, ..Look::plain(INK, 1) };
        for placed in &self.placed {
            let row = placed.label.as_ref().map_or(frame.top(), |(row, ..)| row_top(frame, *row) + ROW);
            look.stroke(canvas, &[(placed.x, row), (placed.x, frame.bottom())])?;
        }
        for placed in &self.placed {
            let Some((row, left, label)) = &placed.label else { continue };
            let (top, right) = (row_top(frame, *row), left + text_width(label, TEXT));
            // on white, so that the line of a label further up passes behind this one
            canvas.area((*left, top + 1), (right, top + ROW - 1), WHITE, 1.0)?;
            canvas.text(label, (*left, top + ROW / 2), Anchor::Left)?;
        }
        Ok(())
    }
}

fn row_top(frame: &Frame, row: usize) -> i32 {
    frame.labels_top() + ROW * row as i32
}

/// The label's middle stands above the line, as far as the frame allows.
fn place(mark: &Mark, axis: &Axis, rows: &mut Rows) -> Placed {
    let x = frame::column(axis, mark.x);
    let label = cut(&mark.label, TEXT, LABEL_MAX);
    let width = text_width(&label, TEXT);
    let left = (x - width / 2).clamp(LEFT, RIGHT - width);
    let row = rows.place(left, left + width);
    Placed { x, label: row.map(|row| (row, left, label)) }
}
