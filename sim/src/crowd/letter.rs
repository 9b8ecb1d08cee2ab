//! Letters: what passes between the machines of a crowd and those that serve it, many clients on one connection.
//!
//! To the server a letter is `client(32) ‖ whether it begins a request(1) ‖ frame`: several of a client may be one request. An empty
//! frame says that the client leaves, or, of no client, that someone is still there. From the server it is `client(32) ‖ length of the word(4) ‖ length of the frame(4) ‖ word ‖
//! frame`. The client's name and the word stand where an HTTP exchange has its head.
//!
//! A *word* is what a client of a crowd makes of a message. It is read off where the message is encoded: all bytes cross the
//! link, but a crowd does not decode proofs that it does not check.

use server::protocol::{
    codec::{Decode, DecodeError, Encode, Reader, Writer},
    crypto::PublicKey,
    digest::Digest,
    frame::{self, FrameError},
    id::ClientId,
    map::Lookup,
    merkle::LEAVES_MAX,
    message::{Delivery, Introduction, Message},
    refusal::Reason,
    statement::{Citation, Trust},
};
use twox_hash::XxHash3_64;

/// Bytes of a client's name.
const NAME: usize = 32;
/// Bytes before the word: name and two lengths.
const HEAD: usize = NAME + 8;
/// Most bytes of a word: one that tells of as many bundles as a batch may hold.
const WORD_MAX: usize = 512 + 49 * LEAVES_MAX as usize;
/// Whose letter is nobody's.
const NOBODY: ClientId = ClientId(PublicKey([0; NAME]));

/// A bundle that reached a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Who is said to have sent it.
    pub sender: ClientId,
    /// Which of its bundles it is.
    pub number: u64,
    /// A hash of its payload.
    pub payload: u64,
}

/// What a client of a crowd makes of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// A bundle has a receipt.
    Receipted(u64),
    /// So many bundles stand where their receipts say.
    Placed(u32),
    /// A bundle should be sent again after so many milliseconds.
    Later(u64, u32),
    /// This bundle must come first.
    Gap(u64),
    /// A bundle will never be taken.
    Never(u64),
    /// The mailbox starts in this epoch, with so many deliveries behind it; a cut is shown.
    Introduced(u64, u64, Citation),
    /// Bundles have come.
    Delivered(Box<Delivered>),
    /// Nothing that concerns it.
    Nothing,
}

/// What a client of a crowd makes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The first epoch that it covers.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The count of the mailbox after it.
    pub count: u64,
    /// The head of the mailbox after it.
    pub head: Digest,
    /// The attestation.
    pub attestation: Citation,
    /// The cut that it leads to.
    pub cut: Citation,
    /// The bundles, in order.
    pub bundles: Vec<Arrived>,
}

impl Word {
    /// What a message says to a client.
    pub fn of(client: &ClientId, message: &Message, trust: &Trust) -> Word {
        match message {
            Message::Receipted(receipted) => Word::Receipted(receipted.number.0),
            Message::Placed(placement) => Word::Placed(placement.leaves.leaves().len() as u32),
            Message::RetryLater { number, after_ms, .. } => Word::Later(number.0, *after_ms),
            Message::Refused(refusal, _) => match refusal.clone().verify(trust) {
                Err(_) => Word::Nothing,
                Ok(refusal) => match refusal.reason {
                    Reason::QueueFull { retry_after_ms } => Word::Later(refusal.number.0, retry_after_ms),
                    Reason::Gap { next } => Word::Gap(next.0),
                    _ => Word::Never(refusal.number.0),
                },
            },
            Message::Introduction(introduction) => introduced(client, introduction),
            Message::Delivery(delivery) => delivered(client, delivery).unwrap_or(Word::Nothing),
            _ => Word::Nothing,
        }
    }
}

fn introduced(client: &ClientId, introduction: &Introduction) -> Word {
    let count = match introduction.mailbox.get(client) {
        Lookup::Present(head) => head.count.0,
        _ => 0,
    };
    Word::Introduced(introduction.attestation.claimed_slot(), count, introduction.cut.cite())
}

fn delivered(client: &ClientId, delivery: &Delivery) -> Option<Word> {
    let (first, last) = (delivery.cuts.first()?, delivery.cuts.last()?);
    let Lookup::Present(mailbox) = delivery.after.get(client) else { return None };
    let bundles = delivery.parcels.iter().filter_map(|parcel| {
        let payload = XxHash3_64::oneshot(&parcel.payload);
        Some(Arrived {
            sender: parcel.bundle.claimed_actor().client()?,
            number: parcel.bundle.claimed_slot(),
            payload,
        })
    });
    Some(Word::Delivered(Box::new(Delivered {
        first: first.claimed_slot(),
        last: last.claimed_slot(),
        count: mailbox.count.0,
        head: mailbox.head,
        attestation: delivery.attestation.cite(),
        cut: last.cite(),
        bundles: bundles.collect(),
    })))
}

