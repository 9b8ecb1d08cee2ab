//! A deployment on disk: its keys, its roster, where each actor stores.
//!
//! ```text
//! DIR/roster.json            for clients, and for whoever judges evidence
//! DIR/keys/<actor>.key       secret keys (0600 in 0700), those that took their place as <actor>.<number>.key; that of the operator, which only
//!                            the next roster needs
//! DIR/store/<actor>.*        what each actor has stored
//! DIR/evidence/<...>.json    what its actors have caught others at
//! DIR/lock, DIR/rotate.lock  locked by whoever works on it, or on its roster
//! ```
//!
//! # Invariants
//! - The roster follows from the keys and the plan alone, and is written last: a first start that was cut short goes on.
//! - A directory serves the deployment it was made for. One that was made for another, or that lost its roster or a key, is refused, and
//!   left as it is.
//! - One process at a time makes or changes keys and roster.

pub mod keys;
mod lock;
mod plan;
pub mod succession;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    actor::handler::Custody,
    architecture::Architecture,
    protocol::{
        crypto::{Keyring, Signer},
        file::FileError,
        id::ActorId,
        roster::{Member, Roster, RosterError, Rules},
        roster_file,
        signing::Signing,
        statement::{Signed, Trust},
    },
};

use keys::KeyError;
pub use lock::Lock;
pub use plan::{Legacy, Plan};

/// How many epochs an obligation may stay open in a deployment that is made here: half a minute at the usual pace.
const CHALLENGE_BOUND: u32 = 6000;

/// Why a directory does not make a deployment.
#[derive(Debug, thiserror::Error)]
pub enum DeploymentError {
    /// A key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The file system does not let us.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it says.
        error: std::io::Error,
    },
    /// The roster file.
    #[error("{}: {error}", .path.display())]
    Roster {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: FileError,
    },
    /// The plan makes no roster.
    #[error(transparent)]
    Plan(#[from] RosterError),
    /// Somebody else works on it.
    #[error("{}: another process uses this directory: stop it, or take another directory", .path.display())]
    Busy {
        /// The directory.
        path: PathBuf,
    },
    /// The roster is gone: with another, made from the first keys, keys that were revoked would count again.
    #[error("{}: the roster is gone, and {} shows that there was one: bring it back", .path.display(), .shown_by.display())]
    Lost {
        /// Where it should be.
        path: PathBuf,
        /// What is there without it.
        shown_by: PathBuf,
    },
    /// A key that the roster lists is not here.
    #[error("{}: the key of {actor} is not here, and the roster lists it: bring it back", .path.display())]
    NoKey {
        /// Where it should be.
        path: PathBuf,
        /// Whose.
        actor: ActorId,
    },
    /// The operator's key is not the one that signed the roster.
    #[error("{}: {} was not signed with this key, or its rules are not those of this program", .key.display(), .path.display())]
    NotOperator {
        /// The roster file.
        path: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The key here is not the one that the roster lists.
    #[error("{}: the roster lists another key of {actor} than {}", .path.display(), .key.display())]
    NotListed {
        /// The roster file.
        path: PathBuf,
        /// The key file.
        key: PathBuf,
        /// Whose.
        actor: ActorId,
    },
    /// A store that must tell what its actor has signed.
    #[error("{}: nothing tells here what {actor} has signed: bring its store, or of a witness say how many it has cosigned", .path.display())]
    NoStore {
        /// Where it should be.
        path: PathBuf,
        /// Whose.
        actor: ActorId,
    },
    /// The same, that cannot be read.
    #[error("{}: {why} (is the server still running?)", .path.display())]
    Store {
        /// Where it is.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// More than a witness has cosigned: what whoever has its key cosigns next would count.
    #[error("{}: {witness} has cosigned {known}, and not {given}", .path.display())]
    NotCosigned {
        /// Where that is told.
        path: PathBuf,
        /// Which witness.
        witness: ActorId,
        /// How many it has cosigned.
        known: u64,
        /// How many it was said to have.
        given: u64,
    },
    /// A store that tells nothing, because its actor lost what it had signed.
    #[error("{}: {actor} has lost what it signed, and signs nothing more: its key need not be revoked, and could not be fenced", .path.display())]
    Retired {
        /// Where it is.
        path: PathBuf,
        /// Whose.
        actor: ActorId,
    },
    /// It was made for something else.
    #[error(
        "{}: the roster there is of another deployment than these options make ({there} there, {planned} planned): start with \
         the options that it was made with, or with another directory", .path.display()
    )]
    Another {
        /// The roster file.
        path: PathBuf,
        /// What stands in it.
        there: String,
        /// What was to be started.
        planned: String,
    },
}

