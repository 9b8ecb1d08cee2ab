//! smoke
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let seed: u64 = std::env::args().nth(2).unwrap().parse().unwrap();
    let sets: Vec<String> = std::env::args().skip(3).collect();
    let scenario = sim::scenario::Scenario::read(path.as_ref(), &sets).map_err(|e| e.to_string()).unwrap();
    let drawn = scenario.draw(seed);
    let t = std::time::Instant::now();
    let run = sim::world::run(&drawn, seed, false).unwrap();
    let r = &run.record;
    println!("submitted {} unreceipted {} missing {} cuts {} steps {} inputs {} virtual {} ms wall {:?} fp {:x}", r.submitted.len(), r.unreceipted, r.missing, r.cuts.len(), r.steps, r.inputs, run.virtual_ns/1000000, t.elapsed(), run.fingerprint);
    println!("receipt {:?} delivery {:?}", r.receipt.summary(), r.delivery.summary());
    println!("contradictions {:?} complaints {} {:?} stopped {:?}", r.contradictions, r.complaints.len(), r.complaints.iter().take(5).collect::<Vec<_>>(), r.stopped);
    println!("coverage {:?} attacks {:?} faults {:?} caught {}", r.coverage, r.attacks, r.faults, r.caught.len());
    for c in r.caught.iter().take(3) { println!("{} {} {}", c.at_ns, c.by, server::protocol::judge::judge(&c.evidence, &run.trust)); }
}
