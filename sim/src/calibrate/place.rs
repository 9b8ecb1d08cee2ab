//! What actors compute in place: in a real server, where requests share their caches and cores, each of their steps wakes a
//! thread, and whoever they send something to must be woken. Of that the simulator, in which they are measured ([`super::actors`]),
//! knows nothing. On a real server each actor has a thread of its own, whose time can be told apart: what it takes more is divided
//! among its steps, what these and what is in them took in the simulator, the messages that they send, and the bytes.

use std::fmt;

use server::actor::Ledger;

use super::fit::{self, Sample, WHOLE_NS};
use crate::model::costs::{Handling, Profile, significant};

/// What the actors of a role did under a load, for a bundle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Worked {
    /// Nanoseconds of the real ones.
    pub real_ns: f64,
    /// Their steps.
    pub steps: f64,
    /// What these take by what was measured in the simulator.
    pub alone_ns: f64,
    /// Messages that they send.
    pub outputs: f64,
    /// Bytes that they take in and send.
    pub bytes: f64,
    /// What is done besides: transactions, signatures made and checked, and bytes as they were measured.
    pub besides_ns: f64,
}

impl Worked {
    /// By what the twin's actors did for so many requests, and of the real ones nanoseconds and transactions a request. These put
    /// more or less into a step than the twin's do: what a step costs once is counted by their transactions.
    pub fn of(
        (twin, requests): (&Ledger, f64),
        (real_ns, commits): (f64, f64),
        alone: &Handling,
        profile: &Profile,
    ) -> Worked {
        let each = |count: u64| count as f64 / requests;
        let of_twin = each(twin.commits) / profile.disk.whole_turns() as f64;
        let ratio = if of_twin > 0.0 { commits / of_twin } else { 1.0 };
        let steps = each(twin.steps) * ratio;
        let once_ns =
            each(twin.signed) * ratio * profile.crypto.sign.mean() + commits * profile.disk.commit.mean();
        let batch = (twin.verified_batched as f64 / (twin.steps as f64).max(1.0)).ceil() as u64;
        let checked_ns = each(twin.verified) * profile.crypto.verify.mean()
            + each(twin.verified_batched) * profile.crypto.batch_mean_ns(batch) / batch.max(1) as f64;
        Worked {
            real_ns,
            steps,
            alone_ns: steps * alone.step
                + each(twin.inputs) * alone.input
                + each(twin.outputs) * alone.output,
            outputs: each(twin.outputs),
            bytes: each(twin.coded_bytes),
            besides_ns: once_ns
                + checked_ns
                + each(twin.coded_bytes) * (alone.byte + profile.bytes.code.mean())
                + each(twin.hashed_bytes) * profile.bytes.hash.mean(),
        }
    }
}

/// What steps take in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InPlace {
    /// Nanoseconds of a step, whatever is in it.
    step_ns: f64,
    /// By which factor what is in it takes longer.
    factor: f64,
    /// Nanoseconds of each message that it sends besides: who gets it is woken.
    output_ns: f64,
    /// Nanoseconds of each byte besides.
    byte_ns: f64,
}

impl InPlace {
    /// By several loads.
    pub fn explaining(loads: &[Worked]) -> InPlace {
        let sample = |load: &Worked| {
            let more_ns = (load.real_ns - load.besides_ns - load.alone_ns).max(0.0);
            let weight = WHOLE_NS / load.real_ns.max(1.0);
            let causes = [load.steps, load.alone_ns, load.outputs, load.bytes].map(|cause| cause * weight);
            Sample { causes, ns: more_ns * weight }
        };
        let [step_ns, more, output_ns, byte_ns] = fit::fit(&loads.iter().map(sample).collect::<Vec<_>>());
        InPlace {
            step_ns: significant(step_ns),
            factor: significant(1.0 + more),
            output_ns: significant(output_ns),
            byte_ns: significant(byte_ns),
        }
    }

    /// What actors compute there.
    pub fn handling(self, alone: &Handling) -> Handling {
        let Handling { step, input, output, .. } = alone.times(self.factor);
        Handling {
            step: significant(step + self.step_ns),
            input,
            output: significant(output + self.output_ns),
            step_byte: alone.step_byte + self.byte_ns,
            ..alone.clone()
        }
    }

