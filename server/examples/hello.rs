//! Sends oneself a message, and waits until it comes: `cargo run --release --example hello -- http://127.0.0.1:8080`

use std::{env, error::Error, path::PathBuf};

use server::actor::Notice;
use server::client::{Client, Options};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned());
    hello(&server, env::temp_dir().join("noise-hello")).await.map(|came| println!("{came}"))
}

/// What comes of it. Of an earlier use something may be told first that was not done with then.
pub async fn hello(server: &str, directory: PathBuf) -> Result<String, Box<dyn Error>> {
    let mut client = Client::start(Options { server: server.parse()?, directory, tls: None }).await?;
    let token = client.send(b"hello".to_vec(), vec![(client.id, b"only for me".to_vec())])?;
    let mut own = None;
    while let Some(notice) = client.next().await {
        match notice {
            Notice::Submitted { token: told, number, .. } if told == token => own = Some(number),
            Notice::Delivered { number, content: Some(content), .. } if own == Some(number) => {
                return Ok(String::from_utf8(content.payload)?);
            }
            Notice::Caught(evidence) => eprintln!("{} cheated: {}", evidence.accused(), evidence.predicate()),
            _ => {}
        }
    }
    Err("the client has stopped".into())
}
