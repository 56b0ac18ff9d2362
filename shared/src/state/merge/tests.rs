use super::*;

const COMMON: &str = "schema = 2\nmine = 1\n[target]\ncluster = \"/subscriptions/s/aks\"\ntenant = \"t\"\n\
    written = { id = \"t1\", observed_at = \"2026-01-01T00:00:00Z\", by = \"p\", tool = \"az 1\" }\n";

fn copy(rest: &str) -> Table {
    format!("{COMMON}{rest}").parse().unwrap()
}

fn signed(id: &str, ancestors: &[&str], second: u8) -> String {
    format!(
        "written = {{ id = \"{id}\", ancestors = {ancestors:?}, observed_at = \"2026-01-01T00:00:{second:02}Z\", by = \"{id}-person\", tool = \"az 1\" }}\n"
    )
}

fn roles(value: &str, id: &str, ancestors: &[&str], second: u8) -> String {
    format!("[cloud.roles]\nvalue = \"{value}\"\n{}", signed(id, ancestors, second))
}

fn open(_: &str) -> Option<Side> {
    None
}

fn merged(ours: &Table, theirs: &Table) -> Table {
    merge(ours, theirs, &open).unwrap().document
}

fn conflicts(ours: &Table, theirs: &Table) -> Vec<String> {
    match merge(ours, theirs, &open) {
        Err(Refusal::Conflicts(conflicts)) => conflicts.into_iter().map(|conflict| conflict.table).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_copy_merged_with_itself_stays_as_it_is() {
    let ours = copy(&roles("a", "a", &[], 1));
    let merged = merge(&ours, &ours, &open).unwrap();
    assert_eq!(merged.document, ours);
    assert!(merged.taken.is_empty());
}

#[test]
fn the_writing_that_the_other_led_to_wins_whatever_the_clocks_say() {
    let old = copy(&roles("a", "a", &[], 9));
    let new = copy(&roles("c", "c", &["b", "a"], 1));
    assert_eq!(merged(&old, &new), new);
    assert_eq!(merged(&new, &old), new);
}

#[test]
fn what_only_one_side_has_is_kept_unknown_tables_and_keys_as_well() {
    let mut ours = copy("[unknown]\nx = 1\n[cloud.roles]\nvalue = 1\n");
    let mut theirs = copy("[cluster.rollout]\nvalue = 1\n[cluster.future]\nx = 1\n");
    ours.insert("our_key".into(), 1.into());
    theirs.insert("their_key".into(), 2.into());
    let both = merge(&ours, &theirs, &open).unwrap();
    let taken: Vec<_> = both.taken.iter().map(|taken| taken.table.as_str()).collect();
    assert_eq!(taken, ["cluster.rollout", "cluster.future", "their_key"]);
    assert!(both.document.contains_key("our_key"));
    assert!(both.document.contains_key("unknown"));
}

#[test]
fn equal_values_are_no_conflict_and_remember_both_writings() {
    let one = copy(&roles("/subscriptions/A", "a", &["x"], 1));
    let other = copy(&roles("/subscriptions/a", "b", &["x"], 2));
    let both = merged(&one, &other);
    assert_eq!(both, merged(&other, &one));
    let written: Written = both["cloud"]["roles"]["written"].clone().try_into().unwrap();
    assert_eq!(
        (written.id.as_str(), written.ancestors),
        ("b", vec!["x".into(), "a".into()])
    );
}

#[test]
fn a_true_conflict_names_both_sides_and_is_decided_by_table() {
    let one = copy(&roles("a", "a", &["x"], 1));
    let other = copy(&roles("b", "b", &["x"], 2));
    let Err(Refusal::Conflicts(found)) = merge(&one, &other, &open) else {
        panic!("no conflict")
    };
    assert_eq!(found[0].table, "cloud.roles");
    assert_eq!(found[0].ours.written.as_ref().unwrap().by, "a-person");
    assert_eq!(found[0].theirs.values.as_ref().unwrap()["value"].as_str(), Some("b"));
    let theirs = merge(&one, &other, &|_| Some(Side::Theirs)).unwrap().document;
    assert_eq!(theirs["cloud"]["roles"]["value"].as_str(), Some("b"));
    assert_eq!(
        merged(&theirs, &one),
        theirs,
        "what was decided once is not asked again"
    );
    let ours = merge(&one, &other, &|_| Some(Side::Ours)).unwrap().document;
    assert_eq!(ours["cloud"]["roles"]["value"].as_str(), Some("a"));
    assert_eq!(
        conflicts(&ours, &theirs),
        ["cloud.roles"],
        "decided in two ways is a conflict again"
    );
}

#[test]
fn a_change_by_hand_under_the_same_signature_is_a_conflict() {
    let one = copy(&roles("a", "a", &[], 1));
    assert_eq!(conflicts(&one, &copy(&roles("b", "a", &[], 1))), ["cloud.roles"]);
    assert_eq!(
        conflicts(&one, &copy("[cloud.roles]\nvalue = \"b\"\n")),
        ["cloud.roles"]
    );
}

#[test]
fn a_table_that_was_taken_away_stays_away() {
    let with = copy(&roles("a", "a", &[], 1));
    let gone = copy(&format!(
        "[cloud]\nremoved = [{{ table = \"roles\", {} }}]\n",
        signed("g", &["a"], 2).trim_end()
    ));
    assert_eq!(merged(&with, &gone), gone);
    assert_eq!(merged(&gone, &with), gone);
    let back = copy(&roles("c", "c", &["g", "a"], 3));
    assert_eq!(merged(&gone, &back), merged(&back, &gone));
    assert!(merged(&gone, &back)["cloud"].get("removed").is_none());
    let aside = copy(&roles("d", "d", &["a"], 3));
    assert_eq!(conflicts(&gone, &aside), ["cloud.roles"]);
}

#[test]
fn files_of_two_clusters_are_refused() {
    let other: Table = COMMON.replace("/aks", "/other").parse().unwrap();
    assert!(matches!(
        merge(&copy(""), &other, &open),
        Err(Refusal::OtherTarget("cluster", _, _))
    ));
    let shouted: Table = COMMON.replace("/aks\"", "/AKS\"").parse().unwrap();
    assert!(!matches!(
        merge(&copy(""), &shouted, &open),
        Err(Refusal::OtherTarget(..))
    ));
}

fn noted(key: &str, object: &str, second: u8) -> String {
    format!("{key} = [{{ step = \"storage\", object = \"{object}\", at = \"2026-01-01T00:00:{second:02}Z\" }}]\n")
}

#[test]
fn intents_hold_until_a_later_copy_has_seen_what_became_of_them() {
    let intent = copy(&format!("[cloud]\n{}", noted("intents", "/a", 5)));
    assert_eq!(merged(&intent, &copy("")), merged(&copy(""), &intent));
    assert_eq!(merged(&intent, &copy("")), intent);
    let made = copy(&format!("[cloud]\n{}", noted("created", "/A", 5)));
    assert_eq!(merged(&intent, &made), made);
    assert_eq!(merged(&made, &intent), made);
    let again = copy(&format!(
        "[cloud]\n{}{}",
        noted("intents", "/a", 7),
        noted("created", "/a", 5)
    ));
    assert_eq!(
        merged(&again, &made)["cloud"]["intents"].as_array().map(Vec::len),
        Some(1)
    );
    let storage = |second| copy(&format!("[cloud.storage]\n{}", signed("s", &[], second)));
    assert_eq!(merged(&intent, &storage(6)), storage(6));
    assert!(merged(&intent, &storage(4))["cloud"].get("intents").is_some());
}
