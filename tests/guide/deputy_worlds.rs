//! `grant` through the real program in random worlds of namesakes: whatever a file says, roles go to nothing but the resources
//! that the person named.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;
use serde_json::Value;

const WORLDS: u64 = 50;
const GROUPS: [&str; 2] = ["rg-evil", "rg-team"];

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % count
    }
}

/// The file with its target alone, in which a stranger put some resources into other groups.
fn forged(text: &str, dice: &mut Dice) -> (String, bool) {
    let target = text.split("\n[cloud").next().unwrap();
    let mut forged = String::new();
    let mut honest = true;
    for line in target.lines() {
        let of_group = line.starts_with("cluster = ") || line.starts_with("resource_group = ");
        let group = GROUPS[dice.below(GROUPS.len())];
        match of_group && dice.below(5) == 0 {
            true => {
                honest = false;
                let own = ["rg-aks", "rg-backup", "rg-snapshots"];
                forged.push_str(&own.iter().fold(line.to_owned(), |line, own| line.replace(own, group)));
            }
            false => forged.push_str(line),
        }
        forged.push('\n');
    }
    (forged, honest)
}

#[test]
fn roles_go_to_nothing_but_what_the_person_named() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let text = stage.state_text();
    let resources = ["/target/cluster", "/cloud/vault/vault", "/cloud/storage/account"].map(|at| stage.value(at));
    let principals = [
        "/cloud/identity/principal",
        "/cloud/vault/principal",
        "/cloud/prerequisites/cluster_principal",
    ]
    .map(|at| stage.value(at));
    let scopes = [
        &resources[0],
        &resources[2],
        &stage.value("/cloud/storage/snapshot_group"),
    ]
    .map(|id| id.to_lowercase());
    let vouchers = stage.vouchers();
    let flags: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    let memory = stage.sandbox.azure().remember();
    let before = stage.sandbox.role_assignments().len();
    let mut granted = 0;
    for world in 0..WORLDS {
        let mut dice = Dice(world);
        for id in &resources {
            for group in GROUPS {
                if dice.below(3) > 0 {
                    stage.sandbox.azure().namesake(id, group, "attacker");
                }
            }
        }
        let (file, honest) = forged(&text, &mut dice);
        std::fs::write(stage.state(), file).unwrap();
        let run = stage.az("owner", &[&["grant", "--yes"], flags.as_slice()].concat());
        assert_eq!(run.code == i32::from(Exit::Done.code()), honest, "world {world}\n{run}");
        let all = stage.sandbox.role_assignments();
        for own in &all[before..] {
            let text = |at: &str| {
                own.pointer(at)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_lowercase()
            };
            assert!(
                principals.contains(&text("/properties/principalId")),
                "world {world}: {own:#}\n{run}"
            );
            assert!(
                scopes.contains(&text("/properties/scope")),
                "world {world}: {own:#}\n{run}"
            );
        }
        granted += usize::from(all.len() == before + 4);
        stage.sandbox.azure().recall(&memory);
    }
    assert!(granted > 5, "the honest get their roles: {granted}");
}