/// A deployment whose actors run here.
pub struct Deployment {
    directory: PathBuf,
    architecture: Architecture,
    signing: Signing,
    custody: Custody,
    /// Nobody else changes it meanwhile.
    lock: Lock,
    /// The roster file.
    pub roster: String,
    /// What checks everybody's signatures.
    pub trust: Trust,
}

impl Deployment {
    /// Opens the deployment in a directory; makes keys and roster if it is new. One that signs otherwise is refused.
    pub fn open(directory: &Path, plan: Plan, signing: Signing) -> Result<Deployment, DeploymentError> {
        keys::private_directory(directory)?;
        for part in ["keys", "store", "evidence"] {
            keys::private_directory(&directory.join(part))?;
        }
        let lock = Lock::whole(directory)?;
        let path = directory.join("roster.json");
        let rosters = match path.exists() {
            true => rosters_of(&path, plan, signing)?,
            false => vec![found(directory, &path, plan, signing)?],
        };
        let newest = rosters.last().map(|newest| (**newest).clone()).ok_or_else(|| no_roster(&path))?;
        let deployment = Deployment {
            directory: directory.to_owned(),
            architecture: plan.architecture,
            signing,
            custody: Custody::default(),
            lock,
            roster: roster_file::to_json(&rosters),
            trust: Trust::new(newest, signing.remembering()),
        };
        deployment.actors().into_iter().try_for_each(|actor| deployment.keyring(actor).map(|_| ()))?;
        let key = operator_key(directory);
        if !key.exists() {
            // it is for the next roster, and may be kept where nobody reaches it
            return Ok(deployment);
        }
        let operator = signing.signer(&keys::read(&key)?.0);
        match rosters.first() == Some(&first(directory, plan, signing, &*operator)?) {
            true => Ok(deployment),
            false => Err(DeploymentError::NotOperator { path, key }),
        }
    }

    /// Opens a directory with a roster and the key of one actor, or of a server that is several: others run the rest.
    pub fn open_for(
        directory: &Path,
        architecture: Architecture,
        actor: ActorId,
    ) -> Result<Deployment, DeploymentError> {
        let path = directory.join("roster.json");
        let roster =
            fs::read_to_string(&path).map_err(|error| DeploymentError::File { path: path.clone(), error })?;
        let trust = roster_file::from_json(&roster)
            .map_err(|error| DeploymentError::Roster { path: path.clone(), error })?;
        let trust = trust.checked_by(Signing::Ed25519.remembering());
        let deployment = Deployment {
            directory: directory.to_owned(),
            architecture,
            signing: Signing::Ed25519,
            custody: Custody::default(),
            lock: Lock::part(directory)?,
            roster,
            trust,
        };
        deployment.keyring(actor)?;
        for part in ["store", "evidence"] {
            keys::private_directory(&directory.join(part))?;
        }
        Ok(deployment)
    }

    /// The same, whose request handlers take what they are given into custody or not. Nothing else knows of it: a
    /// handler receipt says all that one must know.
    #[must_use]
    pub fn with_custody(self, custody: Custody) -> Self {
        Deployment { custody, ..self }
    }

    /// Whether its request handlers sign for what they take.
    pub fn custody(&self) -> Custody {
        self.custody
    }

