//! Everything around the data: title, caption, legend, axes, grid; and where in the picture a value lies.
//!
//! All plots with two axes have the same anatomy from top to bottom: title, caption, legend, room for labels of
//! spans or marks, then the data between its axes, then what was left out. Words have rows of their own, so that
//! nothing can cover the data; the more of them there are, the higher the picture.
//!
//! *Invariants*: a value beyond an axis is drawn at its end, so no line leaves the frame.

use plotters::style::RGBColor;

use super::axis::{Axis, Tick};
use super::canvas::{
    self, Anchor, Canvas, Drawn, GRID, GRID_MINOR, HEIGHT, INK, Pixel, TEXT, TITLE_AS_TEXT, WIDTH, cut,
    text_width,
};
use super::legend::Legend;
use super::{ChartError, Heading};

/// Left end of the data.
pub const LEFT: i32 = 96;
/// Right end of the data: leaves room for half of the last label.
pub const RIGHT: i32 = WIDTH - 40;
/// Room below the data, for tick labels and the title of the axis.
const FOOT: i32 = 66;
/// Room for what was left out, where something was.
const FOOTNOTE: i32 = 24;
/// Where the first row of labels starts, below title, caption and a legend of one row.
const LABELS_TOP: i32 = 94;
/// Room between the last row of words and the data.
const LABELS_GAP: i32 = 8;
const TITLE_Y: i32 = 22;
const CAPTION_Y: i32 = 49;
/// Middle of the legend's row.
pub const LEGEND_Y: i32 = 77;
/// Width of a line of data.
pub const DATA_LINE_THIN: u32 = 3;
/// Wide enough that the other line can lie on it and both are seen.
pub const DATA_LINE_WIDE: u32 = 7;

/// The place of the data, between two axes.
pub struct Frame {
    x: Axis,
    y: Axis,
    legend: Legend,
    footnote: String,
    /// Where the first row of labels starts, in pixels.
    labels_top: i32,
    /// Upper end of the data, in pixels.
    top: i32,
    /// Lower end of the data, in pixels.
    bottom: i32,
}

impl Frame {
    /// A frame with `x` lying and `y` standing that leaves `label_room` pixels between legend and data.
    pub fn new(mut x: Axis, mut y: Axis, legend: Legend, label_room: i32) -> Self {
        let labels_top = LABELS_TOP + legend.more_room();
        let top = labels_top + label_room + LABELS_GAP;
        let bottom = HEIGHT - FOOT + legend.more_room();
        x.thin(|one, next| extent(one).1 + TEXT / 2 > extent(next).0);
        y.thin_standing(bottom - top);
        Self { x, y, legend, footnote: String::new(), labels_top, top, bottom }
    }

    /// Says below the plot what is not in it. Nothing said takes no room.
    #[must_use]
    pub fn with_footnote(mut self, footnote: String) -> Self {
        self.footnote = footnote;
        self
    }

    /// Draws title, caption, legend, grid and axes, then the data over them.
    pub fn svg(
        &self,
        heading: &Heading,
        data: impl FnOnce(&Canvas<'_>) -> Drawn,
    ) -> Result<String, ChartError> {
        let footnote = if self.footnote.is_empty() { 0 } else { FOOTNOTE };
        Ok(canvas::svg_of(heading, self.bottom + FOOT + footnote, |canvas| {
            self.draw(canvas, heading)?;
            data(canvas)
        })?)
    }

    /// Where the first row of labels starts, in pixels.
    pub fn labels_top(&self) -> i32 {
        self.labels_top
    }

    /// Upper end of the data, in pixels.
    pub fn top(&self) -> i32 {
        self.top
    }

    /// Lower end of the data, in pixels.
    pub fn bottom(&self) -> i32 {
        self.bottom
    }

    /// Where a point is.
    pub fn pixel(&self, (x, y): (f64, f64)) -> Pixel {
        (column(&self.x, x), between(self.bottom, self.top, self.y.share(y)))
    }

    fn draw(&self, canvas: &Canvas<'_>, heading: &Heading) -> Drawn {
        draw_heading(canvas, heading, LEFT)?;
        self.legend.draw(canvas)?;
        self.draw_columns(canvas)?;
        self.draw_rows(canvas)?;
        let footnote = cut(&self.footnote, TEXT, RIGHT - LEFT);
        canvas.text(&footnote, (LEFT, self.bottom + FOOT + FOOTNOTE / 2 - 4), Anchor::Left)?;
        canvas.line(vec![(LEFT, self.top), (LEFT, self.bottom), (RIGHT, self.bottom)], INK, 1)
    }

    /// Says, in the middle, that there is nothing to show.
    pub fn draw_no_data(&self, canvas: &Canvas<'_>) -> Drawn {
        canvas.text("no data", ((LEFT + RIGHT) / 2, (self.top + self.bottom) / 2), Anchor::Middle)
    }

    fn draw_columns(&self, canvas: &Canvas<'_>) -> Drawn {
        for tick in &self.x.ticks {
            let x = between(LEFT, RIGHT, tick.share);
            canvas.line(vec![(x, self.top), (x, self.bottom + 5)], grid_color(&tick.label), 1)?;
            if !tick.label.is_empty() {
                canvas.text(&tick.label, (x, self.bottom + 18), Anchor::Middle)?;
            }
        }
        canvas.text(
            &cut(&self.x.title, TEXT, RIGHT - LEFT),
            ((LEFT + RIGHT) / 2, self.bottom + 46),
            Anchor::Middle,
        )
    }

    fn draw_rows(&self, canvas: &Canvas<'_>) -> Drawn {
        for tick in &self.y.ticks {
            let y = between(self.bottom, self.top, tick.share);
            canvas.line(vec![(LEFT - 5, y), (RIGHT, y)], grid_color(&tick.label), 1)?;
            if !tick.label.is_empty() {
                canvas.text(&tick.label, (LEFT - 10, y), Anchor::Right)?;
            }
        }
        let title = cut(&self.y.title, TEXT, self.bottom - LABELS_TOP);
        canvas.text(&title, (22, (self.top + self.bottom) / 2), Anchor::Upwards)
    }
}

/// Where a value of the lying axis is, in pixels from the left.
pub fn column(axis: &Axis, value: f64) -> i32 {
    between(LEFT, RIGHT, axis.share(value))
}

/// Title and caption, from `left` on.
pub fn draw_heading(canvas: &Canvas<'_>, heading: &Heading, left: i32) -> Drawn {
    canvas.title(&cut(&heading.title, TITLE_AS_TEXT, RIGHT - left), (left, TITLE_Y))?;
    canvas.text(&cut(&heading.caption, TEXT, RIGHT - left), (left, CAPTION_Y), Anchor::Left)
}

/// From where to where a label of the lying axis reaches.
fn extent(tick: &Tick) -> (i32, i32) {
    let (middle, half) = (between(LEFT, RIGHT, tick.share), text_width(&tick.label, TEXT) / 2);
    (middle - half, middle + half)
}

fn grid_color(label: &str) -> RGBColor {
    if label.is_empty() { GRID_MINOR } else { GRID }
}

/// The pixel at `share` of the way from `from` to `to`.
pub fn between(from: i32, to: i32, share: f64) -> i32 {
    from + (f64::from(to - from) * share).round() as i32
}
