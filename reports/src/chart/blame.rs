//! The blame matrix as a heat map: a line for each attack, a block of columns for calm runs and one for chaos.
//!
//! A cell is the share of the runs in which that verdict came, by its shade and in per cent; the verdict of the
//! catalogue has a frame. What is as the catalogue says is blue, a dispute on a link where links fail is green, what is otherwise
//! is orange, and an innocent actor named is purple; beside each block stand the epochs to the verdict.

use plotters::style::RGBColor;

use super::{
    ChartError, Heading,
    canvas::{
        Anchor, BLUE, Canvas, Drawn, GREEN, GRID, INK, ORANGE, PURPLE, TEXT, TITLE_AS_TEXT, WIDTH, cut,
        svg_of,
    },
};
use crate::blame::{BlameRow, Verdict};

const LEFT: i32 = 16;
/// Room for the attack's number and name.
const NAMES: i32 = 232;
/// Width of a cell.
const CELL: i32 = 50;
/// Height of a line.
const LINE: i32 = 20;
/// Room for the epochs of a block.
const EPOCHS: i32 = 66;
/// Width of a block: its cells, its epochs and a gap.
const BLOCK: i32 = 5 * CELL + EPOCHS + 4;
/// The first line of cells, below title, caption, legend and the heads of the columns.
const TOP: i32 = 200;
/// The verdicts; every second one stands higher, or they would not have room beside each other.
const COLUMNS: [(&str, i32); 5] =
    [("exposed", 0), ("suspected", 1), ("pair", 0), ("nobody", 1), ("innocent", 0)];
/// How much higher.
const HIGHER: i32 = 19;

/// Draws the matrix. Rows of one attack must stand together.
///
/// # Errors
/// [`ChartError::Draw`] if the drawing library refuses.
pub fn blame(heading: &Heading, rows: &[BlameRow]) -> Result<String, ChartError> {
    let mut lines: Vec<(&str, &str)> = rows.iter().map(|row| (&*row.id, &*row.attack)).collect();
    lines.dedup();
    let height = TOP + LINE * lines.len().max(1) as i32 + 24;
    Ok(svg_of(heading, height, |canvas| {
        head(canvas, heading)?;
        if lines.is_empty() {
            return canvas.text("no data", (WIDTH / 2, TOP + LINE / 2), Anchor::Middle);
        }
        for (line, (id, attack)) in lines.iter().enumerate() {
            let y = TOP + LINE * line as i32;
            let name = cut(&format!("{id}  {attack}"), TEXT, NAMES - 8);
            canvas.text(&name, (LEFT, y + LINE / 2), Anchor::Left)?;
            for row in rows.iter().filter(|row| (&*row.id, &*row.attack) == (*id, *attack)) {
                draw_row(canvas, row, block(row.chaos), y)?;
            }
        }
        // above all cells, or the next ones would cut their edges
        let line_of =
            |row: &BlameRow| lines.iter().position(|(id, attack)| (*id, *attack) == (&*row.id, &*row.attack));
        rows.iter().filter_map(|row| Some((row, line_of(row)?))).try_for_each(|(row, line)| {
            let verdict =
                Verdict::ALL.iter().position(|verdict| *verdict == row.expected).unwrap_or_default();
            let (from, y) = (block(row.chaos) + CELL * verdict as i32, TOP + LINE * line as i32);
            frame(canvas, (from, y), (from + CELL, y + LINE), INK)
        })
    })?)
}

/// The left end of a block.
fn block(chaos: bool) -> i32 {
    LEFT + NAMES + if chaos { BLOCK } else { 0 }
}

fn head(canvas: &Canvas<'_>, heading: &Heading) -> Drawn {
    canvas.title(&cut(&heading.title, TITLE_AS_TEXT, WIDTH - 2 * LEFT), (LEFT, 22))?;
    canvas.text(&cut(&heading.caption, TEXT, WIDTH - 2 * LEFT), (LEFT, 49), Anchor::Left)?;
    let legend = [
        (BLUE, "as expected", (LEFT, 77)),
        (GREEN, "a pair where links fail: no blame", (LEFT + 250, 77)),
        (ORANGE, "otherwise, or not always", (LEFT, 101)),
        (PURPLE, "an innocent actor named", (LEFT + 250, 101)),
    ];
    for (color, text, (x, y)) in legend {
        canvas.area((x, y - 8), (x + 32, y + 8), color, 0.8)?;
        canvas.text(text, (x + 40, y), Anchor::Left)?;
    }
    frame(canvas, (LEFT + 500, 93), (LEFT + 532, 109), INK)?;
    canvas.text("expected verdict", (LEFT + 540, 101), Anchor::Left)?;
    canvas.text("attack", (LEFT, TOP - 16), Anchor::Left)?;
    for chaos in [false, true] {
        let x = block(chaos);
        let title = if chaos { "chaos: % of runs" } else { "calm: % of runs" };
        canvas.text(title, (x + 5 * CELL / 2, TOP - 62), Anchor::Middle)?;
        for (index, (name, higher)) in COLUMNS.iter().enumerate() {
            let (x, y) = (x + CELL * index as i32 + CELL / 2, TOP - 16 - HIGHER * higher);
            canvas.text(name, (x, y), Anchor::Middle)?;
        }
        let middle = x + 5 * CELL + EPOCHS / 2 + 4;
        canvas.text("epochs", (middle, TOP - 62), Anchor::Middle)?;
        canvas.text("med/max", (middle, TOP - 16 - HIGHER), Anchor::Middle)?;
    }
    Ok(())
}

fn draw_row(canvas: &Canvas<'_>, row: &BlameRow, left: i32, y: i32) -> Drawn {
    for (index, verdict) in Verdict::ALL.into_iter().enumerate() {
        let (from, to) = (left + CELL * index as i32, left + CELL * (index as i32 + 1));
        let share = row.count(verdict) as f64 / row.fired.max(1) as f64;
        let color = match verdict {
            Verdict::Innocent => PURPLE,
            // of several cheaters perhaps only one was named, or too late
            verdict if verdict == row.expected && row.right >= row.count(verdict) => BLUE,
            // it names two, of whom neither need have cheated where links fail
            Verdict::Pair if row.chaos && row.right == row.fired => GREEN,
            _ => ORANGE,
        };
        canvas.area(
            (from + 1, y + 1),
            (to - 1, y + LINE - 1),
            color,
            0.12 + 0.48 * share * f64::from(share > 0.0),
        )?;
        if share == 0.0 {
            canvas.area((from + 1, y + 1), (to - 1, y + LINE - 1), RGBColor(255, 255, 255), 0.9)?;
        } else {
            let percent = format!("{:.0}", share * 100.0);
            canvas.text(&percent, ((from + to) / 2, y + LINE / 2), Anchor::Middle)?;
        }
        frame(canvas, (from, y), (to, y + LINE), GRID)?;
    }
    let epochs = row.epochs().replace(' ', "");
    canvas.text(&cut(&epochs, TEXT, EPOCHS - 4), (left + 5 * CELL + EPOCHS / 2, y + LINE / 2), Anchor::Middle)
}

fn frame(
    canvas: &Canvas<'_>,
    (left, top): (i32, i32),
    (right, bottom): (i32, i32),
    color: RGBColor,
) -> Drawn {
    let corners = vec![(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    canvas.line(corners, color, 1)
}
