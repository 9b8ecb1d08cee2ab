//! The common suite: what every architecture must do for its clients, over any network.

use std::collections::BTreeSet;

use bytes::Bytes;
use hyper::{Method, StatusCode, header::AUTHORIZATION};
use server::{
    http::client::whole,
    port::{Network, Spawn},
    protocol::{
        attestation::Attestation,
        board::Complained,
        codec::{Decode, Encode},
        complaint::Ground,
        cut::Cut,
        id::Position,
        message::Message,
        receipt::Receipted,
        roster_file,
        seal::Seal,
        statement::{Statement, Trust, Unverified},
    },
};

use super::person::{Person, Way, body, next};

/// Everything, one after another, against a server that has just been started.
pub async fn all<N: Network, P: Spawn>(way: &Way<N, P>) {
    let roster = way.get("/v1/roster").await;
    let trust = roster_file::from_json(std::str::from_utf8(&roster.body).unwrap()).unwrap();
    it_tells_what_it_is(way, &trust).await;
    a_bundle_gets_a_receipt_and_the_same_one_again(way, &trust).await;
    many_bundles_of_two_clients_get_a_receipt_each(way, &trust).await;
    all_recipients_get_one_order(way, &trust).await;
    events_go_on_from_the_last_one(way, &trust).await;
    a_sender_is_shown_where_its_bundle_stands(way, &trust).await;
    what_is_acknowledged_is_not_sent_again(way, &trust).await;
    a_complaint_is_answered(way, &trust).await;
    public_statements_are_signed_and_linked(way, &trust).await;
    whoever_breaks_the_rules_hears_which(way, &trust).await;
    a_read_must_be_signed_freshly_and_once(way, &trust).await;
}

async fn it_tells_what_it_is<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let told = way.json("/v1/deployment").await;
    assert_eq!(told["deployment"], trust.deployment.to_string());
    assert_eq!(way.get("/health").await.status, StatusCode::OK);
    while way.get("/ready").await.status != StatusCode::OK {}
    let metrics = way.get("/metrics").await;
    assert!(String::from_utf8_lossy(&metrics.body).contains("noise_requests_total"));
}

/// The place that a receipt promises, its signature checked.
fn place(trust: &Trust, bundle: &server::protocol::bundle::Submission, answer: &Message) -> (u32, Position) {
    let Message::Receipted(Receipted { receipt, opening, .. }) = answer else { panic!("{answer:?}") };
    let receipt = receipt.clone().verify(trust).unwrap();
    (receipt.incoming, receipt.position_of(&bundle.bundle.cite(), opening).unwrap())
}

async fn a_bundle_gets_a_receipt_and_the_same_one_again<N: Network, P: Spawn>(
    way: &Way<N, P>,
    trust: &Trust,
) {
    let mut ann = Person::new("ann", trust);
    let bundle = ann.bundle(&[ann.id], b"to myself");
    let first = way.submit_until_receipted(std::slice::from_ref(&bundle)).await;
    let again = way.submit(std::slice::from_ref(&bundle)).await;
    assert_eq!(place(trust, &bundle, &first[0]), place(trust, &bundle, &again[0]));
    assert_eq!(way.receive(&mut ann, 1).await[0].1, b"to myself");
}

async fn many_bundles_of_two_clients_get_a_receipt_each<N: Network, P: Spawn>(
    way: &Way<N, P>,
    trust: &Trust,
) {
    let (mut bob, mut cid) = (Person::new("bob", trust), Person::new("cid", trust));
    let to = [bob.id];
    let mut bundles = Vec::new();
    for number in 0..20u8 {
        bundles.push(bob.bundle(&to, &[number]));
        bundles.push(cid.bundle(&to, &[number]));
    }
    let answers = way.submit_until_receipted(&bundles).await;
    let places: Vec<_> =
        bundles.iter().zip(&answers).map(|(bundle, answer)| place(trust, bundle, answer)).collect();
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 40, "a place each");
    for own in [0, 1] {
        let own: Vec<_> = places.iter().skip(own).step_by(2).collect();
        assert!(own.is_sorted(), "a client's bundles in its order");
    }
    let got = way.receive(&mut bob, 40).await;
    assert!(got.is_sorted_by(|one, other| one.0.sequence < other.0.sequence));
}

