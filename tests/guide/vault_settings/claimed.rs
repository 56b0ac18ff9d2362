//! A vault that the file claims.

use super::*;

/// Fails before: a line of the file was enough for the vault of others to count as one that aksbackup created.
#[test]
fn a_vault_that_only_the_file_claims_is_one_of_others() {
    let stage = Stage::with(&["vault_by_hand=true"]).unwrap();
    let by_hand = ["--vault", "bv-by-hand", "--policy", "by-hand"];
    stage.az("platform", &[&INIT[..], &by_hand].concat()).ok();
    prepare(&stage, &[]).ok();
    let longer = json!({ "state": "On", "retentionDurationInDays": 60.0 });
    change(&stage, "/properties/securitySettings/softDeleteSettings", longer);
    let before = properties(&stage);
    let made: toml::Table = stage.state_text().parse().unwrap();
    for table in ["created", "intents"] {
        let mut claimed = made.clone();
        let mut claim = claimed["cloud"]["created"][0].clone();
        claim["step"] = "vault-and-policy".into();
        claim["object"] = stage.value("/cloud/vault/vault").into();
        let cloud = claimed["cloud"].as_table_mut().unwrap();
        let claims = cloud.entry(table).or_insert_with(|| toml::Value::Array(Vec::new()));
        claims.as_array_mut().unwrap().push(claim);
        std::fs::write(stage.state(), claimed.to_string()).unwrap();
        prepare(&stage, &["--reduce-protection"])
            .ok()
            .says("soft delete stays On (the target has Off)");
        assert_eq!(properties(&stage), before, "{table}");
    }
}
