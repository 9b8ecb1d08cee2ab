//! Frames: messages one after another in a stream of bytes, or in a body.
//!
//! A frame is a `u32` length and the canonical bytes of a [`Message`]. Connections between actors carry frames, and
//! so do the bodies of the HTTP API: one codec.

use super::{
    codec::{Decode, DecodeError, Encode, Writer},
    message::Message,
};

/// Most bytes of a frame.
pub const FRAME_MAX: usize = 64 << 20;

/// Why bytes are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It claims to be longer than any message.
    #[error("a frame of {0} bytes, the bound is {FRAME_MAX}")]
    TooLong(usize),
    /// It holds no message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// Appends a message as a frame.
pub fn append(bytes: &mut Vec<u8>, message: &Message) {
    let start = bytes.len();
    bytes.extend([0; 4]);
    let mut out = Writer::after(std::mem::take(bytes));
    message.encode(&mut out);
    *bytes = out.into_bytes();
    let length = (bytes.len() - start - 4) as u32;
    bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// The message in the first frame, and how many bytes that is; none if it has not arrived whole.
pub fn first(bytes: &[u8]) -> Result<Option<(Message, usize)>, FrameError> {
    let Some(length) = bytes.first_chunk::<4>().map(|length| u32::from_be_bytes(*length) as usize) else {
        return Ok(None);
    };
    if length > FRAME_MAX {
        return Err(FrameError::TooLong(length));
    }
    let Some(frame) = bytes.get(4..4 + length) else { return Ok(None) };
    Ok(Some((Message::from_bytes(frame)?, 4 + length)))
}

/// All messages of a body, at most so many; a body that ends inside a frame is none.
pub fn all(mut bytes: &[u8], bound: usize) -> Result<Vec<Message>, FrameError> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        if messages.len() == bound {
            return Err(DecodeError::TooLong { what: "messages", length: bound + 1, bound }.into());
        }
        let (message, length) = first(bytes)?.ok_or(DecodeError::Truncated)?;
        messages.push(message);
        bytes = &bytes[length..];
    }
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_gives_back_its_messages_and_nothing_else_is_one() {
        let messages = [Message::Subscribe(3), Message::Have(4)];
        let mut body = Vec::new();
        messages.iter().for_each(|message| append(&mut body, message));
        assert_eq!(all(&body, 2), Ok(messages.to_vec()));
        assert!(all(&body, 1).is_err(), "more than were asked for");
        assert_eq!(all(&body[..body.len() - 1], 2), Err(DecodeError::Truncated.into()));
        assert_eq!(first(&[0xff; 8]), Err(FrameError::TooLong(u32::MAX as usize)));
    }
}
