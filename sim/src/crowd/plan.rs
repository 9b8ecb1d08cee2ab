//! What a crowd will want sent: drawn as it goes along, for a list of it would be longer than all the rest.

use server::protocol::id::ClientId;

use crate::{
    random::{Stream, Streams},
    scenario::{DrawnWorkload, Pace},
    workload::{self, START_NS},
};

/// A bundle that someone of a crowd wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// When.
    pub at_ns: u64,
    /// Which of all bundles of the crowd it is.
    pub token: u64,
    /// By whom.
    pub sender: u32,
    /// To whom.
    pub recipients: Vec<u32>,
    /// Bytes of the payload.
    pub payload_bytes: u64,
}

/// The workload of a crowd, and how far it has been drawn.
pub struct Plan {
    workload: DrawnWorkload,
    crowd: u32,
    random: Stream,
    at_ns: f64,
    token: u64,
}

impl Plan {
    /// All that a crowd of this size will want sent.
    pub fn new(workload: DrawnWorkload, crowd: u32, streams: Streams) -> Self {
        Plan { workload, crowd, random: streams.stream("workload/crowd"), at_ns: START_NS as f64, token: 0 }
    }

    /// How fast.
    pub fn pace(&self) -> Pace {
        self.workload.pace
    }

    /// How many are not drawn yet.
    pub fn left(&self) -> u64 {
        self.workload.bundles - self.token
    }

    /// The next request of an open loop: what one client wants sent at once. Empty when all are drawn.
    pub fn next_open(&mut self, rate_per_s: f64) -> Vec<Wanted> {
        self.at_ns += self.random.exponential(workload::between_requests_ns(&self.workload, rate_per_s));
        let (at_ns, sender) = (self.at_ns as u64, self.random.below(u64::from(self.crowd)) as u32);
        (0..self.workload.per_request).map_while(|_| self.next(at_ns, sender)).collect()
    }

    /// The next of a closed loop, by a client that has room for it.
    pub fn next_of(&mut self, sender: u32, now_ns: u64) -> Option<Wanted> {
        self.next(now_ns, sender)
    }

    fn next(&mut self, at_ns: u64, sender: u32) -> Option<Wanted> {
        if self.left() == 0 {
            return None;
        }
        let token = self.token;
        self.token += 1;
        let recipients = workload::recipients(&self.workload, self.crowd, &mut self.random);
        let payload = self.workload.payload_bytes;
        let payload_bytes = self.random.within(payload.low..=payload.high);
        Some(Wanted { at_ns, token, sender, recipients, payload_bytes })
    }
}

/// The payload of a bundle: its token, over and over.
pub fn payload(wanted: &Wanted) -> Vec<u8> {
    let token = wanted.token.to_be_bytes();
    token.into_iter().cycle().take(wanted.payload_bytes.max(8) as usize).collect()
}

/// What one recipient gets besides.
pub fn ciphertext(wanted: &Wanted, recipient: &ClientId) -> Vec<u8> {
    let text = [&wanted.token.to_be_bytes()[..], recipient.bytes()].concat();
    text.into_iter().take(workload::CIPHERTEXT_BYTES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Range;

    #[test]
    fn an_open_loop_has_its_rate_and_its_number_of_bundles() {
        let workload = DrawnWorkload {
            bundles: 20_000,
            pace: Pace::Open { rate_per_s: 500.0 },
            per_request: 1,
            warm_up_ns: 0,
            recipients: Range { low: 1, high: 4 },
            payload_bytes: Range { low: 64, high: 1000 },
        };
        for (per_request, off) in [(1, 15.0), (8, 40.0)] {
            let mut plan =
                Plan::new(DrawnWorkload { per_request, ..workload.clone() }, 1000, Streams::new(3));
            let request = || Some(plan.next_open(500.0)).filter(|request| !request.is_empty());
            let requests: Vec<Vec<Wanted>> = std::iter::from_fn(request).collect();
            assert_eq!((requests.len() as u32 * per_request, plan.left()), (20_000, 0));
            let together = |request: &Vec<Wanted>| {
                let of = |wanted: &Wanted| (wanted.at_ns, wanted.sender);
                request.iter().all(|wanted| of(wanted) == of(&request[0]))
            };
            assert!(requests.iter().all(together));
            let all = requests.concat();
            let seconds = (all.last().unwrap().at_ns - START_NS) as f64 / 1e9;
            assert!((20_000.0 / seconds - 500.0).abs() < off, "{seconds} s");
            let sound = |wanted: &Wanted| wanted.sender < 1000 && (1..=4).contains(&wanted.recipients.len());
            assert!(all.iter().all(sound));
        }
    }
}
