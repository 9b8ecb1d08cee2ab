//! What a crowd sends: the bundles of a request, signed together, and those that have no receipt yet once more.

use server::{
    actor::incoming::IN_FLIGHT_MAX,
    protocol::{
        bundle::{Bundle, Content, Envelope, Submission},
        digest::Digest,
        id::{BundleNumber, Epoch, Role},
        message::Message,
        statement::{Statement, Terms},
    },
};
use twox_hash::XxHash3_64;

use super::{
    Crowd, State,
    group::{Group, Open},
    letter,
    plan::{self, Wanted},
};

/// A waiting time doubles with each attempt up to this many times.
const BACKOFF_MAX: u32 = 5;
/// A bundle does not expire, as those of clients do not.
const EXPIRY: Epoch = Epoch(u64::MAX);

impl Crowd {
    /// Makes the bundles of a request, and sends those whose turn it is; their recipients are woken.
    pub(super) fn send(&self, state: &mut State, request: &[Wanted]) {
        let Some(sender) = request.first().map(|wanted| wanted.sender) else { return };
        let (group, _) = state.place(sender);
        let seen = state.groups[group].seen.clone();
        let person = state.person(sender);
        let (mut bundles, mut contents) = (Vec::new(), Vec::new());
        for wanted in request {
            let number = u64::from(person.next);
            let content = self.content(wanted, number);
            let bundle = Bundle {
                client: self.names.id(sender),
                number: BundleNumber(number),
                terms: Terms::default(),
                previous: person.previous,
                commitment: content.commitment(),
                expiry: EXPIRY,
                seen: seen.clone(),
            };
            (person.previous, person.next) = (Digest::of(&[&bundle.body()]), person.next + 1);
            bundles.push(bundle);
            contents.push(content);
        }
        let bundles = self.names.sign_together(sender, bundles, &self.setup.trust);
        {
            let mut record = self.history.record();
            record.signed.entry(Role::Client.name()).or_default().count(self.time.now_ns());
            for ((wanted, bundle), content) in request.iter().zip(&bundles).zip(&contents) {
                record.missing += wanted.recipients.len() as u64;
                record.unreceipted += 1;
                if let Some(account) = &mut record.crowd {
                    let payload = XxHash3_64::oneshot(content.payload());
                    account.to_want -= 1;
                    account.sent(sender, bundle.number.0, wanted.at_ns, payload, &wanted.recipients);
                }
            }
        }
        for (bundle, content) in bundles.into_iter().zip(contents) {
            let number = bundle.number.0;
            let submit = Message::Submit(Submission { bundle: bundle.to_unverified(), content });
            let open = Open { submit, again_at: None, attempts: 0 };
            state.groups[group].open.insert((sender, number), open);
        }
        self.submit_turn(&mut state.groups[group], group, sender);
        let recipients = request.iter().flat_map(|wanted| &wanted.recipients);
        recipients.for_each(|recipient| self.expect(state, *recipient));
    }

    fn content(&self, wanted: &Wanted, number: u64) -> Content {
        let envelope = |recipient: &u32| {
            let id = self.names.id(*recipient);
            let parts =
                [&self.salting.0[..], &wanted.sender.to_be_bytes(), &number.to_be_bytes(), id.bytes()];
            let mut salt = [0; 16];
            salt.copy_from_slice(&Digest::of(&parts).0[..16]);
            Envelope { recipient: id, salt, ciphertext: plan::ciphertext(wanted, &id) }
        };
        let mut envelopes: Vec<Envelope> = wanted.recipients.iter().map(envelope).collect();
        envelopes.sort_by_key(|envelope| envelope.recipient);
        Content::new(plan::payload(wanted), envelopes)
    }

    /// Sends those bundles of a client whose turn has come and that have not been sent.
    pub(super) fn submit_turn(&self, group: &mut Group, index: usize, sender: u32) {
        let turn = group.turn(sender, IN_FLIGHT_MAX).filter(|(_, open)| open.again_at.is_none());
        let turn: Vec<u64> = turn.map(|(number, _)| number).collect();
        self.submit(group, index, sender, &turn);
    }

    /// Sends bundles of a client in one request, for the first time or again.
    pub(super) fn submit(&self, group: &mut Group, index: usize, sender: u32, numbers: &[u64]) {
        let client = self.names.id(sender);
        for (at, number) in numbers.iter().enumerate() {
            let Some(open) = group.open.get_mut(&(sender, *number)) else { continue };
            let wait = self.setup.timing.retry_ns << open.attempts.min(BACKOFF_MAX);
            open.attempts += 1;
            if open.attempts > 1 {
                self.account(|account| account.counts.again += 1);
            }
            self.links[index][0].queue.push(|bytes| letter::say_in(bytes, &client, &open.submit, at == 0));
            group.schedule((sender, *number), self.time.now_ns() + wait);
        }
    }
}