/// A client says something in a request of its own.
pub fn say(out: &mut Vec<u8>, client: &ClientId, message: &Message) {
    say_in(out, client, message, true);
}

/// A client says something in a request that this begins, or that has begun.
pub fn say_in(out: &mut Vec<u8>, client: &ClientId, message: &Message, begins: bool) {
    out.extend(client.bytes());
    out.push(begins.into());
    frame::append(out, message);
}

/// A client leaves.
pub fn leave(out: &mut Vec<u8>, client: &ClientId) {
    out.extend(client.bytes());
    out.push(0);
    frame::append_beat(out);
}

/// Someone is still there.
pub fn beat(out: &mut Vec<u8>) {
    leave(out, &NOBODY);
}

/// What a client says.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Who.
    pub client: ClientId,
    /// Whether a request begins with it.
    pub begins: bool,
    /// What; nothing, if the client leaves.
    pub message: Option<Message>,
}

/// The first letter to the server, and how many bytes it has; nothing if it has not arrived whole.
pub fn first(bytes: &[u8]) -> Result<Option<(Said, usize)>, FrameError> {
    let Some((name, rest)) = bytes.split_at_checked(NAME) else { return Ok(None) };
    let Some((&begins, rest)) = rest.split_first() else { return Ok(None) };
    let Some((message, length)) = frame::next(rest)? else { return Ok(None) };
    let said = Said { client: ClientId::from_bytes(name)?, begins: begins != 0, message };
    Ok(Some((said, NAME + 1 + length)))
}

/// The server tells a client something.
pub fn tell(out: &mut Vec<u8>, client: &ClientId, message: &Message, trust: &Trust) {
    let word = Word::of(client, message, trust).to_bytes();
    out.extend(client.bytes());
    out.extend((word.len() as u32).to_be_bytes());
    let at = out.len();
    out.extend([0; 4]);
    out.extend(word);
    let start = out.len();
    frame::append(out, message);
    let length = (out.len() - start) as u32;
    out[at..at + 4].copy_from_slice(&length.to_be_bytes());
}

/// Takes letters from the server apart as their bytes arrive.
#[derive(Default)]
pub struct Letters {
    /// Head and word of the letter that is arriving.
    opening: Vec<u8>,
    /// What it says, once that is known, and how much of its frame is still to come.
    rest: Option<(ClientId, Word, usize)>,
}

impl Letters {
    /// Takes bytes; gives what letters say that are now here to their end.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<Vec<(ClientId, Word)>, DecodeError> {
        let mut whole = Vec::new();
        while !bytes.is_empty() {
            let Some((client, word, left)) = self.rest.take() else {
                bytes = self.open(bytes)?;
                continue;
            };
            let here = left.min(bytes.len());
            bytes = &bytes[here..];
            match left - here {
                0 => whole.push((client, word)),
                left => self.rest = Some((client, word, left)),
            }
        }
        Ok(whole)
    }

    /// Takes bytes of head and word; gives those behind.
    fn open<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        let bytes = self.fill(HEAD, bytes);
        if self.opening.len() < HEAD {
            return Ok(bytes);
        }
        let mut head = Reader::new(&self.opening);
        let client = ClientId::decode(&mut head)?;
        let (word, frame) = (head.count("word", WORD_MAX)?, head.count("frame", frame::FRAME_MAX + NAME)?);
        let bytes = self.fill(HEAD + word, bytes);
        if self.opening.len() == HEAD + word {
            let word = Word::from_bytes(&self.opening[HEAD..])?;
            self.opening.clear();
            self.rest = Some((client, word, frame));
        }
        Ok(bytes)
    }

    fn fill<'a>(&mut self, upto: usize, bytes: &'a [u8]) -> &'a [u8] {
        let (own, rest) = bytes.split_at(upto.saturating_sub(self.opening.len()).min(bytes.len()));
        self.opening.extend(own);
        rest
    }
}

impl Encode for Arrived {
    fn encode(&self, out: &mut Writer) {
        self.sender.encode(out);
        out.u64(self.number);
        out.u64(self.payload);
    }
}

impl Decode for Arrived {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Arrived { sender: ClientId::decode(input)?, number: input.u64()?, payload: input.u64()? })
    }
}

