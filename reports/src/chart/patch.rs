//! How an area looks: colour and texture, so that no two areas differ in colour alone.
//!
//! *Invariants*: the first 8 patches differ pairwise in colour, and neighbours in texture too; no stroke leaves its
//! area.

use plotters::style::{RGBColor, WHITE};

use super::canvas::{BLUE, Canvas, Drawn, GREEN, INK, ORANGE, PURPLE, Pixel, SKY, VERMILION, YELLOW};

const COLORS: [RGBColor; 8] = [BLUE, ORANGE, SKY, VERMILION, GREEN, YELLOW, PURPLE, INK];
const TEXTURES: [Texture; 4] = [Texture::Plain, Texture::Rising, Texture::Falling, Texture::Upright];
/// So many patches look different.
pub const PATCHES: usize = COLORS.len();
/// From one stroke of a texture to the next, in pixels.
const SPACING: i32 = 9;

/// Colour and texture of an area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The ground.
    pub color: RGBColor,
    texture: Texture,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texture {
    Plain,
    Rising,
    Falling,
    Upright,
}

impl Patch {
    /// The patch of this index; the look repeats after [`PATCHES`].
    pub fn of(index: usize) -> Self {
        Self { color: COLORS[index % COLORS.len()], texture: TEXTURES[index % TEXTURES.len()] }
    }

    /// The colour of text on it.
    pub fn text_color(self) -> RGBColor {
        legible_on(self.color)
    }

    /// Fills the rectangle.
    pub fn draw(self, canvas: &Canvas<'_>, from: Pixel, to: Pixel) -> Drawn {
        canvas.area(from, to, self.color, 1.0)?;
        let height = to.1 - from.1;
        let starts = (from.0 - height..to.0).filter(|x| x.rem_euclid(SPACING) == 0);
        starts
            .filter_map(|x| self.texture.stroke(x, from, to))
            .try_for_each(|stroke| canvas.line(stroke, WHITE, 1))
    }
}

impl Texture {
    /// The stroke that begins at `x`, as far as it lies in the rectangle.
    fn stroke(self, x: i32, from: Pixel, to: Pixel) -> Option<Vec<Pixel>> {
        let height = to.1 - from.1;
        // down the rectangle a slanting stroke goes as far to the right
        let (first, last) = ((from.0 - x).max(0), (to.0 - x).min(height));
        match self {
            Self::Plain => None,
            Self::Upright => (x > from.0 && x < to.0).then(|| vec![(x, from.1), (x, to.1)]),
            _ if first >= last => None,
            Self::Falling => Some(vec![(x + first, from.1 + first), (x + last, from.1 + last)]),
            Self::Rising => Some(vec![(x + first, to.1 - first), (x + last, to.1 - last)]),
        }
    }
}

/// White or ink, whichever differs more from the ground.
pub fn legible_on(ground: RGBColor) -> RGBColor {
    // relative luminance as in WCAG 2, with a square for its power of 2.4; at 0.18 both differ as much
    let light = |part: u8| (f64::from(part) / 255.0).powi(2);
    let luminance = 0.2126 * light(ground.0) + 0.7152 * light(ground.1) + 0.0722 * light(ground.2);
    if luminance > 0.18 { INK } else { WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_stroke_leaves_its_area() {
        let (from, to) = ((10, 20), (37, 31));
        for texture in TEXTURES {
            let strokes = (-40..60).filter_map(|x| texture.stroke(x, from, to)).flatten();
            assert!(
                strokes.into_iter().all(|(x, y)| (10..=37).contains(&x) && (20..=31).contains(&y)),
                "{texture:?}"
            );
        }
    }

    #[test]
    fn neighbours_differ_in_colour_and_texture() {
        let patches: Vec<Patch> = (0..PATCHES).map(Patch::of).collect();
        assert!(
            patches
                .windows(2)
                .all(|pair| pair[0].color != pair[1].color && pair[0].texture != pair[1].texture)
        );
    }
}
