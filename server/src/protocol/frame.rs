//! Frames: messages one after another in a stream of bytes, or in a body.
//!
//! A frame is `length(4) ‖ its complement(4) ‖ XXH3-64 of the body(8) ‖ body`: the canonical bytes of a [`Message`], or
//! nothing, which is a *beat*. The checksums are for links that flip bits, not for liars: whoever garbles loses its
//! connection. Connections between actors carry frames, and so do the bodies of the HTTP API: one codec.

use twox_hash::XxHash3_64;

use super::{
    codec::{Decode, DecodeError, Encode, Reader, Writer, forks_max},
    message::Message,
};

/// Bytes before the body of a frame.
const HEADER: usize = 16;
/// An idle connection carries a beat this often.
pub const BEAT_NS: u64 = 1_000_000_000;
/// Most bytes of a frame's body.
pub const FRAME_MAX: usize = 64 << 20;

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It claims to be longer than any message.
    #[error("a frame of {0} bytes, the bound is {1}")]
    TooLong(usize, usize),
    /// Its checksum is that of something else.
    #[error("a frame that was garbled")]
    Garbled,
    /// Its message is not one that is wanted there.
    #[error("a message of another kind")]
    Unwanted,
    /// It holds no message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Appends a beat.
pub fn append_beat(bytes: &mut Vec<u8>) {
    append_body(bytes, &[]);
}

/// Appends a frame around the canonical bytes of a message.
pub fn append_body(bytes: &mut Vec<u8>, body: &[u8]) {
    bytes.extend(header(body));
    bytes.extend(body);
}

/// Appends a message as a frame.
pub fn append(bytes: &mut Vec<u8>, message: &Message) {
    let start = bytes.len();
    bytes.extend([0; HEADER]);
    let mut out = Writer::after(std::mem::take(bytes));
    message.encode(&mut out);
    *bytes = out.into_bytes();
    let header = header(&bytes[start + HEADER..]);
    bytes[start..start + HEADER].copy_from_slice(&header);
}

fn header(body: &[u8]) -> [u8; HEADER] {
    let length = body.len() as u32;
    let mut header = [0; HEADER];
    header[..4].copy_from_slice(&length.to_be_bytes());
    header[4..8].copy_from_slice(&(!length).to_be_bytes());
    header[8..].copy_from_slice(&XxHash3_64::oneshot(body).to_be_bytes());
    header
}

/// The body of the first frame, of so many bytes at most; none if it has not arrived whole.
fn body(bytes: &[u8], bound: usize) -> Result<Option<&[u8]>, FrameError> {
    let Some([a, b, c, d, complement @ ..]) = bytes.first_chunk::<8>().copied() else { return Ok(None) };
    let length = u32::from_be_bytes([a, b, c, d]);
    if length != !u32::from_be_bytes(complement) {
        return Err(FrameError::Garbled);
    }
    let length = length as usize;
    if length > bound {
        return Err(FrameError::TooLong(length, bound));
    }
    let Some(frame) = bytes.get(..HEADER + length) else { return Ok(None) };
    match header(&frame[HEADER..]) == frame[..HEADER] {
        true => Ok(Some(&frame[HEADER..])),
        false => Err(FrameError::Garbled),
    }
}

/// The bodies of whole frames, up to what is none.
pub fn bodies(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let body = body(bytes, FRAME_MAX).ok().flatten()?;
        bytes = &bytes[HEADER + body.len()..];
        Some(body)
    })
}

/// The message in the first frame, none of a beat, and how many bytes that is; nothing if it has not arrived whole.
pub fn next(bytes: &[u8]) -> Result<Option<(Option<Message>, usize)>, FrameError> {
    next_up_to(bytes, FRAME_MAX)
}

/// The same of a frame whose body has at most so many bytes.
pub fn next_up_to(bytes: &[u8], bound: usize) -> Result<Option<(Option<Message>, usize)>, FrameError> {
    let Some(body) = body(bytes, bound)? else { return Ok(None) };
    let message = (!body.is_empty()).then(|| Message::from_bytes(body)).transpose()?;
    Ok(Some((message, HEADER + body.len())))
}

/// The message in the first frame that is no beat, and how many bytes there are up to its end.
pub fn first(bytes: &[u8]) -> Result<Option<(Message, usize)>, FrameError> {
    let mut taken = 0;
    while let Some((message, length)) = next(&bytes[taken..])? {
        taken += length;
        if let Some(message) = message {
            return Ok(Some((message, taken)));
        }
    }
    Ok(None)
}

