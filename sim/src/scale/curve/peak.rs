//! Peak finding: the highest rate that is served within a bound on latency, found by doubling and bisection.
//!
//! Whether a rate is sustained is asked of a run at that rate. The search takes for granted that of two rates the higher
//! one is not sustained if the lower one is not; near the knee chance decides, and several seeds show by how much.

/// A rate that is known to be sustained and one that is not are apart by this factor at most when the search ends.
const PRECISION: f64 = 1.06;
/// The lowest rate that is tried.
const LOWEST_PER_S: f64 = 1.0;
/// The highest rate that is tried.
const HIGHEST_PER_S: f64 = 1e8;

/// Between which rates the peak lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The highest rate that was sustained; 0 if even the lowest was not.
    pub good_per_s: f64,
    /// The lowest one that was not; infinite if even the highest was.
    pub bad_per_s: f64,
}

/// The highest rate of which `sustained` says that it is, within 6 %.
///
/// # Errors
/// The first of `sustained`.
pub fn find<E>(start_per_s: f64, mut sustained: impl FnMut(f64) -> Result<bool, E>) -> Result<Found, E> {
    let (mut good, mut bad) = (0.0, f64::INFINITY);
    let mut rate = start_per_s;
    while good == 0.0 || bad.is_infinite() {
        if sustained(rate)? {
            good = rate;
            rate *= 2.0;
        } else {
            bad = rate;
            rate /= 2.0;
        }
        if bad <= LOWEST_PER_S || good >= HIGHEST_PER_S {
            return Ok(Found { good_per_s: good, bad_per_s: bad });
        }
        if good > 0.0 && bad.is_finite() {
            break;
        }
    }
    while bad / good > PRECISION {
        let middle = round((good * bad).sqrt());
        if middle <= good || middle >= bad {
            break;
        }
        if sustained(middle)? {
            good = middle;
        } else {
            bad = middle;
        }
    }
    Ok(Found { good_per_s: good, bad_per_s: bad })
}

/// To three digits: a rate that can be said.
fn round(rate: f64) -> f64 {
    let unit = 10f64.powi(rate.log10().floor() as i32 - 2);
    (rate / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak(knee: f64, start: f64) -> (f64, u32) {
        let mut tries = 0;
        let found = find(start, |rate| {
            tries += 1;
            Ok::<bool, ()>(rate <= knee)
        });
        let Found { good_per_s, bad_per_s } = found.unwrap();
        assert!(bad_per_s.is_infinite() || knee < bad_per_s, "{bad_per_s} is above the knee");
        (good_per_s, tries)
    }

    #[test]
    fn the_knee_is_found_from_above_and_from_below() {
        for knee in [3.0, 97.0, 1234.0, 52_000.0, 1.7e6] {
            for start in [1.0, 500.0, 1e6] {
                let (found, tries) = peak(knee, start);
                assert!(found <= knee && knee / found <= PRECISION * 1.01, "{found} of {knee} from {start}");
                assert!(tries < 40, "{tries}");
            }
        }
    }

    #[test]
    fn what_sustains_nothing_and_what_sustains_everything_end() {
        assert_eq!(peak(0.0, 500.0).0, 0.0);
        assert!(peak(f64::INFINITY, 500.0).0 >= HIGHEST_PER_S);
    }

    #[test]
    fn an_error_ends_the_search() {
        assert_eq!(find(10.0, |_| Err::<bool, &str>("no")), Err("no"));
    }
}
