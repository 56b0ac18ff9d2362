//! The format's number, its migration, its schema, and what a file may look like.

use aksbackup_shared::exit::Exit;

use crate::copies::{Copies, PROGRAMS};

#[test]
fn an_older_file_is_raised_on_request_alone() {
    for program in PROGRAMS {
        let copies = Copies::of("1-protected.toml");
        let before = copies.text("aksbackup.toml");
        copies
            .run(program, &["migrate", "--dry-run"])
            .ends(Exit::Pending.code())
            .says("from schema 1 to 2");
        copies.run(program, &["migrate"]).ends(Exit::Usage.code()).says("--yes");
        assert_eq!(copies.text("aksbackup.toml"), before);
        copies.write("old.toml", &before);
        let document = copies.run(program, &["migrate", "--yes", "-o", "json"]).ok().json();
        assert_eq!(
            (document["from"].as_u64(), document["changed"].as_bool()),
            (Some(1), Some(true))
        );
        let text = copies.text("aksbackup.toml");
        assert!(text.starts_with("#:schema ") && text.contains("schema = 2\n"), "{text}");
        copies.run(program, &["migrate", "--yes"]).ok().says("nothing to do");
        copies
            .run(program, &["diff", "old.toml"])
            .ok()
            .says("have the same values");
        copies
            .run(program, &["migrate", "--state", "none.toml"])
            .ends(Exit::Missing.code());
    }
}

#[test]
fn an_older_file_is_merged_in_its_own_number() {
    let copies = Copies::of("1-prepared.toml");
    copies.write("theirs.toml", &crate::copies::released("1-protected.toml"));
    copies
        .run("kubectl-aksbackup", &["merge", "theirs.toml", "--theirs", "cluster"])
        .ok();
    let text = copies.text("aksbackup.toml");
    assert!(
        text.contains("schema = 1\n") && text.contains("[cluster.rollout]") && !text.contains("ancestors"),
        "{text}"
    );
}

#[test]
fn a_newer_file_is_shown_and_never_written() {
    for program in PROGRAMS {
        let copies = Copies::of("2-protected.toml");
        let newer = copies.text("aksbackup.toml").replace("schema = 2\n", "schema = 3\n");
        copies.write("aksbackup.toml", &newer);
        copies
            .run(program, &["status", "--offline"])
            .ok()
            .says("ProtectionConfigured");
        for arguments in [["migrate", "--yes"], ["merge", "aksbackup.toml"]] {
            copies
                .run(program, &arguments)
                .ends(Exit::StateUnreadable.code())
                .says("schema 3")
                .says("install the version");
        }
        assert_eq!(copies.text("aksbackup.toml"), newer);
    }
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_become_unix_ones() {
    for program in PROGRAMS {
        let copies = Copies::of("1-protected.toml");
        let text = copies.text("aksbackup.toml");
        copies.write("aksbackup.toml", &format!("\u{feff}{}", text.replace('\n', "\r\n")));
        copies.run(program, &["migrate", "--yes"]).ok();
        let now = copies.text("aksbackup.toml");
        assert!(!now.contains('\r') && now.starts_with("#:schema "), "{now}");
    }
}

#[test]
fn both_programs_print_the_schema_of_the_docs() {
    let kept = include_str!("../../docs/state-file.schema.json");
    for program in PROGRAMS {
        let copies = Copies::of("2-protected.toml");
        assert_eq!(copies.run(program, &["schema"]).ok().stdout, kept);
    }
    let schema: serde_json::Value = serde_json::from_str(kept).unwrap();
    let judge = jsonschema::validator_for(&schema).unwrap();
    for name in ["2-protected.toml", "2-unconfigured.toml"] {
        let file: serde_json::Value = toml::from_str(&crate::copies::released(name)).unwrap();
        let errors: Vec<String> = judge.iter_errors(&file).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
    }
    let wrong = serde_json::json!({ "schema": "two" });
    assert!(!judge.is_valid(&wrong));
}