/// All messages of a body that anybody may have sent, each with how many bytes it takes: at most so many, and only with tags
/// that are wanted. Nothing else is decoded, and their maps have at most [`forks_max`] forks together. A body that ends inside a frame is none.
pub fn all(
    mut bytes: &[u8],
    bound: usize,
    wanted: impl Fn(u8) -> bool,
) -> Result<Vec<(Message, usize)>, FrameError> {
    let mut messages = Vec::new();
    let mut forks = forks_max(bytes.len());
    while !bytes.is_empty() {
        let body = body(bytes, FRAME_MAX)?.ok_or(DecodeError::Truncated)?;
        bytes = &bytes[HEADER + body.len()..];
        let Some(tag) = body.first() else { continue };
        if messages.len() == bound {
            return Err(DecodeError::TooLong { what: "messages", length: bound + 1, bound }.into());
        }
        if !wanted(*tag) {
            return Err(FrameError::Unwanted);
        }
        let mut input = Reader::new(body).with_forks(forks);
        messages.push((Message::decode(&mut input)?, body.len()));
        input.end()?;
        forks = input.forks();
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{id::Epoch, map::Pruned};

    #[test]
    fn a_body_gives_back_its_messages_and_nothing_else_is_one() {
        let messages = [Message::Subscribe(3), Message::Vouch(Epoch(4))];
        let mut body = Vec::new();
        messages.iter().for_each(|message| append(&mut body, message));
        let sized = messages.clone().map(|message| (message, 9));
        assert_eq!(all(&body, 2, |_| true), Ok(sized.to_vec()));
        assert!(all(&body, 1, |_| true).is_err(), "more than were asked for");
        assert_eq!(all(&body, 2, |tag| tag != 27), Err(FrameError::Unwanted));
        assert_eq!(all(&body[..body.len() - 1], 2, |_| true), Err(DecodeError::Truncated.into()));
        let endless = [&[0xff; 4][..], &[0; 4]].concat();
        assert_eq!(first(&endless), Err(FrameError::TooLong(u32::MAX as usize, FRAME_MAX)));
        assert_eq!(next_up_to(&body, 8), Err(FrameError::TooLong(9, 8)));
    }

    /// XXH3-64 of nothing is in its specification; of the rest a client is written by what `/openapi.json` says.
    #[test]
    fn a_frame_is_what_the_description_says() {
        let mut beat = Vec::new();
        append_beat(&mut beat);
        assert_eq!(hex::encode(&beat), "00000000ffffffff2d06800538d394c2");
        let mut frame = Vec::new();
        append_body(&mut frame, b"abc");
        assert_eq!(hex::encode(&frame[..8]), "00000003fffffffc");
        assert_eq!(frame[8..16], XxHash3_64::oneshot(b"abc").to_be_bytes());
        assert_eq!(&frame[16..], b"abc");
    }

    #[test]
    fn a_frame_of_which_any_bit_was_flipped_is_refused() {
        let mut frame = Vec::new();
        append_beat(&mut frame);
        let beat = frame.len();
        append(&mut frame, &Message::Subscribe(3));
        assert_eq!(next(&frame), Ok(Some((None, beat))));
        assert_eq!(first(&frame), Ok(Some((Message::Subscribe(3), frame.len()))));
        for bit in 0..8 * frame.len() {
            let mut garbled = frame.clone();
            garbled[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(first(&garbled), Err(FrameError::Garbled), "bit {bit}");
        }
    }

    /// A map that is a path of so many forks, each with an empty side.
    fn thin(forks: usize) -> Vec<u8> {
        let mut map = vec![];
        (0..forks).for_each(|_| map.extend([3, 1]));
        map.extend([&[0][..], &[7; 32]].concat());
        map
    }

    #[test]
    fn a_body_has_no_more_forks_than_its_bound_however_many_messages_share_them() {
        let path = |bytes: &[u8], forks| {
            let mut input = Reader::new(bytes).with_forks(forks);
            Pruned::<u64>::decode(&mut input).map(|_| input.forks())
        };
        assert_eq!(path(&thin(5), 7), Ok(2));
        assert!(path(&thin(5), 4).is_err());
        // of anybody's bytes as many as a proof may need, and no more
        let of_anybody = |bytes: &[u8]| Pruned::<u64>::decode(&mut Reader::of_anybody(bytes));
        assert!(of_anybody(&thin(256)).is_ok(), "as deep as any map");
        let bushy = |depth| (0..depth).fold(vec![1], |side, _| [&[3][..], &side, &side].concat());
        let (small, large) = (bushy(9), bushy(12));
        assert!(of_anybody(&small).is_ok_and(|map| map.to_bytes() == small), "{} bytes", small.len());
        assert!(of_anybody(&large).is_err(), "{} bytes", large.len());
        assert!(Pruned::<u64>::from_bytes(&large).is_ok(), "it is one all the same");
    }
}