    /// Keeps others from changing it, as long as it is kept.
    pub fn lock(&self) -> Lock {
        self.lock.clone()
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// How it is built.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// Its actors, in the order of the roster.
    pub fn actors(&self) -> Vec<ActorId> {
        self.trust.roster.members().iter().map(|member| member.actor).collect()
    }

    /// The key with which an actor signs now.
    ///
    /// # Errors
    /// There is no such key here, or not the one that the roster lists.
    pub fn signer(&self, actor: ActorId) -> Result<Box<dyn Signer>, DeploymentError> {
        self.key(actor, self.trust.roster.current_number(&actor))
    }

    /// The keys of an actor.
    ///
    /// # Errors
    /// The same, of any of them.
    pub fn keyring(&self, actor: ActorId) -> Result<Keyring, DeploymentError> {
        let numbers = 0..=self.trust.roster.current_number(&actor);
        Ok(Keyring::new(numbers.map(|number| self.key(actor, number)).collect::<Result<_, _>>()?))
    }

    fn key(&self, actor: ActorId, number: u32) -> Result<Box<dyn Signer>, DeploymentError> {
        let key = key_path(&self.directory, self.architecture, actor, number);
        if !key.exists() {
            return Err(DeploymentError::NoKey { path: key, actor });
        }
        let signer = self.signing.signer(&keys::read(&key)?.0);
        match self.trust.roster.numbered(&actor, number) {
            Some(listed) if listed.key == signer.public() => Ok(signer),
            _ => Err(DeploymentError::NotListed { path: self.directory.join("roster.json"), key, actor }),
        }
    }

    /// Where an actor stores. Where one key signs for all roles, one store holds them all.
    pub fn store(&self, actor: ActorId) -> PathBuf {
        store_path(&self.directory, self.architecture, actor)
    }

    /// Where evidence goes.
    pub fn evidence(&self) -> PathBuf {
        self.directory.join("evidence")
    }
}

fn file_name(architecture: Architecture, actor: ActorId) -> String {
    match architecture.is_server(actor) {
        true => "server".to_owned(),
        false => actor.to_string().replace(['/', ':'], "-"),
    }
}

/// The file of one of an actor's keys: the first has no number.
fn key_path(directory: &Path, architecture: Architecture, actor: ActorId, number: u32) -> PathBuf {
    let extension = if number == 0 { "key".to_owned() } else { format!("{number}.key") };
    directory.join("keys").join(file_name(architecture, actor)).with_extension(extension)
}

fn store_path(directory: &Path, architecture: Architecture, actor: ActorId) -> PathBuf {
    directory.join("store").join(file_name(architecture, actor)).with_extension("redb")
}

fn no_roster(path: &Path) -> DeploymentError {
    DeploymentError::Roster { path: path.to_owned(), error: FileError::Succession }
}

fn operator_key(directory: &Path) -> PathBuf {
    directory.join("keys/operator-0.key")
}

/// The first roster, which follows from the keys and the plan.
fn first(
    directory: &Path,
    plan: Plan,
    signing: Signing,
    operator: &dyn Signer,
) -> Result<Signed<Roster>, DeploymentError> {
    let member = |actor| {
        let secret = keys::read(&key_path(directory, plan.architecture, actor, 0))?;
        Ok(Member { actor, operator: 0, key: signing.signer(&secret.0).public() })
    };
    let members = plan.actors().into_iter().map(member).collect::<Result<_, KeyError>>()?;
    let rules = Rules { challenge_bound: CHALLENGE_BOUND, quorum: 0 };
    let roster = Roster::first(rules, vec![operator.public()], members)?.with_agents(plan.legacy.agents())?;
    Ok(Signed::sign(roster.clone(), roster.deployment(), operator))
}

/// Makes the keys, as far as they are not there, and writes the first roster.
fn found(
    directory: &Path,
    path: &Path,
    plan: Plan,
    signing: Signing,
) -> Result<Signed<Roster>, DeploymentError> {
    if let Some(shown_by) = trace(directory) {
        return Err(DeploymentError::Lost { path: path.to_owned(), shown_by });
    }
    // the first of all: where others are without it, it was taken away later
    let operator = signing.signer(&keys::read_or_make(&operator_key(directory))?.0);
    for actor in plan.actors() {
        keys::read_or_make(&key_path(directory, plan.architecture, actor, 0))?;
    }
    let roster = first(directory, plan, signing, &*operator)?;
    keys::publish(path, roster_file::to_json(std::slice::from_ref(&roster)).as_bytes(), 0o644)
        .map_err(|error| DeploymentError::File { path: path.to_owned(), error })?;
    Ok(roster)
}

/// What shows that a deployment had a roster: a key that took the place of another, keys of actors without that of their operator, or whatever
/// an actor has stored.
fn trace(directory: &Path) -> Option<PathBuf> {
    let files = |part: &str| {
        let entries = fs::read_dir(directory.join(part)).into_iter().flatten().flatten();
        entries.map(|entry| entry.path())
    };
    let is_numbered = |path: &PathBuf| {
        let number = path.file_stem().and_then(|stem| stem.to_str()?.rsplit_once('.'));
        number.is_some_and(|(_, number)| number.parse::<u32>().is_ok())
    };
    let is_alone = !operator_key(directory).exists();
    let is_key = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "key");
    let keys = files("keys").filter(|path| is_numbered(path) || is_alone && is_key(path));
    files("store").chain(keys).min()
}

/// The rosters in a file, if they are of such a deployment.
fn rosters_of(path: &Path, plan: Plan, signing: Signing) -> Result<Vec<Signed<Roster>>, DeploymentError> {
    let there =
        fs::read_to_string(path).map_err(|error| DeploymentError::File { path: path.to_owned(), error })?;
    let rosters = roster_file::rosters_of(signing, &there)
        .map_err(|error| DeploymentError::Roster { path: path.to_owned(), error })?;
    let newest = rosters.last().ok_or_else(|| no_roster(path))?;
    let there = Plan::of(newest);
    match there.serves_as(&plan) {
        true => Ok(rosters),
        false => Err(DeploymentError::Another {
            path: path.to_owned(),
            there: there.to_string(),
            planned: plan.to_string(),
        }),
    }
}
