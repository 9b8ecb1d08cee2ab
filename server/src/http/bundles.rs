//! Submitting bundles: one or many, and their receipts in the answer. And asking where they stand.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use futures_util::future::{Either, select};
use tokio::sync::mpsc;

use super::{
    Front, Problem,
    body::{Read, framed},
    hub::{Answers, Gone, Hub},
};
use crate::{
    actor::Ledger,
    port::Clock,
    protocol::{
        bundle::{CONTENT_MAX, DELIVERED_MAX, Submission},
        id::{BundleNumber, ClientId},
        message::{Message, tag},
    },
    watch::metrics::ByOutcome,
};

/// When to try again what got no answer in time.
const LATER_MS: u32 = 100;

/// A bundle of a request: whose, and which.
type Name = (ClientId, BundleNumber);

/// The bundles of a request that wait for their answers. Dropped, it leaves nobody waiting.
struct Waiting<'a> {
    hub: &'a Arc<Hub>,
    names: Vec<Name>,
    answers: Option<Answers>,
    arriving: mpsc::UnboundedReceiver<(usize, Message)>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.answers = None;
        self.arriving.close();
        self.names.iter().for_each(|(client, number)| self.hub.forget(*client, *number));
    }
}

/// `POST /v1/bundles`.
pub async fn submit(
    State(front): State<Arc<Front>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Read { content: messages, room: _room } =
        front.messages(&headers, body, ("submissions", &[tag::SUBMIT])).await?;
    let submission =
        |(message, _)| if let Message::Submit(submission) = message { Some(submission) } else { None };
    let submissions: Vec<Submission> = messages.into_iter().filter_map(submission).collect();
    let names = front.admit(&submissions).await?;
    let hub = front.hubs.handler().ok_or_else(|| Problem::elsewhere("no request handler is served here"))?;
    let answers = front.answers(hub, names, submissions).await?;
    let later = answers.iter().all(|answer| matches!(answer, Message::RetryLater { .. }));
    Ok(framed(if later { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK }, &answers))
}

/// `POST /v1/placements`.
pub async fn ask_again(
    State(front): State<Arc<Front>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let client = front.who(&method, &uri, &headers).await?;
    let mut receipts = Vec::new();
    let wanted = ("receipts without placement", &[tag::UNPLACED][..]);
    let Read { content: messages, room: _room } = front.messages(&headers, body, wanted).await?;
    for (message, bytes) in messages {
        let Message::Unplaced(receipted) = message else { continue };
        if receipted.client != client {
            return Err(Problem::malformed("a client asks where its own bundles stand, and no others"));
        }
        receipts.push((receipted, bytes));
    }
    front.charge(vec![client; receipts.len()])?;
    let hub = front.hubs.handler().ok_or_else(|| Problem::elsewhere("no request handler is served here"))?;
    for (receipted, bytes) in receipts {
        front.told("request handler", hub.say(client, Message::Unplaced(receipted), bytes)).await?;
    }
    Ok(front.with_nonce(StatusCode::ACCEPTED.into_response()))
}

impl Front {
    /// Checks what can be checked before an actor is troubled; gives whose bundles these are.
    async fn admit(&self, submissions: &[Submission]) -> Result<Vec<Name>, Problem> {
        self.work.spend(Ledger { bundles: submissions.len() as u64, ..Ledger::default() }).await;
        let mut names = Vec::new();
        for (index, submission) in submissions.iter().enumerate() {
            let client = submission.bundle.claimed_actor().client();
            let client =
                client.ok_or_else(|| Problem::malformed(format!("bundle {index} is of no client")))?;
            names.push((client, BundleNumber(submission.bundle.claimed_slot())));
            let bound = self.limits.recipients;
            if submission.content.envelopes().len() > bound {
                return Err(Problem::malformed(format!(
                    "bundle {index} has {} recipients, the bound is {bound}",
                    submission.content.envelopes().len()
                )));
            }
            if !submission.content.is_well_formed() || !submission.is_whole() {
                return Err(Problem::malformed(format!(
                    "bundle {index} is not well formed: recipients must be sorted, each once, the content what the bundle \
                     commits to, of {CONTENT_MAX} bytes at most and of {DELIVERED_MAX} with the payload counted for each recipient"
                )));
            }
        }
        let bundles: Vec<_> = submissions.iter().map(|submission| &submission.bundle).collect();
        if !self.checker.are_signed(&bundles).await {
            return Err(Problem::wrong_signature("a bundle is not signed by its client for this deployment"));
        }
        self.charge(names.iter().map(|(client, _)| *client).collect())?;
        Ok(names)
    }

    /// Counts bundles for their clients: those handed in, and those asked about.
    fn charge(&self, mut clients: Vec<ClientId>) -> Result<(), Problem> {
        clients.sort_unstable();
        for of_client in clients.chunk_by(|one, other| one == other) {
            if !self.rates.take(of_client[0], of_client.len() as u64) {
                let rate = self.limits.client_rate;
                return Err(Problem::too_many(format!("a client may submit {rate} bundles a second")));
            }
        }
        Ok(())
    }

    /// Hands the submissions on and waits for an answer to each; without one in time it is *later*.
    async fn answers(
        &self,
        hub: &Arc<Hub>,
        names: Vec<Name>,
        submissions: Vec<Submission>,
    ) -> Result<Vec<Message>, Problem> {
        let mut answers: Vec<Message> = names.iter().map(later).collect();
        let mut left = answers.len();
        let (sender, arriving) = mpsc::unbounded_channel();
        let mut waiting = Waiting { hub, names, answers: Some(sender), arriving };
        let mut deadline = self.clock.sleep(self.clock.now().after(self.limits.answer_ns));
        let handed_on = async {
            for (index, submission) in submissions.into_iter().enumerate() {
                let (client, number) = waiting.names[index];
                let Some(sender) = waiting.answers.clone() else { break };
                hub.submit(client, number, submission, (index, sender)).await?;
            }
            Ok(())
        };
        match select(std::pin::pin!(handed_on), deadline).await {
            Either::Left((Ok(()), unfinished)) => deadline = unfinished,
            Either::Left((Err(Gone), _)) => {
                return Err(Problem::unavailable("the request handler has stopped"));
            }
            // it does not even take them
            Either::Right(_) => {
                waiting.arriving.close();
                while let Ok((index, answer)) = waiting.arriving.try_recv() {
                    answers[index] = answer;
                }
                self.count(&answers);
                return Ok(answers);
            }
        }
        waiting.answers = None;
        while left > 0 {
            match select(std::pin::pin!(waiting.arriving.recv()), deadline).await {
                Either::Left((Some((index, answer)), unfinished)) => {
                    answers[index] = answer;
                    left -= 1;
                    deadline = unfinished;
                }
                _ => break,
            }
        }
        self.count(&answers);
        Ok(answers)
    }

    fn count(&self, answers: &[Message]) {
        for answer in answers {
            let outcome = match answer {
                Message::Receipted(_) => "receipt",
                Message::Refused(..) => "refusal",
                _ => "later",
            };
            self.watch.metrics.bundles.get_or_create(&ByOutcome { outcome }).inc();
        }
    }
}

fn later((client, number): &Name) -> Message {
    Message::RetryLater { client: *client, number: *number, after_ms: LATER_MS }
}
