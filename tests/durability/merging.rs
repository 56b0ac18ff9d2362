//! `merge` and `diff`: copies that went to two teams.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::terminal::answered;

use crate::copies::{Copies, PROGRAMS, released};

/// A merge that takes what either program wrote.
const THEIRS: [&str; 6] = ["merge", "theirs.toml", "--theirs", "cloud", "--theirs", "cluster"];

/// The writing of `[cluster.rollout]` in the file of release 2.
const ROLLOUT: &str = "7829af500a61412d";

/// A file whose rollout was written anew, by `id` after `after`.
fn rolled_out(id: &str, after: &str, deployment: &str) -> String {
    let text = released("2-protected.toml");
    let (before, table) = text.split_once("[cluster.rollout]").unwrap();
    let (_, rest) = table.split_once("[cluster.verification]").unwrap();
    format!(
        "{before}[cluster.rollout]\ndeployments = [\"{deployment}\"]\nwritten = {{ id = \"{id}\", ancestors = [\"{after}\"], \
         observed_at = \"2026-12-01T00:00:00Z\", by = \"{id}-person\", tool = \"kubectl-aksbackup 9\" }}\n\n[cluster.verification]{rest}"
    )
}

#[test]
fn a_copy_that_is_ahead_is_taken_whole_and_a_second_merge_finds_nothing() {
    for program in PROGRAMS {
        let copies = Copies::of("2-unconfigured.toml");
        let comment = "# ours\n";
        copies.write("aksbackup.toml", &format!("{}{comment}", copies.text("aksbackup.toml")));
        copies.write(
            "theirs.toml",
            &format!("{}\n[extra]\nx = 1\n", released("2-protected.toml")),
        );
        let before = copies.text("aksbackup.toml");
        copies
            .run(program, &[&THEIRS[..], &["--dry-run"]].concat())
            .ends(Exit::Pending.code())
            .says("cluster.rollout: from theirs.toml (by cluster-admin");
        assert_eq!(copies.text("aksbackup.toml"), before);
        copies.run(program, &THEIRS).ok().says("merge: wrote");
        copies
            .run(program, &["diff", "theirs.toml"])
            .ok()
            .says("have the same values");
        let text = copies.text("aksbackup.toml");
        assert!(
            text.contains(comment) && text.contains("[extra]") && !text.contains("removed"),
            "{text}"
        );
        copies
            .run(program, &["merge", "theirs.toml"])
            .ok()
            .says("nothing to do");
        assert_eq!(copies.text("aksbackup.toml"), text);
        // The other way round: the copy that is behind brings nothing back.
        copies.write("behind.toml", &before);
        copies.run(program, &["merge", "behind.toml"]).ok();
        assert!(copies.text("aksbackup.toml").contains("[cluster.rollout]"));
    }
}

/// The file with another vault group, in a `[target]` that claims to come after ours.
fn forged(text: &str) -> String {
    let target: toml::Table = toml::from_str(text).unwrap();
    let own = target["target"]["written"]["id"].as_str().unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with("written") && line.contains(own))
        .unwrap();
    let claim = format!(
        r#"written = {{ id = "aaaaaaaaaaaaaaaa", ancestors = ["{own}"], observed_at = "2026-12-01T00:00:00Z", by = "platform", tool = "az-aksbackup 9" }}"#
    );
    let (before, vault) = text.split_once("[target.vault]").unwrap();
    let vault = vault.replacen("rg-backup", "rg-attack", 1);
    format!("{before}[target.vault]{vault}").replace(line, &claim)
}