async fn all_recipients_get_one_order<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let mut people: Vec<Person> =
        ["dan", "eve", "fay", "gus", "hal"].iter().map(|label| Person::new(label, trust)).collect();
    let everybody: Vec<_> = people.iter().map(|person| person.id).collect();
    for round in 0..6u8 {
        let bundles: Vec<_> = people.iter_mut().map(|person| person.bundle(&everybody, &[round])).collect();
        way.submit_until_receipted(&bundles).await;
    }
    let mut orders = Vec::new();
    for person in &mut people {
        let got = way.receive(person, 30).await;
        orders.push(got.iter().map(|(entry, _)| (entry.sequence, entry.leaf)).collect::<Vec<_>>());
    }
    assert!(orders.iter().all(|order| order.len() == 30 && *order == orders[0]));
}

async fn events_go_on_from_the_last_one<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let (mut ida, mut joe) = (Person::new("ida", trust), Person::new("joe", trust));
    let mut events = way.events(&joe, None).await;
    let mut last = None;
    for number in 0..3u8 {
        let bundle = ida.bundle(&[joe.id], &[number]);
        way.submit_until_receipted(std::slice::from_ref(&bundle)).await;
        let mut got = Vec::new();
        while got.is_empty() {
            let (event, message) = next(&mut events).await;
            match message {
                Message::Delivery(delivery) => got = joe.take(&delivery),
                Message::Introduction(introduction) => joe.introduce(*introduction),
                _ => continue,
            }
            last = event.id;
        }
        assert_eq!(got[0].1, [number]);
        if number == 1 {
            // the connection is lost, and something comes meanwhile: it is there when the stream goes on
            drop(events);
            let bundle = ida.bundle(&[joe.id], b"meanwhile");
            way.submit_until_receipted(std::slice::from_ref(&bundle)).await;
            events = way.events(&joe, last.take()).await;
            let mut got = Vec::new();
            while got.is_empty() {
                if let (_, Message::Delivery(delivery)) = next(&mut events).await {
                    got = joe.take(&delivery);
                }
            }
            assert_eq!(got[0].1, b"meanwhile");
        }
    }
}

async fn a_sender_is_shown_where_its_bundle_stands<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let mut kay = Person::new("kay", trust);
    let mut events = way.events(&kay, None).await;
    let bundle = kay.bundle(&[kay.id], b"where am I");
    let answers = way.submit_until_receipted(std::slice::from_ref(&bundle)).await;
    let (_, position) = place(trust, &bundle, &answers[0]);
    let Message::Receipted(receipted) = answers[0].clone() else { unreachable!("it has a place") };
    // as it comes, and once more when it is asked for
    for _ in 0..2 {
        let placement = loop {
            if let (_, Message::Placed(placement)) = next(&mut events).await {
                break placement;
            }
        };
        let seal = placement.seal.clone().verify(trust).unwrap();
        assert!(placement.opens(&seal) && (seal.start..seal.end).contains(&position));
        assert_eq!(placement.omits(&BTreeSet::from([kay.id]), position), None);
        assert_eq!(ask_again(way, &kay, Message::Unplaced(receipted.clone())).await, StatusCode::ACCEPTED);
    }
    assert_eq!(ask_again(way, &kay, Message::Submit(bundle)).await, StatusCode::BAD_REQUEST);
    // for oneself, and as oneself
    let mallory = Person::new("mallory", trust);
    assert_eq!(ask_again(way, &mallory, Message::Unplaced(receipted.clone())).await, StatusCode::BAD_REQUEST);
    let answer = way.post("/v1/placements", &[Message::Unplaced(receipted)]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.told());
}

async fn ask_again<N: Network, P: Spawn>(way: &Way<N, P>, person: &Person, asked: Message) -> StatusCode {
    let (mut connection, request) = (way.connect().await, (Method::POST, "/v1/placements"));
    let asked = connection.begin_signed(&person.caller, request, &[], body(&[asked])).await;
    whole(asked.unwrap()).await.unwrap().status
}

