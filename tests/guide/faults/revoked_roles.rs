//! A role that was assigned is revoked later: the state file still reports it.

use aksbackup_shared::exit::Exit;

use super::changes::protected;

/// Fails before: the file's table stood for the roles, so that `protect` was green until a backup failed.
#[test]
fn a_revoked_role_is_told_although_the_file_reports_it() {
    let stage = protected(&[]);
    let cluster = stage.value("/cloud/prerequisites/cluster_principal");
    let group = stage.value("/cloud/storage/snapshot_group");
    stage.az("platform", &["protect", "--yes"]).ok().says("nothing to do");
    assert_eq!(stage.sandbox.azure().unassign(&cluster, "Contributor", &group), 1);
    for flag in ["--dry-run", "--yes"] {
        stage
            .az("platform", &["protect", flag])
            .ends(Exit::TheirTurn.code())
            .says("1 role assignment is missing")
            .says("az aksbackup grant");
    }
    stage.grant("owner").ok();
    stage.az("platform", &["protect", "--yes"]).ok();
}

/// The file's word is all there is then, and it is called so.
#[test]
fn roles_that_can_not_be_read_are_reported_and_not_confirmed() {
    let stage = protected(&[]);
    stage
        .sandbox
        .set("fault=403/AuthorizationFailed@GET:roleAssignments:99")
        .unwrap();
    stage
        .az("platform", &["protect", "--yes"])
        .ok()
        .says("role assignments: reported by the state file and not checked");
}
