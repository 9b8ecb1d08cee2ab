//! Incoming actors that seal another queue than the one they gave receipts for (B02 to B07, B10, B16).
//!
//! They change a run between its receipts and its seal. Whoever takes a bundle out or puts one in moves all later
//! positions, so that its seals still follow each other.

use server::{
    actor::{
        Input, Recovered,
        incoming::{Logged, Run, manifest},
    },
    protocol::{
        bundle::Submission,
        id::{ActorId, ClientId, Position},
        message::Message,
        seal::Manifest,
    },
};

use super::{Attack, Context, forged};

pub(super) fn attack(name: &str) -> Option<Box<dyn Attack>> {
    let change: Change = match name {
        "drop-receipted" => drop_receipted,
        "swap-receipted" => |bundles, context| swap_receipted(bundles, context),
        "insert-before-receipted" => |bundles, context| insert_before_receipted(bundles, context),
        "break-sender-order" => |bundles, context| break_sender_order(bundles, context),
        "duplicate-bundle" => duplicate_bundle,
        "forge-bundle" => forge_bundle,
        "falsify-manifest" => return Some(Box::new(FalsifyManifest)),
        "admit-strangers" => return Some(Box::<AdmitStrangers>::default()),
        _ => return None,
    };
    Some(Box::new(ChangeRun { change, shift: Shift::default() }))
}

/// Changes the bundles of a run, if it can.
type Change = fn(&mut Vec<Logged>, &Context<'_>) -> Option<()>;

/// How far the sealed queue is ahead of the received one.
#[derive(Default)]
struct Shift(i64);

impl Shift {
    /// Puts a run at its place in the sealed queue.
    fn place(&mut self, run: &mut Run, received: usize) {
        let (shift, sealed) = (self.0, run.bundles.len() as i64);
        run.start = Position(run.start.0.saturating_add_signed(shift));
        run.manifest = manifest(run.start, &run.bundles);
        self.0 += sealed - received as i64;
    }
}

/// B02 to B07: exposed by the first seal that covers what was changed (*promise*, *badseal*, *xseal*).
struct ChangeRun {
    change: Change,
    shift: Shift,
}

impl Attack for ChangeRun {
    fn run(&mut self, run: &mut Run, context: &mut Context<'_>) {
        let received = run.bundles.len();
        let mut bundles = run.bundles.clone();
        if context.is_time() && (self.change)(&mut bundles, context).is_some() && context.on() {
            run.bundles = bundles;
            context.fired();
        }
        self.shift.place(run, received);
    }

    fn recovered(&mut self, _: &mut Recovered) {
        self.shift = Shift::default(); // the actor goes on where its last seal ended
    }
}

fn sender(logged: &Logged) -> ActorId {
    logged.submission.bundle.claimed_actor()
}

fn drop_receipted(bundles: &mut Vec<Logged>, context: &Context<'_>) -> Option<()> {
    let against = |logged: &Logged| context.is_target(sender(logged));
    let index = bundles.iter().position(against)?;
    bundles.remove(index);
    Some(())
}

fn swap_receipted(bundles: &mut [Logged], context: &Context<'_>) -> Option<()> {
    let differ = |two: &[Logged]| sender(&two[0]) != sender(&two[1]) && context.is_target(sender(&two[0]));
    let index = bundles.windows(2).position(differ)?;
    bundles.swap(index, index + 1);
    Some(())
}

fn insert_before_receipted(bundles: &mut [Logged], context: &Context<'_>) -> Option<()> {
    let first = bundles.iter().position(|logged| context.is_target(sender(logged)))?;
    let is_accomplice = |index: &usize| {
        let accomplice = sender(&bundles[*index]);
        bundles[first..*index].iter().all(|logged| sender(logged) != accomplice)
    };
    let last = (first + 1..bundles.len()).rev().find(is_accomplice)?;
    bundles[first..=last].rotate_right(1);
    Some(())
}

fn break_sender_order(bundles: &mut [Logged], context: &Context<'_>) -> Option<()> {
    for first in 0..bundles.len() {
        let victim = sender(&bundles[first]);
        let later = bundles[first + 1..].iter().position(|logged| sender(logged) == victim);
        if let Some(second) = later.filter(|_| context.is_target(victim)) {
            bundles.swap(first, first + 1 + second);
            return Some(());
        }
    }
    None
}

fn duplicate_bundle(bundles: &mut Vec<Logged>, context: &Context<'_>) -> Option<()> {
    bundles.push(bundles.iter().find(|logged| context.is_target(sender(logged)))?.clone());
    Some(())
}

fn forge_bundle(bundles: &mut Vec<Logged>, context: &Context<'_>) -> Option<()> {
    let logged = bundles.iter().find(|logged| context.is_target(sender(logged)))?;
    let Submission { bundle, content } = &logged.submission;
    bundles.push(Logged::new(Submission { bundle: forged(bundle), content: content.clone() }));
    Some(())
}

/// B10: leaves a recipient out of the manifest. Any co-recipient or the sender can open it: exposed (*badseal*).
struct FalsifyManifest;

impl Attack for FalsifyManifest {
    fn run(&mut self, run: &mut Run, context: &mut Context<'_>) {
        let recipients: Vec<ClientId> = run.manifest.iter().map(|(client, _)| *client).collect();
        let Some(victim) = recipients.into_iter().find(|client| context.is_against(client)) else { return };
        if context.on() {
            let mut manifest = Manifest::default();
            let others = run.manifest.iter().filter(|(client, _)| **client != victim);
            others.for_each(|(client, positions)| manifest.insert(*client, positions.clone()));
            run.manifest = manifest;
            context.fired();
        }
    }
}

/// B16: seals what a misrouting handler brings. Exposed (*badseal*) at the first opening: the roster says who serves whom.
#[derive(Default)]
struct AdmitStrangers {
    strangers: Vec<Submission>,
    shift: Shift,
}

impl Attack for AdmitStrangers {
    fn before(&mut self, input: Input, context: &mut Context<'_>) -> Vec<Input> {
        let Input::Message(_, Message::Submit(submission)) = &input else { return vec![input] };
        let Some(client) = submission.bundle.claimed_actor().client() else { return vec![input] };
        let own = ActorId::Server(context.me().role(), context.trust.roster.incoming_of(&client));
        if own == context.me() || !context.on() {
            return vec![input];
        }
        self.strangers.push(submission.clone());
        Vec::new()
    }

    fn run(&mut self, run: &mut Run, context: &mut Context<'_>) {
        let received = run.bundles.len();
        for submission in self.strangers.drain(..) {
            run.bundles.push(Logged::new(submission));
            context.fired();
        }
        self.shift.place(run, received);
    }

    fn recovered(&mut self, _: &mut Recovered) {
        self.shift = Shift::default();
    }
}