async fn what_is_acknowledged_is_not_sent_again<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let mut lea = Person::new("lea", trust);
    let bundle = lea.bundle(&[lea.id], b"once");
    way.submit_until_receipted(std::slice::from_ref(&bundle)).await;
    way.receive(&mut lea, 1).await;
    let ack = lea.ack();
    assert_eq!(way.post("/v1/acks", &[ack]).await.status, StatusCode::ACCEPTED);
    for message in way.read(&lea, 50).await {
        let Message::Delivery(delivery) = message else { panic!("{message:?}") };
        assert_eq!(lea.take(&delivery), [], "nothing was due");
    }
    // not even to a client that holds nothing any more: it is told that it had one
    let mut fresh = Person::new("lea", trust);
    for message in way.read(&fresh, 20_000).await {
        match message {
            Message::Introduction(introduction) => fresh.introduce(*introduction),
            Message::Delivery(delivery) => assert_eq!(fresh.take(&delivery), [], "nothing was due"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fresh.cursor().0, 1);
}

async fn a_complaint_is_answered<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let mut may = Person::new("may", trust);
    let bundle = may.bundle(&[may.id], b"here");
    way.submit_until_receipted(std::slice::from_ref(&bundle)).await;
    way.receive(&mut may, 1).await;
    let mut events = way.events(&may, None).await;
    let complaint = may.complaint();
    let complained = Complained { complaint: complaint.to_unverified(), evidence: Vec::new() };
    let answer = way.post("/v1/complaints", &[Message::Complained(Box::new(complained))]).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.told());
    loop {
        let (_, Message::Defended(defended)) = next(&mut events).await else { continue };
        let defence = defended.defence.clone().verify(trust).unwrap();
        assert_eq!(defence.complaint, complaint.cite());
        assert!(matches!(defence.ground, Ground::Served { .. }));
        return;
    }
}

async fn statements<T: Statement, N: Network, P: Spawn>(
    way: &Way<N, P>,
    path: &str,
    trust: &Trust,
) -> Vec<(server::protocol::digest::Digest, T)> {
    let told = way.json(path).await;
    let listed = told["statements"].as_array().unwrap();
    let read = |listed: &serde_json::Value| {
        let bytes = hex::decode(listed["bytes"].as_str().unwrap()).unwrap();
        let signed = Unverified::<T>::from_bytes(&bytes).unwrap().verify(trust).unwrap();
        assert_eq!(listed["slot"], signed.slot());
        assert_eq!(listed["digest"], signed.digest().to_string());
        (signed.digest(), (*signed).clone())
    };
    listed.iter().map(read).collect()
}

async fn public_statements_are_signed_and_linked<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let cuts = statements::<Cut, _, _>(way, "/v1/cuts?from=1", trust).await;
    assert!(cuts.len() > 3);
    assert!(cuts.windows(2).all(|pair| pair[1].1.previous == pair[0].0));
    let seals = statements::<Seal, _, _>(way, "/v1/seals/0?from=0", trust).await;
    assert!(seals.windows(2).all(|pair| pair[1].1.previous == pair[0].0));
    let attestations = statements::<Attestation, _, _>(way, "/v1/attestations/0?from=1&limit=3", trust).await;
    assert_eq!(attestations.len(), 3);
    assert_eq!(attestations[0].1.cut.digest, cuts[0].0);
    assert_eq!(way.get("/v1/seals/77").await.status, StatusCode::NOT_FOUND);
    assert_eq!(way.get("/v1/seals/x").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(way.get("/v1/cuts?from=x").await.status, StatusCode::BAD_REQUEST);
}

