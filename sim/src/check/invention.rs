//! O6: every delivery was submitted by its sender, to that recipient, with that payload.

use server::protocol::id::Role;

use super::Case;
use crate::{crowd::Breach, scenario::ActorName};

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    case.crowd_is_free_of(Breach::Invention)?;
    let mut deliveries = 0;
    for client in case.honest_clients() {
        for (count, delivered) in case.record.delivered.get(&client).into_iter().flatten() {
            deliveries += 1;
            if !case.is_clean(ActorName::new(Role::Incoming, delivered.entry.incoming)) {
                continue; // it may have sealed what nobody signed
            }
            let Some(key @ (sender, number)) = delivered.bundle else {
                return Err(format!("client/{client} was delivered something unsigned at count {count}"));
            };
            if !case.is_honest(ActorName::new(Role::Client, sender)) {
                continue;
            }
            let wrong = match case.record.submitted.get(&key) {
                None => "was never submitted",
                Some(bundle) if !bundle.recipients.contains(&client) => "is for others",
                Some(bundle) if Some(bundle.payload) != delivered.payload => "had another payload",
                Some(_) => continue,
            };
            return Err(format!("client/{client} has bundle {number} of client/{sender}, which {wrong}"));
        }
    }
    Ok(format!("{deliveries} deliveries"))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{Specimen, digest};
    use server::protocol::id::{BundleNumber, Count};

    #[test]
    fn an_honest_history_invents_nothing() {
        assert_eq!(Specimen::honest().fails("no-invention"), None);
    }

    #[test]
    fn a_bundle_never_submitted_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.submitted.remove(&(0, BundleNumber(1)));
        assert!(specimen.fails("no-invention").unwrap().contains("never submitted"));
    }

    #[test]
    fn a_bundle_for_others_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.submitted.get_mut(&(0, BundleNumber(0))).unwrap().recipients = vec![0];
        assert!(specimen.fails("no-invention").unwrap().contains("for others"));
    }

    #[test]
    fn a_changed_payload_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.delivered.get_mut(&1).unwrap().get_mut(&Count(1)).unwrap().payload = Some(digest(88));
        assert!(specimen.fails("no-invention").unwrap().contains("another payload"));
    }
}
