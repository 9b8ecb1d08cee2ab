//! What an axis of a plot measures, and on which scale, as the caller says it.

use super::axis::Axis;

/// What is measured along an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Dimension {
    /// Its name with its unit: `throughput (messages/s)`.
    pub title: String,
    /// How values are spread.
    pub scale: Scale,
    /// Where it is ticked, if its values are few and chosen; at round numbers if there are none.
    pub chosen: Vec<f64>,
}

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences look equal; from zero, or below.
    #[default]
    Linear,
    /// The same of a share, of which there are 100 % at most.
    Share,
    /// Equal ratios look equal; ticks at powers of two.
    Log2,
    /// Equal ratios look equal; ticks at powers of ten.
    Log10,
}

impl Dimension {
    /// Something measured on a linear scale.
    pub fn linear(title: impl Into<String>) -> Self {
        Self { title: title.into(), scale: Scale::Linear, chosen: Vec::new() }
    }

    /// A share, in per cent.
    pub fn share(title: impl Into<String>) -> Self {
        Self { scale: Scale::Share, ..Self::linear(title) }
    }

    /// Something measured in doublings: a number of actors, of cores.
    pub fn log2(title: impl Into<String>) -> Self {
        Self { scale: Scale::Log2, ..Self::linear(title) }
    }

    /// Something measured over powers of ten: a load, a latency.
    pub fn log10(title: impl Into<String>) -> Self {
        Self { scale: Scale::Log10, ..Self::linear(title) }
    }

    /// The same, ticked where something was measured.
    #[must_use]
    pub fn ticked_at(self, chosen: Vec<f64>) -> Self {
        Self { chosen, ..self }
    }

    /// Whether a value has a place on the axis.
    pub(super) fn holds(&self, value: f64) -> bool {
        value.is_finite() && (matches!(self.scale, Scale::Linear | Scale::Share) || value > 0.0)
    }

    /// The axis that holds all of the values.
    pub(super) fn axis(&self, values: impl Iterator<Item = f64>) -> Axis {
        let held = values.filter(|&value| self.holds(value));
        let (low, high) = held
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low <= high { (low, high) } else { (1.0, 1.0) };
        let axis = match self.scale {
            Scale::Linear => Axis::spanning(&self.title, low, high),
            Scale::Share => Axis::of_share(&self.title, high),
            Scale::Log2 => Axis::doublings(&self.title, low, high),
            Scale::Log10 => Axis::sizes_by_ten(&self.title, low, high),
        };
        let chosen: Vec<f64> =
            self.chosen.iter().copied().filter(|value| (low..=high).contains(value)).collect();
        if chosen.is_empty() { axis } else { axis.ticked_at(&chosen) }
    }

    /// An axis no longer than the values need, wherever zero is: what spreads colours, not lengths.
    pub(super) fn tight_axis(&self, values: &[f64]) -> Axis {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self.scale {
            Scale::Linear | Scale::Share => Axis::between(&self.title, low, high),
            Scale::Log2 => Axis::doublings(&self.title, low, high),
            Scale::Log10 => Axis::logarithmic(&self.title, low, high),
        }
    }
}
