//! How a line looks: colour, dashes and marks, so that no two lines differ in colour alone.
//!
//! In grey, on paper, or to a colour-blind reader two lines must still be two. So measured lines are solid and
//! have a mark of their own each, empty where more was asked for than can be done; what was not measured has no mark and is dashed.
//!
//! *Invariants*: the first 42 measured lines differ pairwise, in colour or in mark; what differs in kind
//! (measured, predicted, ideal, bound) differs in its dashes.

use plotters::style::{RGBColor, WHITE};

use super::canvas::{BLUE, Canvas, Drawn, GREEN, INK, ORANGE, PURPLE, Pixel, SKY, VERMILION};

const COLORS: [RGBColor; 7] = [BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, INK];
const MARKERS: [Marker; 6] =
    [Marker::Disc, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Cross, Marker::Plus];

/// Half of the width of a mark.
const MARKER_RADIUS: i32 = 6;

/// Colour, width, dashes and mark of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Of line and marks.
    pub color: RGBColor,
    /// Of the line, in pixels.
    pub width: u32,
    /// Interruptions of the line.
    pub dash: Dash,
    /// What stands at the points.
    pub marker: Option<Marker>,
    /// Whether marks are empty inside.
    pub hollow: bool,
}

/// Interruptions of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// None.
    Solid,
    /// Long strokes.
    Dashed,
    /// Hardly more than dots.
    Dotted,
    /// Long and short strokes by turns.
    Mixed,
}

/// What stands at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    Disc,
    Square,
    Triangle,
    Diamond,
    Cross,
    Plus,
}

impl Look {
    /// A solid line without marks.
    pub fn plain(color: RGBColor, width: u32) -> Self {
        Self { color, width, dash: Dash::Solid, marker: None, hollow: false }
    }

    /// The look of the measured line of this index.
    pub fn measured(index: usize) -> Self {
        // shifted by one each time the colours begin anew, so that colour and mark form new pairs
        let marker = MARKERS[(index % COLORS.len() + index / COLORS.len()) % MARKERS.len()];
        Self { marker: Some(marker), ..Self::plain(COLORS[index % COLORS.len()], 3) }
    }

    /// Draws the line through the points. One point alone is a dot or its mark.
    pub fn stroke(self, canvas: &Canvas<'_>, points: &[Pixel]) -> Drawn {
        if self.dash == Dash::Solid || points.len() < 2 {
            return canvas.line(points.to_vec(), self.color, self.width);
        }
        dashes(points, self.dash.pattern())
            .into_iter()
            .try_for_each(|dash| canvas.line(dash, self.color, self.width))
    }

    /// Draws the mark, if this look has one.
    pub fn mark(self, canvas: &Canvas<'_>, at: Pixel) -> Drawn {
        let Some(marker) = self.marker else { return Ok(()) };
        if !self.hollow {
            return marker.draw(canvas, at, MARKER_RADIUS, self.color);
        }
        // empty inside: the same, smaller and white, on a larger one, or where there is no inside on a disc
        match marker {
            Marker::Cross | Marker::Plus => {
                Marker::Disc.draw(canvas, at, MARKER_RADIUS + 3, self.color)?;
                Marker::Disc.draw(canvas, at, MARKER_RADIUS + 1, WHITE)?;
                marker.draw(canvas, at, MARKER_RADIUS - 3, self.color)
            }
            solid => {
                solid.draw(canvas, at, MARKER_RADIUS + 2, self.color)?;
                solid.draw(canvas, at, MARKER_RADIUS - 2, WHITE)
            }
        }
    }
}

impl Dash {
    /// Pixels drawn and left out, by turns.
    fn pattern(self) -> &'static [f64] {
        match self {
            Self::Solid => &[],
            Self::Dashed => &[12.0, 6.0],
            Self::Dotted => &[3.0, 5.0],
            Self::Mixed => &[14.0, 5.0, 3.0, 5.0],
        }
    }
}

impl Marker {
    fn draw(self, canvas: &Canvas<'_>, (x, y): Pixel, r: i32, color: RGBColor) -> Drawn {
        let stroke = |from: Pixel, to: Pixel| canvas.line(vec![from, to], color, 4);
        match self {
            Self::Disc => canvas.disc((x, y), r, color),
            Self::Square => canvas.area((x - r + 1, y - r + 1), (x + r - 1, y + r - 1), color, 1.0),
            Self::Triangle => canvas.polygon(
                vec![(x, y - r - 1), (x + r + 1, y + r - 1), (x - r - 1, y + r - 1)],
                color,
                1.0,
            ),
            Self::Diamond => canvas.polygon(
                vec![(x, y - r - 2), (x + r + 2, y), (x, y + r + 2), (x - r - 2, y)],
                color,
                1.0,
            ),
            Self::Cross => {
                stroke((x - r, y - r), (x + r, y + r))?;
                stroke((x - r, y + r), (x + r, y - r))
            }
            Self::Plus => {
                stroke((x - r - 1, y), (x + r + 1, y))?;
                stroke((x, y - r - 1), (x, y + r + 1))
            }
        }
    }
}

/// The drawn pieces of a line through `points`; a piece may go round a corner.
fn dashes(points: &[Pixel], pattern: &[f64]) -> Vec<Vec<Pixel>> {
    let mut pieces = Vec::new();
    let mut piece = vec![points[0]];
    let (mut part, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let length = distance(from, to);
        let mut gone = 0.0;
        while length - gone > left {
            gone += left;
            let corner = along(from, to, gone / length);
            if part % 2 == 0 {
                piece.push(corner);
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![corner];
            }
            part = (part + 1) % pattern.len();
            left = pattern[part];
        }
        left -= length - gone;
        if part % 2 == 0 {
            piece.push(to);
        }
    }
    pieces.extend((piece.len() > 1).then_some(piece));
    pieces
}

/// How far apart two pixels are.
pub fn distance(from: Pixel, to: Pixel) -> f64 {
    let (across, down) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    (across * across + down * down).sqrt()
}

fn along(from: Pixel, to: Pixel, share: f64) -> Pixel {
    let between = |from: i32, to: i32| from + (f64::from(to - from) * share).round() as i32;
    (between(from.0, to.0), between(from.1, to.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_lines_differ_in_colour_or_mark() {
        let looks: Vec<Look> = (0..COLORS.len() * MARKERS.len()).map(Look::measured).collect();
        for (index, look) in looks.iter().enumerate() {
            assert!(!looks[..index].contains(look), "{index}: {look:?}");
        }
    }

    #[test]
    fn dashes_cover_their_share_of_a_line_and_go_round_corners() {
        let pieces = dashes(&[(0, 0), (100, 0), (100, 80)], &[12.0, 6.0]);
        assert_eq!(pieces.len(), 10);
        assert_eq!(pieces[0], [(0, 0), (12, 0)]);
        assert_eq!(pieces[5], [(90, 0), (100, 0), (100, 2)]);
        assert!(dashes(&[(5, 5), (5, 5)], &[3.0, 5.0]).len() <= 1);
    }
}
