//! Reading server-sent events.

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use memchr::memmem;

use crate::protocol::frame::FRAME_MAX;

/// An event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its name: that of the message it holds.
    pub name: String,
    /// Where a stream goes on after it, if it says so.
    pub id: Option<String>,
    /// What it holds.
    pub data: Vec<u8>,
}

/// The events of a stream.
pub struct Events {
    body: Incoming,
    text: Vec<u8>,
    /// Bytes of the text that were made events of.
    taken: usize,
    /// Bytes of it in which no further event ends.
    searched: usize,
}

/// What ends an event.
const END: &[u8] = b"\n\n";

impl Events {
    /// Reads this body.
    pub fn of(body: Incoming) -> Self {
        Events { body, text: Vec::new(), taken: 0, searched: 0 }
    }

    /// What comes next: an event, or none for a sign of life.
    pub async fn next(&mut self) -> io::Result<Option<Event>> {
        loop {
            if let Some(event) = self.take()? {
                return Ok(event);
            }
            self.more().await?;
        }
    }

    /// The next event that has come whole; in it none for a sign of life.
    pub fn take(&mut self) -> io::Result<Option<Option<Event>>> {
        if let Some(end) = memmem::find(&self.text[self.searched..], END) {
            let event = parse(&self.text[self.taken..self.searched + end]);
            self.searched += end + END.len();
            self.taken = self.searched;
            return event.map(Some);
        }
        self.text.drain(..std::mem::take(&mut self.taken));
        // the end may come in two parts
        self.searched = self.text.len().saturating_sub(END.len() - 1);
        match self.text.len() > 2 * FRAME_MAX {
            true => Err(invalid("an event is too long")),
            false => Ok(None),
        }
    }

    /// Waits for more of the stream: of a long event only a part may come.
    pub async fn more(&mut self) -> io::Result<()> {
        let frame = self.body.frame().await.ok_or(io::ErrorKind::UnexpectedEof)?;
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            self.text.extend_from_slice(&data);
        }
        Ok(())
    }
}

fn invalid(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn parse(text: &[u8]) -> io::Result<Option<Event>> {
    let mut event = Event::default();
    for line in text.split(|byte| *byte == b'\n') {
        let utf8 = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if let Some(name) = line.strip_prefix(b"event: ") {
            event.name = utf8(name);
        } else if let Some(id) = line.strip_prefix(b"id: ") {
            event.id = Some(utf8(id));
        } else if let Some(data) = line.strip_prefix(b"data: ") {
            event.data = STANDARD.decode(data).map_err(|_| invalid("the data of an event is not base64"))?;
        }
    }
    Ok((!event.name.is_empty()).then_some(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_and_a_comment_is_none() {
        let text = b"event: delivery\nid: 3-17\ndata: AQID";
        let event = Event { name: "delivery".to_owned(), id: Some("3-17".to_owned()), data: vec![1, 2, 3] };
        assert_eq!(parse(text).unwrap(), Some(event));
        assert_eq!(parse(b": alive").unwrap(), None);
        assert!(parse(b"event: delivery\ndata: ?").is_err());
    }
}