#[test]
fn our_target_is_not_taken_from_a_copy_that_claims_to_come_after_it() {
    for program in PROGRAMS {
        let copies = Copies::of("2-protected.toml");
        let before = copies.text("aksbackup.toml");
        copies.write("theirs.toml", &forged(&before));
        for words in [&["merge", "theirs.toml"][..], &["merge", "theirs.toml", "--yes"]] {
            copies
                .run(program, words)
                .ends(Exit::StateUnreadable.code())
                .says("by platform, 2026-12-01")
                .says(r#"ours:   "rg-backup""#)
                .says(r#"theirs: "rg-attack""#)
                .says("merge theirs.toml --theirs target");
            assert_eq!(copies.text("aksbackup.toml"), before);
        }
        let document = copies
            .run(program, &["merge", "theirs.toml", "-o", "json"])
            .ends(Exit::StateUnreadable.code())
            .json();
        assert_eq!(document["conflicts"][0]["own"], true, "{document}");
        copies.run(program, &["merge", "theirs.toml", "--ours", "target"]).ok();
        assert!(!copies.text("aksbackup.toml").contains("rg-attack"));
        copies
            .run(program, &["merge", "theirs.toml", "--theirs", "target"])
            .ok();
        assert!(copies.text("aksbackup.toml").contains("rg-attack"));
    }
}

#[test]
fn a_person_at_a_terminal_sees_the_values_before_they_are_taken() {
    for (program, answer, taken) in [
        ("az-aksbackup", "y\n", true),
        ("kubectl-aksbackup", "n\n", false),
        ("kubectl-aksbackup", "y\n", true),
    ] {
        let copies = Copies::of("2-protected.toml");
        copies.write("theirs.toml", &forged(&copies.text("aksbackup.toml")));
        let run = answered(
            copies.command(program, &["merge", "theirs.toml"]),
            "Take target from theirs.toml?",
            answer,
        );
        run.unwrap().says(r#"theirs: "rg-attack""#);
        assert_eq!(copies.text("aksbackup.toml").contains("rg-attack"), taken);
    }
}

#[test]
fn what_a_program_writes_itself_is_not_taken_from_a_copy_either() {
    for (program, own, other) in [
        ("az-aksbackup", "cloud", "cluster"),
        ("kubectl-aksbackup", "cluster", "cloud"),
    ] {
        let copies = Copies::of("2-unconfigured.toml");
        copies.write("theirs.toml", &released("2-protected.toml"));
        let before = copies.text("aksbackup.toml");
        let run = copies
            .run(program, &["merge", "theirs.toml"])
            .ends(Exit::StateUnreadable.code())
            .says(&format!(" --theirs {own}."));
        assert!(!run.stderr.contains(&format!("--theirs {other}.")), "{run}");
        assert_eq!(copies.text("aksbackup.toml"), before);
    }
}

#[test]
fn a_true_conflict_shows_both_sides_and_is_decided_by_table() {
    for program in PROGRAMS {
        let copies = Copies::of("2-protected.toml");
        let (ours, theirs) = (rolled_out("aaaa", ROLLOUT, "one"), rolled_out("bbbb", ROLLOUT, "two"));
        copies.write("aksbackup.toml", &ours);
        copies.write("b.toml", &theirs);
        copies
            .run(program, &["merge", "b.toml"])
            .ends(Exit::StateUnreadable.code())
            .says("cluster.rollout")
            .says("by aaaa-person, 2026-12-01")
            .says("by bbbb-person, 2026-12-01")
            .says("\"one\"")
            .says("merge b.toml --theirs cluster.rollout");
        assert_eq!(copies.text("aksbackup.toml"), ours);
        let document = copies
            .run(program, &["merge", "b.toml", "-o", "json"])
            .ends(Exit::StateUnreadable.code())
            .json();
        assert_eq!(document["conflicts"][0]["theirs"]["written"]["by"], "bbbb-person");
        copies
            .run(
                program,
                &["merge", "b.toml", "--ours", "cluster", "--theirs", "cluster"],
            )
            .ends(Exit::Usage.code());
        copies.run(program, &["merge", "b.toml", "--theirs", "cluster"]).ok();
        assert!(copies.text("aksbackup.toml").contains("\"two\""));
        copies.write("old.toml", &ours);
        copies.run(program, &["merge", "old.toml"]).ok();
        assert!(
            copies.text("aksbackup.toml").contains("\"two\""),
            "what was decided is not asked again"
        );
    }
}

#[test]
fn copies_alone_make_the_state_file_unless_they_conflict_or_are_broken() {
    for program in PROGRAMS {
        let copies = Copies::of("2-protected.toml");
        copies.write("a.toml", &rolled_out("aaaa", ROLLOUT, "one"));
        copies.write("b.toml", &rolled_out("bbbb", ROLLOUT, "two"));
        copies.write("bad.toml", "schema = 2\nx = \n");
        let merge = |words: &[&str]| copies.run(program, &[&["merge", "--state", "new.toml"], words].concat());
        merge(&["a.toml", "b.toml"])
            .ends(Exit::StateUnreadable.code())
            .says("nothing was written");
        assert!(!copies.has("new.toml"), "it was written");
        for more in [&[][..], &["--dry-run"]] {
            merge(&[&["bad.toml"], more].concat())
                .ends(Exit::StateUnreadable.code())
                .says("bad.toml:2:5");
        }
        merge(&["a.toml", "b.toml", "--ours", "cluster"]).ok();
        assert!(copies.text("new.toml").contains("\"one\""));
    }
}

#[test]
fn a_file_that_another_digest_was_agreed_on_for_is_neither_merged_nor_migrated_nor_compared() {
    for program in PROGRAMS {
        let copies = Copies::of("1-prepared.toml");
        copies.write("theirs.toml", &released("1-protected.toml"));
        let before = copies.text("aksbackup.toml");
        let other = "0".repeat(64);
        for words in [
            &["merge", "theirs.toml"][..],
            &["merge", "theirs.toml", "--dry-run"],
            &["migrate", "--yes"],
            &["migrate", "--dry-run"],
            &["diff", "theirs.toml"],
        ] {
            let run = copies.run(program, &[words, &["--expect-digest", &other]].concat());
            run.ends(Exit::StateUnreadable.code()).says("expected digest");
        }
        assert_eq!(copies.text("aksbackup.toml"), before);
        let status = copies.run(program, &["status", "--offline", "-o", "json"]).ok().json();
        let own = status["digest"].as_str().unwrap();
        copies
            .run(program, &[&THEIRS[..], &["--expect-digest", own]].concat())
            .ok();
    }
}

#[test]
fn a_file_that_nobody_could_read_again_is_not_written() {
    for program in PROGRAMS {
        let copies = Copies::of("2-unconfigured.toml");
        let long = |text: String| format!("{text}\n# {}\n", "x".repeat(255 * 1024 - text.len()));
        copies.write("aksbackup.toml", &long(copies.text("aksbackup.toml")));
        copies.write(
            "theirs.toml",
            &format!(
                "{}\n[extra]\nx = \"{}\"\n",
                released("2-protected.toml"),
                "x".repeat(9999)
            ),
        );
        let before = copies.text("aksbackup.toml");
        copies
            .run(program, &THEIRS)
            .ends(Exit::StateUnreadable.code())
            .says("larger than 256 KiB");
        assert_eq!(copies.text("aksbackup.toml"), before);
    }
}

#[test]
fn other_clusters_newer_files_and_files_that_are_not_there_are_refused() {
    for program in PROGRAMS {
        let copies = Copies::of("2-protected.toml");
        let text = copies.text("aksbackup.toml");
        copies.write(
            "other.toml",
            &text.replace("managedClusters/aks-demo\"", "managedClusters/other\""),
        );
        copies
            .run(program, &["merge", "other.toml"])
            .ends(Exit::Usage.code())
            .says("belong to different clusters");
        copies.write("newer.toml", &text.replace("schema = 2\n", "schema = 3\n"));
        copies
            .run(program, &["merge", "newer.toml"])
            .ends(Exit::StateUnreadable.code())
            .says("schema 3");
        copies
            .run(program, &["merge", "none.toml"])
            .ends(Exit::Missing.code())
            .says("none.toml");
        copies.write("bad.toml", "schema = 2\nx = \n");
        copies
            .run(program, &["merge", "bad.toml"])
            .ends(Exit::StateUnreadable.code())
            .says("bad.toml:2:5");
        assert_eq!(copies.text("aksbackup.toml"), text);
    }
}

#[test]
fn diff_says_what_differs_in_words_and_in_json() {
    for program in PROGRAMS {
        let copies = Copies::of("2-protected.toml");
        copies
            .run(program, &["diff", "aksbackup.toml", "aksbackup.toml"])
            .ok()
            .says("have the same values");
        copies.write("b.toml", &rolled_out("bbbb", ROLLOUT, "two"));
        copies
            .run(program, &["diff", "b.toml"])
            .ends(Exit::Pending.code())
            .says("cluster.rollout: b.toml is newer (by bbbb-person, 2026-12-01")
            .says("b.toml: \"two\"");
        let document = copies
            .run(program, &["diff", "b.toml", "-o", "json"])
            .ends(Exit::Pending.code())
            .json();
        assert_eq!(document["differences"][0]["later"], "right", "{document}");
        copies.write("c.toml", &released("2-unconfigured.toml"));
        copies
            .run(program, &["diff", "c.toml"])
            .ends(Exit::Pending.code())
            .says("cloud.instance: only in aksbackup.toml");
    }
}

#[test]
fn two_teams_with_a_copy_each_come_together() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    std::fs::copy(stage.state(), stage.folder().join("theirs.toml")).unwrap();
    stage.grant("owner").ok();
    let theirs = stage.configure("cluster-admin", &["--state", "theirs.toml"]);
    let copy = std::fs::read_to_string(stage.folder().join("theirs.toml")).unwrap();
    assert!(
        copy.contains("[cluster.workloads]") && !copy.contains("[cloud.roles]"),
        "{theirs}"
    );
    stage.az("platform", &["merge", "theirs.toml"]).ok();
    let text = stage.state_text();
    assert!(
        text.contains("[cluster.workloads]") && text.contains("[cloud.roles]"),
        "{text}"
    );
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
}
