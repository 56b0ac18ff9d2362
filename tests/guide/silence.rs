//! Tokens that Azure takes back.

use aksbackup_shared::exit::Exit;

use crate::faults::survived;
use crate::part::Part;

#[test]
fn a_claims_challenge_is_told_with_the_claims_and_the_way_to_meet_them() {
    let stage = Part::Prepare.stage();
    stage
        .sandbox
        .set("fault=claims@GET:managedClusters/aks-demo?:99")
        .unwrap();
    Part::Prepare
        .run(&stage)
        .ends(Exit::NotPermitted.code())
        .says("the token lacks claims: {\"access_token\"")
        .says("TokenIssuedBeforeRevocationTimestamp")
        .says("az login --claims-challenge \"ey");
    survived(Part::Prepare, &["fault=claims@PUT:/extensions/:1"]);
}
