//! O8: when the last fault has healed, everything submitted gets its receipt and is delivered in time, and
//! everything that an application handed over was submitted or lost with a crash.

use super::Case;

pub(super) fn find(case: &Case<'_>) -> Result<String, String> {
    let record = case.record;
    for ((client, number), bundle) in &record.submitted {
        if bundle.receipt.is_none() {
            return Err(format!("bundle {number} of client/{client} has no receipt"));
        }
        if let Some(recipient) =
            bundle.recipients.iter().find(|recipient| !bundle.holders.contains(recipient))
        {
            return Err(format!("bundle {number} of client/{client} has not reached client/{recipient}"));
        }
    }
    let submitted = record.submitted.len() as u64;
    let lost = case.drawn.workload.bundles.saturating_sub(submitted);
    let crashes = case.drawn.faults.iter().any(|fault| fault.action.kind() == "crash");
    if lost > 0 && !crashes {
        return Err(format!("{lost} bundles were never taken over by their clients"));
    }
    Ok(format!("{submitted} bundles, {lost} lost by applications with a crash"))
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
    }
}
