//! What the values of a file mean.

use super::*;

#[test]
fn every_key_has_its_default() {
    let topology = "handlers = 1\nincoming = 2\nmailboxes = 2\nclients = 12\ncrowd = 0\nwitnesses = 1\nquorum = 0\nchallenge_bound = \"40 epochs\"\nepoch = \"5ms\"\ncores = 2\n\
                    transport = \"links\"\ncut = \"nobody\"\nhandler_receipts = false\nmachines = \"each\"\n\
                    costs = \"default\"\ncrypto = \"ed25519\"\nstorage = \"redb\"\n";
    let network = "latency = { median = \"300us\", p99 = \"2ms\" }\nbandwidth = \"1Gbit/s\"\nloss = 0.0\n";
    let workload = "bundles = 500\nrate = \"500/s\"\nrecipients = \"1..5\"\npayload = \"64B..1kB\"\n";
    let expect = "blame = \"exact\"\nexposed = []\nsuspected = []\npairs = []\nunserved = []\nwithin = \"10 epochs\"\ncatch_up = \"5s\"\n";
    let all = format!(
        "architecture = \"parallel\"\n[topology]\n{topology}[network]\n{network}[workload]\n{workload}[expect]\n{expect}"
    );
    assert_eq!(parse("", &[]).unwrap(), parse(&all, &[]).unwrap());
    let written = drawn("", &[]).to_toml();
    for part in [topology, network, workload, expect] {
        assert!(written.contains(part), "{part}\nis not in\n{written}");
    }
}

#[test]
fn a_monolith_has_one_actor_of_each_role() {
    for architecture in ["central", "multithreaded"] {
        let drawn = drawn(&format!("architecture = \"{architecture}\"\n"), &[]);
        let DrawnTopology { handlers, incoming, mailboxes, .. } = drawn.topology;
        assert_eq!((handlers, incoming, mailboxes), (1, 1, 1), "{architecture}");
    }
}

#[test]
fn values_are_read_in_their_units() {
    let text = "[topology]\nepoch = \"1.5ms\"\ncosts = \"zero\"\ncrypto = \"modelled\"\nstorage = \"modelled\"\nhandler_receipts = true\n\
                [network]\nlatency = \"100us\"\nbandwidth = \"unlimited\"\nloss = 1\n\
                [workload]\nclosed = 4\nrecipients = 3\npayload = \"2kB\"\n";
    let drawn = drawn(text, &["topology.costs=profiles/here.json", "network.loss=0.25"]);
    assert_eq!(drawn.topology.epoch_ns, 1_500_000);
    assert_eq!(drawn.topology.costs, Costs::File("profiles/here.json".into()));
    assert_eq!((drawn.topology.crypto, drawn.topology.storage), (Crypto::Modelled, Storage::Modelled));
    assert!(drawn.topology.handler_receipts);
    assert_eq!(drawn.network.latency, Latency::Constant { ns: 100_000 });
    assert_eq!((drawn.network.bandwidth_bit_s, drawn.network.loss), (None, 0.25));
    assert_eq!(drawn.workload.pace, Pace::Closed { in_flight: 4 });
    assert_eq!(drawn.workload.recipients, Range::fixed(3));
    assert_eq!(drawn.workload.payload_bytes, Range::fixed(2000));
}
