//! A client by hand: it makes bundles and acks, and asks over any network.

use std::{collections::BTreeMap, io};

use bytes::Bytes;
use hyper::{Method, StatusCode, header::HeaderName};
use server::{
    http::client::{Answer, Caller, Connection, Event, Events, whole},
    port::{Network, Spawn},
    protocol::{
        ack::Ack,
        attestation::MailboxHead,
        bundle::{Bundle, Content, Envelope, Submission},
        codec::Decode,
        complaint::{Charge, Complaint},
        crypto::{Ed25519Signer, Signer},
        derivation::Entry,
        digest::Digest,
        frame,
        id::{ActorId, BundleNumber, ClientId, Count, Epoch, Role},
        map::Lookup,
        message::{Delivery, Introduction, Message},
        statement::{Signed, Statement, Terms, Trust},
    },
};

/// A client by hand.
pub struct Person {
    pub id: ClientId,
    pub caller: Caller,
    pub trust: Trust,
    signer: Ed25519Signer,
    next: u64,
    previous: Digest,
    acks: u64,
    start: Option<Introduction>,
    pub head: MailboxHead,
}

impl Person {
    /// The client of this label.
    pub fn new(label: &str, trust: &Trust) -> Person {
        let secret = Digest::of(&[label.as_bytes()]).0;
        let signer = Ed25519Signer::from_secret(&secret);
        let caller = Caller::new(Box::new(Ed25519Signer::from_secret(&secret)), trust.deployment);
        Person {
            id: ClientId(signer.public()),
            caller,
            trust: trust.clone(),
            signer,
            next: 0,
            previous: Digest::ZERO,
            acks: 0,
            start: None,
            head: MailboxHead::default(),
        }
    }

    pub fn sign<T: Statement>(&self, body: T) -> Signed<T> {
        Signed::sign(body, self.trust.deployment, &self.signer)
    }

    /// The next bundle.
    pub fn bundle(&mut self, recipients: &[ClientId], payload: &[u8]) -> Submission {
        let envelopes: BTreeMap<ClientId, Envelope> = recipients
            .iter()
            .map(|recipient| {
                let envelope = Envelope { recipient: *recipient, salt: [7; 16], ciphertext: vec![1, 2, 3] };
                (*recipient, envelope)
            })
            .collect();
        let content = Content::new(payload.to_vec(), envelopes.into_values().collect());
        let bundle = self.sign(Bundle {
            client: self.id,
            number: BundleNumber(self.next),
            terms: Terms::default(),
            previous: self.previous,
            commitment: content.commitment(),
            expiry: Epoch(u64::MAX),
            seen: None,
        });
        (self.next, self.previous) = (self.next + 1, bundle.digest());
        Submission { bundle: bundle.to_unverified(), content }
    }

    /// Checks a delivery as the client actor does; what it brings, in order.
    pub fn take(&mut self, delivery: &Delivery) -> Vec<(Entry, Vec<u8>)> {
        let derived = delivery.derivation(self.start.as_ref()).check(&self.id, &self.trust).unwrap();
        assert!(derived.holds(), "what was attested follows from what was ordered");
        self.head = derived.attested;
        self.start = delivery.leaves();
        let bundles = delivery.bundles(&self.id);
        let payload = |entry: &Entry| bundles[&entry.leaf].0.payload.clone();
        derived.entries.iter().map(|entry| (*entry, payload(entry))).collect()
    }

    pub fn introduce(&mut self, introduction: Introduction) {
        if let Lookup::Present(head) = introduction.mailbox.get(&self.id) {
            self.head = *head;
        }
        self.start = Some(introduction);
    }

    pub fn cursor(&self) -> (u64, u64) {
        let epoch = self.start.as_ref().map_or(0, |start| start.attestation.claimed_slot());
        (self.head.count.0, epoch)
    }

    /// The ack of what is held.
    pub fn ack(&mut self) -> Message {
        let start = self.start.as_ref().unwrap();
        let ack = self.sign(Ack {
            client: self.id,
            clock: self.acks,
            terms: Terms::default(),
            generation: self.head.generation,
            count: self.head.count,
            head: self.head.head,
            attestation: start.attestation.cite(),
        });
        self.acks += 1;
        Message::Acknowledged(ack.to_unverified())
    }

