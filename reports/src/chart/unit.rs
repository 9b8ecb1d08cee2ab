//! The unit that latencies of a plot are told in: µs, ms or s, by their size.

use super::axis::{Axis, VALUE_MAX};

/// From this ratio of the longest to the shortest latency on, the axis shows powers of ten.
const LOGARITHMIC_FROM: f64 = 8.0;

/// What a latency is told in.
#[derive(Clone, Copy)]
pub struct Unit {
    /// As it stands on the axis.
    pub name: &'static str,
    us: f64,
}

impl Unit {
    /// The unit that makes the longest latency a number people read.
    pub fn of_latencies(latencies_us: impl Iterator<Item = f64>) -> Self {
        match latencies_us.fold(0.0, f64::max) {
            longest if longest < 1e3 => Self { name: "µs", us: 1.0 },
            longest if longest < 1e7 => Self { name: "ms", us: 1e3 },
            _ => Self { name: "s", us: 1e6 },
        }
    }

    /// The latency in this unit.
    pub fn of_us(self, latency_us: f64) -> f64 {
        (latency_us / self.us).min(VALUE_MAX)
    }

    /// Powers of ten where the latencies differ many times over and none is zero, else from zero.
    pub fn axis(self, latencies_us: impl Iterator<Item = f64>) -> Axis {
        let (shortest, longest) = latencies_us
            .map(|latency_us| self.of_us(latency_us))
            .fold((f64::INFINITY, 0.0), |(low, high), latency| {
                (f64::min(low, latency), f64::max(high, latency))
            });
        let title = format!("latency ({})", self.name);
        if longest >= shortest * LOGARITHMIC_FROM && shortest > 0.0 {
            Axis::logarithmic(&title, shortest, longest)
        } else {
            Axis::from_zero(&title, longest)
        }
    }
}
