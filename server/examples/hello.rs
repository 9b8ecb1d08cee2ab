//! Sends a message to oneself through a server, and waits until it comes back:
//! `cargo run --release --example hello -- http://127.0.0.1:8080`

use std::error::Error;

use server::{
    actor::Notice,
    client::{Client, Options},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    let directory = std::env::temp_dir().join("noise-hello");
    let mut client = Client::start(Options { server: server.parse()?, directory, tls: None }).await?;
    let me = client.id;
    let token = client.send(b"hello".to_vec(), vec![(me, b"only for me".to_vec())])?;
    let mut own = None;
    while let Some(notice) = client.next().await {
        match notice {
            Notice::Submitted { token: told, number, .. } if told == token => own = Some(number),
            Notice::Receipted { number, incoming, position } => {
                println!("bundle {number} stands at {position} in the queue of incoming/{incoming}");
            }
            Notice::Delivered { count, entry, number, content: Some(content), .. } => {
                let payload = String::from_utf8_lossy(&content.payload);
                println!("delivery {count}, number {} of all: {payload}", entry.sequence);
                if own == Some(number) {
                    break; // what came of an earlier use, and was not done with then, is told first
                }
            }
            Notice::Caught(evidence) => println!("{} cheated: {}", evidence.accused(), evidence.predicate()),
            _ => {}
        }
    }
    client.stop().await.map_or(Ok(()), |error| Err(error.into()))
}