    /// A complaint that the first delivery did not come.
    pub fn complaint(&self) -> Signed<Complaint> {
        self.sign(Complaint {
            complainer: ActorId::Client(self.id),
            number: 0,
            terms: Terms::default(),
            against: ActorId::Server(Role::Mailbox, self.trust.roster.mailbox_of(&self.id)),
            acks: 0,
            charge: Charge::NotReceived(Count(1)),
        })
    }
}

/// Ways to a server.
#[derive(Clone)]
pub struct Way<N, P> {
    pub network: N,
    pub spawn: P,
}

pub const HANDLER: ActorId = ActorId::Server(Role::Handler, 0);

impl<N: Network, P: Spawn> Way<N, P> {
    pub async fn connect(&self) -> Connection {
        self.try_connect().await.unwrap()
    }

    pub async fn try_connect(&self) -> io::Result<Connection> {
        let stream = self.network.connect(HANDLER).await?;
        Connection::over(stream, "server", &self.spawn).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.connect().await.ask(Method::GET, path, &[], Bytes::new()).await.unwrap()
    }

    pub async fn json(&self, path: &str) -> serde_json::Value {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.told());
        serde_json::from_slice(&answer.body).unwrap()
    }

    pub async fn post(&self, path: &str, messages: &[Message]) -> Answer {
        self.connect().await.ask(Method::POST, path, &[], body(messages)).await.unwrap()
    }

    /// Submits once; the answers.
    pub async fn submit(&self, submissions: &[Submission]) -> Vec<Message> {
        let messages: Vec<_> = submissions.iter().cloned().map(Message::Submit).collect();
        let answer = self.post("/v1/bundles", &messages).await;
        let answered = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&answer.status);
        assert!(answered && answer.is_frames(), "{}", answer.told());
        messages_of(&answer.body)
    }

    /// Submits until each has its receipt, as a client does.
    pub async fn submit_until_receipted(&self, submissions: &[Submission]) -> Vec<Message> {
        loop {
            let answers = self.submit(submissions).await;
            if answers.iter().all(|answer| matches!(answer, Message::Receipted(_))) {
                return answers;
            }
        }
    }

    /// Reads a mailbox once.
    pub async fn read(&self, person: &Person, wait_ms: u64) -> Vec<Message> {
        let (held, epoch) = person.cursor();
        let path = format!("/v1/mailbox?held={held}&epoch={epoch}&wait_ms={wait_ms}");
        let mut connection = self.connect().await;
        let answer = whole(
            connection.begin_signed(&person.caller, (Method::GET, &path), &[], Bytes::new()).await.unwrap(),
        )
        .await
        .unwrap();
        match answer.status {
            StatusCode::NO_CONTENT => Vec::new(),
            StatusCode::OK => messages_of(&answer.body),
            _ => panic!("{}", answer.told()),
        }
    }

    /// Reads until so many deliveries have come; the payloads.
    pub async fn receive(&self, person: &mut Person, count: usize) -> Vec<(Entry, Vec<u8>)> {
        let mut got = Vec::new();
        while got.len() < count {
            for message in self.read(person, 20_000).await {
                match message {
                    Message::Introduction(introduction) => person.introduce(*introduction),
                    Message::Delivery(delivery) => got.extend(person.take(&delivery)),
                    other => panic!("{other:?}"),
                }
            }
        }
        got
    }

    /// Opens a stream of events.
    pub async fn events(&self, person: &Person, last: Option<String>) -> Events {
        let headers: Vec<_> =
            last.into_iter().map(|id| (HeaderName::from_static("last-event-id"), id)).collect();
        let mut connection = self.connect().await;
        let response = connection
            .begin_signed(&person.caller, (Method::GET, "/v1/events"), &headers, Bytes::new())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Events::of(response.into_body())
    }
}

pub fn body(messages: &[Message]) -> Bytes {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| frame::append(&mut bytes, message));
    bytes.into()
}

/// The next event that is one.
pub async fn next(events: &mut Events) -> (Event, Message) {
    loop {
        if let Some(event) = events.next().await.unwrap() {
            let message = Message::from_bytes(&event.data).unwrap();
            assert_eq!(message.name(), event.name);
            return (event, message);
        }
    }
}

/// The messages of an answer.
fn messages_of(body: &[u8]) -> Vec<Message> {
    let all = frame::all(body, 1024, |_| true).unwrap();
    all.into_iter().map(|(message, _)| message).collect()
}