async fn whoever_breaks_the_rules_hears_which<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let mut ned = Person::new("ned", trust);
    let good = ned.bundle(&[ned.id], b"good");
    let framed = |submission| Message::Submit(submission);
    let mut forged = good.clone();
    forged.bundle = Person::new("mallory", trust).bundle(&[ned.id], b"good").bundle;
    let mut other = good.clone();
    other.content = other.content.with_payload(b"evil".to_vec());
    let mut foreign = trust.clone();
    foreign.deployment = server::protocol::id::Deployment([9; 8]);
    let elsewhere = Person::new("oda", &foreign).bundle(&[ned.id], b"x");
    let status = |answer: server::http::client::Answer| {
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{}", answer.told());
        answer.status
    };
    for (what, messages, expected) in [
        ("content of another", vec![framed(other)], StatusCode::BAD_REQUEST),
        ("another's bundle with this content", vec![framed(forged)], StatusCode::OK),
        ("another deployment", vec![framed(elsewhere)], StatusCode::FORBIDDEN),
        ("no submission", vec![Message::Subscribe(1)], StatusCode::BAD_REQUEST),
    ] {
        let answer = way.post("/v1/bundles", &messages).await;
        assert_eq!(answer.status, expected, "{what}: {}", answer.told());
    }
    // a changed signature
    let mut bytes = body(&[framed(good.clone())]).to_vec();
    let length = bytes.len();
    let signature = length - good_content_bytes(&good) - 2; // behind it stands that it is of no run
    bytes[signature] ^= 1;
    let mut connection = way.connect().await;
    let garbled = connection.ask(Method::POST, "/v1/bundles", &[], bytes.clone().into()).await.unwrap();
    assert_eq!(status(garbled), StatusCode::BAD_REQUEST, "its frame says that it was changed");
    let bytes = framed_again(&bytes);
    let changed = connection.ask(Method::POST, "/v1/bundles", &[], bytes.clone().into()).await.unwrap();
    assert_eq!(status(changed), StatusCode::FORBIDDEN);
    // cut short, empty, of another type
    let cut = Bytes::copy_from_slice(&bytes[..length - 3]);
    let cut = connection.ask(Method::POST, "/v1/bundles", &[], cut).await.unwrap();
    assert_eq!(status(cut), StatusCode::BAD_REQUEST);
    let kind = [(hyper::header::CONTENT_TYPE, "application/json".to_owned())];
    let json = connection.ask(Method::POST, "/v1/bundles", &kind, Bytes::from_static(b"{}")).await.unwrap();
    assert_eq!(status(json), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(status(way.get("/v1/nowhere").await), StatusCode::NOT_FOUND);
    assert_eq!(status(way.get("/v1/bundles").await), StatusCode::METHOD_NOT_ALLOWED);
    // and the good one still goes
    way.submit_until_receipted(&[good]).await;
}

/// A frame around the same body: a liar's checksums are right.
fn framed_again(frame: &[u8]) -> Vec<u8> {
    let header = body(&[Message::Subscribe(0)]).len() - Message::Subscribe(0).to_bytes().len();
    let mut bytes = Vec::new();
    server::protocol::frame::append_body(&mut bytes, &frame[header..]);
    bytes
}

fn good_content_bytes(submission: &server::protocol::bundle::Submission) -> usize {
    submission.content.to_bytes().len()
}

async fn a_read_must_be_signed_freshly_and_once<N: Network, P: Spawn>(way: &Way<N, P>, trust: &Trust) {
    let (pat, quinn) = (Person::new("pat", trust), Person::new("quinn", trust));
    let mut connection = way.connect().await;
    let path = "/v1/mailbox?wait_ms=1";
    // the first answer brings the nonce
    let answer =
        whole(connection.begin_signed(&pat.caller, (Method::GET, path), &[], Bytes::new()).await.unwrap())
            .await
            .unwrap();
    assert!(answer.status.is_success(), "{}", answer.told());
    let mut ask = async |header: String, path: &str| {
        let headers = [(AUTHORIZATION, header)];
        connection.ask(Method::GET, path, &headers, Bytes::new()).await.unwrap().status
    };
    let header = pat.caller.sign("GET", path);
    assert!(ask(header.clone(), path).await.is_success());
    assert_eq!(ask(header, path).await, StatusCode::UNAUTHORIZED, "repeated");
    let other = pat.caller.sign("GET", "/v1/mailbox");
    assert_eq!(ask(other, path).await, StatusCode::UNAUTHORIZED, "of another request");
    // quinn has no nonce of this server's yet
    assert_eq!(ask(quinn.caller.sign("GET", path), path).await, StatusCode::UNAUTHORIZED, "stale");
    let name = |person: &Person| hex::encode(person.id.bytes());
    let stolen = pat.caller.sign("GET", path).replace(&name(&pat), &name(&quinn));
    assert_eq!(ask(stolen, path).await, StatusCode::UNAUTHORIZED, "in another's name");
    assert_eq!(ask("Bearer x".to_owned(), path).await, StatusCode::UNAUTHORIZED, "no credentials");
}
