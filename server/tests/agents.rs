//! Agents: request handlers that sign for clients which sign nothing themselves, and how far they answer for them.

#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod scene;
mod support;

use scene::{Pen, Scene, TERMS, cases, complaint};
use server::protocol::{
    agency::{self, Agency, device_digest},
    codec::{Decode as _, Encode as _},
    complaint::Charge,
    crypto::PublicKey,
    digest::Digest,
    evidence::Evidence,
    file::FileError,
    id::{ActorId, Role},
    judge::judge,
    predicate::{
        accusation::{Accusation, FalseAccusation, exposed_by},
        agent::Represented,
    },
    roster::{Roster, RosterError, keys::Bounds, succession::Change},
    roster_file,
    statement::{Signed, Statement as _, Trust},
};
use support::{HANDLER, client, mailbox, roster, signer};

fn lie(scene: &Scene) -> Represented {
    let guilty = cases(scene).into_iter().find(|case| case.name == "agent").unwrap().guilty;
    let Evidence::Represented(represented) = guilty else { panic!("{guilty:?}") };
    represented
}

#[test]
fn a_thief_of_a_revoked_key_makes_nobody_an_agent() {
    let scene = Scene::new(Pen::real());
    let (trust, evidence) = (&scene.pen.trust, Evidence::from(lie(&scene)));
    assert_eq!(judge(&evidence, trust).exposed(), Some(HANDLER));
    let rotate = Change::Rotate { actor: HANDLER, key: PublicKey([7; 32]) };
    let replaced = trust.roster.successor([rotate.clone()]).unwrap();
    let replaced = Trust::new(replaced, trust.verifier.clone());
    assert_eq!(judge(&evidence, &replaced).exposed(), Some(HANDLER), "it said so with its key of then");
    let bounds = Bounds { fences: Vec::new(), cosigned: vec![1000; 2] };
    let revoke = Change::Revoke { actor: HANDLER, number: 0, bounds };
    let revoked = Trust::new(trust.roster.successor([rotate, revoke]).unwrap(), trust.verifier.clone());
    let anchors = scene.cosignatures.each_ref().map(Signed::to_unverified);
    for evidence in [evidence.clone(), evidence.anchored_in(&anchors)] {
        assert_eq!(judge(&evidence, &revoked).exposed(), None);
    }
}

#[test]
fn evidence_in_evidence_is_no_chain() {
    let scene = Scene::new(Pen::real());
    let (trust, lie) = (&scene.pen.trust, lie(&scene));
    let nested = |inner: &Evidence| {
        let outer = Represented { evidence: Box::new(inner.clone()), ..lie.clone() };
        Evidence::from_bytes(&Evidence::from(outer).to_bytes())
    };
    assert!(nested(&lie.evidence).is_ok());
    let inner = Evidence::from(lie.clone());
    let anchored = inner.clone().anchored_in(&[]);
    assert!(nested(&inner).is_err() && nested(&anchored).is_err());
    // no witness cosigns an agency, and layers of these would cost twice as much each
    assert!(Evidence::from_bytes(&anchored.to_bytes()).is_err());
    // a false accusation of an agent's client is the agent's; but it is no ground for another accusation
    let accuse = |number, evidence: Vec<u8>| {
        let charge = Charge::Proven(Digest::of(&[&evidence]));
        let body = complaint(ActorId::Client(client(0)), number, mailbox(0), 0, charge);
        let statement = Accusation::Complaint(scene.sign(body).to_unverified());
        let evidence = Box::new(FalseAccusation { statement, evidence }.into());
        Evidence::from(Represented { evidence, ..lie.clone() })
    };
    let mut chain = accuse(0, b"noise".to_vec());
    for number in 1..100 {
        assert_eq!(judge(&chain, trust).exposed(), Some(HANDLER));
        assert_eq!(judge(&chain.clone().anchored_in(&[]), trust).exposed(), None);
        assert_eq!(exposed_by(&chain.to_bytes(), trust), None);
        chain = accuse(number, chain.to_bytes());
    }
}

#[test]
fn an_agency_file_is_one_statement() {
    let scene = Scene::new(Pen::real());
    let trust = &scene.pen.trust;
    let agency = Agency { handler: 0, terms: TERMS, client: client(0), device: device_digest("a device") };
    let signed = scene.sign(agency).to_unverified();
    let text = agency::to_json(&signed, "a device", trust);
    assert_eq!(agency::from_json(&text, trust).unwrap(), signed);
    let altered = [
        text.replace("a device", "another device"),
        text.replace("handler/0", "handler/1"),
        text.replacen(&hex::encode(client(0).bytes()), &hex::encode(client(1).bytes()), 1),
    ];
    for text in altered {
        assert!(matches!(agency::from_json(&text, trust), Err(FileError::Altered)), "{text}");
    }
    let other = Trust::new(roster(1, 1, 1), trust.verifier.clone());
    assert!(matches!(agency::from_json(&text, &other), Err(FileError::Deployment { .. })));
    assert!(matches!(agency::from_json("{}", trust), Err(FileError::Json(_))));
}

#[test]
fn agents_are_handlers_of_the_roster_for_good() {
    let first = roster(2, 1, 1);
    for agents in [vec![2], vec![0, 0], vec![1, 0]] {
        let last = ActorId::Server(Role::Handler, *agents.last().unwrap());
        assert_eq!(first.clone().with_agents(agents), Err(RosterError::NoAgent(last)));
    }
    let with = first.clone().with_agents(vec![1]).unwrap();
    assert!(with.is_agent(1) && !with.is_agent(0));
    assert_ne!(with.deployment(), first.deployment());
    for roster in [&with, &with.successor([]).unwrap(), &first.successor([]).unwrap()] {
        assert_eq!(Roster::from_body(&roster.body()).as_ref(), Ok(roster));
    }
    // nobody becomes one later, nor ceases to be one
    let next = with.successor([]).unwrap();
    assert!(next.follows(&with) && next.is_agent(1));
    assert!(!next.clone().with_agents(vec![0, 1]).unwrap().follows(&with));
    assert!(!next.clone().with_agents(Vec::new()).unwrap().follows(&with));
    // none is written in one way
    assert!(Roster::from_body(&[first.body(), vec![0; 4]].concat()).is_err());
    let signed = Signed::sign(with.clone(), with.deployment(), &signer("operator"));
    let text = roster_file::to_json(&[signed]);
    assert!(text.contains("\"agents\": [\n    \"handler/1\"\n  ]"), "{text}");
    assert_eq!(*roster_file::from_json(&text).unwrap().roster, with);
    assert!(roster_file::from_json(&text.replace("handler/1\"\n  ]", "handler/0\"\n  ]")).is_err());
}