    /// By how much what actors did is not explained.
    pub fn off_percent(self, load: &Worked) -> f64 {
        let explained_ns = load.steps * self.step_ns
            + load.alone_ns * self.factor
            + load.outputs * self.output_ns
            + load.bytes * self.byte_ns
            + load.besides_ns;
        100.0 * (explained_ns / load.real_ns.max(1.0) - 1.0)
    }
}

impl fmt::Display for InPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InPlace { step_ns, factor, output_ns, byte_ns } = self;
        let [step_us, output_us] = [step_ns, output_ns].map(|ns| ns / 1e3);
        write!(
            f,
            "a step takes {step_us:.1} µs and {factor:.2} times what it takes in the simulator, a message that it sends \
             {output_us:.1} µs and a byte {byte_ns:.2} ns more"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::costs::Cost;

    fn worked(steps: f64, alone_ns: f64, outputs: f64, bytes: f64) -> Worked {
        let real_ns = 20e3 * steps + 1.5 * alone_ns + 6e3 * outputs + 3.0 * bytes + 7e3;
        Worked { real_ns, steps, alone_ns, outputs, bytes, besides_ns: 7e3 }
    }

    fn handling() -> Handling {
        let spread = Cost::always(1.0);
        Handling { step: 1e3, input: 2.0, output: 3.0, byte: 4.0, step_byte: 0.0, spread }
    }

    #[test]
    fn steps_and_what_is_in_them_are_told_apart() {
        let loads = [
            worked(0.1, 9e3, 1.0, 4e3),
            worked(0.9, 14e3, 2.0, 1e3),
            worked(2.0, 60e3, 9.0, 9e3),
            worked(0.5, 5e3, 0.2, 70e3),
            worked(0.7, 9e3, 12.0, 7e3),
        ];
        let place = InPlace::explaining(&loads);
        assert_eq!(place, InPlace { step_ns: 20e3, factor: 1.5, output_ns: 6e3, byte_ns: 3.0 });
        assert!(loads.iter().all(|load| place.off_percent(load).abs() < 0.1));
        let in_place = place.handling(&handling());
        assert_eq!([in_place.step, in_place.input, in_place.output], [21.5e3, 3.0, 6005.0]);
        assert_eq!([in_place.byte, in_place.step_byte], [4.0, 3.0]);
    }

    #[test]
    fn who_takes_no_longer_in_place_takes_what_was_measured() {
        let faster = Worked { real_ns: 5e3, ..worked(1.0, 60e3, 0.0, 0.0) };
        assert_eq!(InPlace::explaining(&[faster, faster]).handling(&handling()), handling());
    }

    #[test]
    fn what_a_step_costs_once_is_counted_by_the_real_transactions() {
        let mut profile = Profile::zero();
        profile.crypto.sign = Cost::always(100.0);
        profile.disk.commit = Cost::always(1000.0);
        profile.disk.turns = 2.0;
        profile.crypto.verify = Cost::always(500.0);
        profile.crypto.batch = vec![(1.0, Cost::always(90.0)), (2.0, Cost::always(60.0))];
        let checked = Ledger { verified: 20, verified_batched: 80, ..Ledger::default() };
        let twin = Ledger { steps: 40, inputs: 200, signed: 80, commits: 80, coded_bytes: 50, ..checked };
        // half as many transactions as in the twin: 0.2 a request
        let worked = Worked::of((&twin, 100.0), (9e3, 0.2), &handling(), &profile);
        assert_eq!((worked.steps, worked.real_ns, worked.bytes), (0.2, 9e3, 0.5));
        assert!((worked.alone_ns - (0.2 * 1e3 + 2.0 * 2.0)).abs() < 1e-9, "{worked:?}");
        let besides_ns = 0.4 * 100.0 + 0.2 * 1000.0 + 0.5 * 4.0 + 0.2 * 500.0 + 0.8 * 60.0;
        assert!((worked.besides_ns - besides_ns).abs() < 1e-9, "{worked:?}");
    }
}
