//! O8: when the last fault has healed, everything submitted gets its receipt and is delivered in time, and
//! everything that an application handed over was submitted or lost with a crash.

use server::protocol::id::Role;

use super::Case;
use crate::history::Submitted;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    case.crowd_lacks_nothing(false)?;
    case.crowd_lacks_nothing(true)?;
    let record = case.record;
    for ((client, number), bundle) in &record.submitted {
        if bundle.receipt.is_none() && !case.excuses(*client, None) {
            return Err(format!("bundle {number} of client/{client} has no receipt"));
        }
        if let Some(recipient) =
            bundle.recipients.iter().find(|recipient| lacks(case, *client, bundle, **recipient))
        {
            return Err(format!("bundle {number} of client/{client} has not reached client/{recipient}"));
        }
    }
    let sent = record.crowd.as_ref().map_or(0, |crowd| crowd.counts.sent);
    let (wanted, submitted) = (case.drawn.workload.bundles, record.submitted.len() as u64 + sent);
    if record.overloaded > 0 {
        return Err(format!("clients had no room for {} bundles", record.overloaded));
    }
    let given_up = record.lost_with_crash + record.abandoned;
    // a client that was put back counts its bundles anew
    let recounts =
        record.attacks.keys().any(|(who, attack)| who.role == Role::Client && *attack == "restore");
    if submitted + given_up < wanted && !recounts {
        let missing = wanted - submitted - given_up;
        return Err(format!("{missing} bundles were never taken over by their clients"));
    }
    Ok(format!("{submitted} bundles, {given_up} lost with their client"))
}

fn lacks(case: &Case<'_>, sender: u32, bundle: &Submitted, recipient: u32) -> bool {
    !bundle.holders.contains(&recipient) && !case.excuses(sender, Some(recipient))
}

#[cfg(test)]
mod tests {
    use super::super::specimen::Specimen;
    use server::protocol::id::BundleNumber;

    #[test]
    fn an_honest_history_has_caught_up() {
        assert_eq!(Specimen::honest().fails("catch-up"), None);
    }

    #[test]
    fn a_missing_receipt_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.submitted.get_mut(&(0, BundleNumber(1))).unwrap().receipt = None;
        assert!(specimen.fails("catch-up").unwrap().contains("no receipt"));
    }

    #[test]
    fn a_missing_delivery_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.submitted.get_mut(&(0, BundleNumber(1))).unwrap().holders.clear();
        assert!(specimen.fails("catch-up").unwrap().contains("not reached"));
    }

    #[test]
    fn a_bundle_never_taken_over_is_found() {
        let mut specimen = Specimen::honest();
        specimen.drawn.workload.bundles += 1;
        assert!(specimen.fails("catch-up").unwrap().contains("never taken over"));
        specimen.record.lost_with_crash = 1;
        assert_eq!(specimen.fails("catch-up"), None);
    }

    #[test]
    fn a_client_without_room_is_found() {
        let mut specimen = Specimen::honest();
        specimen.record.overloaded = 1;
        assert!(specimen.fails("catch-up").unwrap().contains("no room"));
    }
}