impl Encode for Word {
    fn encode(&self, out: &mut Writer) {
        match self {
            Word::Nothing => out.u8(0),
            Word::Receipted(number) => {
                out.u8(1);
                out.u64(*number);
            }
            Word::Placed(count) => {
                out.u8(2);
                out.u32(*count);
            }
            Word::Later(number, after_ms) => {
                out.u8(3);
                out.u64(*number);
                out.u32(*after_ms);
            }
            Word::Gap(next) => {
                out.u8(4);
                out.u64(*next);
            }
            Word::Never(number) => {
                out.u8(5);
                out.u64(*number);
            }
            Word::Introduced(epoch, count, cut) => {
                out.u8(6);
                out.u64(*epoch);
                out.u64(*count);
                cut.encode(out);
            }
            Word::Delivered(delivered) => {
                let Delivered { first, last, count, head, attestation, cut, bundles } = &**delivered;
                out.u8(7);
                [first, last, count].into_iter().for_each(|number| out.u64(*number));
                head.encode(out);
                attestation.encode(out);
                cut.encode(out);
                out.list(bundles);
            }
        }
    }
}

impl Decode for Word {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match input.u8()? {
            0 => Word::Nothing,
            1 => Word::Receipted(input.u64()?),
            2 => Word::Placed(input.u32()?),
            3 => Word::Later(input.u64()?, input.u32()?),
            4 => Word::Gap(input.u64()?),
            5 => Word::Never(input.u64()?),
            6 => Word::Introduced(input.u64()?, input.u64()?, Citation::decode(input)?),
            7 => Word::Delivered(Box::new(Delivered {
                first: input.u64()?,
                last: input.u64()?,
                count: input.u64()?,
                head: Digest::decode(input)?,
                attestation: Citation::decode(input)?,
                cut: Citation::decode(input)?,
                bundles: input.list("bundles", LEAVES_MAX as usize)?,
            })),
            _ => return Err(DecodeError::Invalid("word")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use server::protocol::id::{BundleNumber, Count, Epoch, Role};
    use server::protocol::roster::{Member, Roster, Rules};
    use std::sync::Arc;

    fn trust() -> Trust {
        let roles = [Role::Handler, Role::Incoming, Role::Sequencer, Role::Mailbox];
        let member = |role| Member {
            actor: server::protocol::id::ActorId::Server(role, 0),
            operator: 0,
            key: PublicKey([7; 32]),
        };
        let rules = Rules { challenge_bound: 10, quorum: 0 };
        let roster = Roster::first(rules, vec![PublicKey([7; 32])], roles.map(member).to_vec()).unwrap();
        Trust::new(roster, Arc::from(crate::model::crypto::verifier(crate::scenario::Crypto::Modelled)))
    }

    #[test]
    fn letters_to_the_server_read_back() {
        let client = ClientId(PublicKey([3; 32]));
        let read = Message::Read { held: Count(4), epoch: Epoch(5) };
        let mut bytes = Vec::new();
        let (mut bounds, said) = (vec![0], |begins, message| Said { client, begins, message });
        say(&mut bytes, &client, &read);
        bounds.push(bytes.len());
        say_in(&mut bytes, &client, &read, false);
        bounds.push(bytes.len());
        leave(&mut bytes, &client);
        bounds.push(bytes.len());
        let all = [said(true, Some(read.clone())), said(false, Some(read)), said(false, None)];
        for (of, said) in bounds.windows(2).zip(all) {
            assert_eq!(first(&bytes[of[0]..]), Ok(Some((said, of[1] - of[0]))));
            assert_eq!(first(&bytes[of[0]..of[1] - 1]), Ok(None));
        }
    }

    #[test]
    fn letters_from_the_server_read_back_however_they_are_cut() {
        let clients = [ClientId(PublicKey([3; 32])), ClientId(PublicKey([4; 32]))];
        let (trust, mut bytes) = (trust(), Vec::new());
        for client in &clients {
            let later = Message::RetryLater { client: *client, number: BundleNumber(8), after_ms: 20 };
            tell(&mut bytes, client, &later, &trust);
        }
        for size in [1, 7, 40, 64, bytes.len()] {
            let mut letters = Letters::default();
            let chunks = bytes.chunks(size);
            let all: Vec<_> = chunks.flat_map(|chunk| letters.take(chunk).unwrap()).collect();
            assert_eq!(all, clients.map(|client| (client, Word::Later(8, 20))), "{size}");
        }
        assert!(Letters::default().take(&[0xff; 64]).is_err());
    }
}
