use super::*;

fn candidate(name: &str, region: &str, tags: &[(&str, &str)]) -> Candidate {
    let id = format!(
        "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-x/providers/Microsoft.ContainerService/managedClusters/{name}"
    );
    let tags = tags
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Candidate {
        id: id.parse().unwrap(),
        region: region.to_owned(),
        tags: tags.collect(),
    }
}

fn template(text: &str) -> Template {
    Template::parse(PathBuf::from("fleet.toml"), text).unwrap()
}

#[test]
fn patterns_stand_for_any_text() {
    for (pattern, text, fits) in [
        ("aks-*", "AKS-prod", true),
        ("*-prod", "aks-prod", true),
        ("*-prod", "aks-prod-2", false),
        ("a?s*d", "aks-prod", true),
        ("*", "", true),
        ("a*b*c", "a-b-b-c", true),
        ("", "x", false),
    ] {
        assert_eq!(like(pattern, text), fits, "{pattern} {text}");
    }
}

#[test]
fn the_last_override_that_matches_wins() {
    let own = template(
        "[target]\npolicy.retention = \"7d\"\n[[overrides]]\ntag = \"env\"\ntarget.policy.retention = \"14d\"\n\
         [[overrides]]\ntag = \"env=prod\"\nregion = \"westeurope\"\ntarget.policy.retention = \"30d\"\n",
    );
    let retention = |own: &Template, cluster: &Candidate| own.flags(cluster, Adopted::Nothing).unwrap().retention;
    let west = |tags: &[(&str, &str)]| candidate("a", "West Europe", tags);
    assert_eq!(retention(&own, &west(&[])).as_deref(), Some("P7D"));
    assert_eq!(retention(&own, &west(&[("Env", "test")])).as_deref(), Some("P14D"));
    assert_eq!(retention(&own, &west(&[("env", "prod")])).as_deref(), Some("P30D"));
    let north = candidate("a", "northeurope", &[("env", "prod")]);
    assert_eq!(retention(&own, &north).as_deref(), Some("P14D"));
}

#[test]
fn an_override_can_include_what_another_one_excludes() {
    let own = template("[[overrides]]\nname = \"*\"\nexclude = true\n[[overrides]]\nname = \"aks-prod-*\"\n");
    assert!(!own.includes(&candidate("aks-test", "x", &[])));
    assert!(own.includes(&candidate("aks-prod-1", "x", &[])));
}

#[test]
fn placeholders_are_filled_in_and_what_exists_is_left_alone() {
    let own = template("[target]\nvault.name = \"bv-{region}-{hash}\"\nstorage.account = \"stbackup{region}\"\n");
    let cluster = candidate("aks", "West Europe", &[]);
    let new = own.flags(&cluster, Adopted::Nothing).unwrap();
    let vault = new.vault.unwrap().to_string();
    assert!(vault.starts_with("bv-westeurope-") && vault.len() == 22, "{vault}");
    assert!(new.storage_account.is_some() && new.sets.len() == 1);
    let installed = own.flags(&cluster, Adopted::Extension).unwrap();
    assert!(installed.storage_account.is_none() && installed.vault.is_some());
    let protected = own.flags(&cluster, Adopted::Instance).unwrap();
    assert!(protected.from_azure && protected.vault.is_none() && protected.sets.is_empty());
}
