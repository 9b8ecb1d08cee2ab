//! Rows of labels above the data: each label takes the first row in which it touches no other.

use super::frame::LEFT;

/// Room between two labels of one row.
const GAP: i32 = 14;

/// How far each row is taken, from left to right.
pub struct Rows {
    ends: Vec<i32>,
}

impl Rows {
    /// So many empty rows.
    pub fn new(count: usize) -> Self {
        Self { ends: vec![LEFT - GAP; count] }
    }

    /// Takes the stretch from `from` to `to` in the first row that is free there, and further right; or in none.
    pub fn place(&mut self, from: i32, to: i32) -> Option<usize> {
        let row = self.ends.iter().position(|end| end + GAP <= from)?;
        self.ends[row] = to;
        Some(row)
    }

    /// How many rows anything stands in.
    pub fn used(&self) -> usize {
        self.ends.iter().rposition(|&end| end > LEFT - GAP).map_or(0, |row| row + 1)
    }
}
