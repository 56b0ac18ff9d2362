//! Paths as Windows has them.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage};

use crate::wine::{az, spelled};

#[test]
fn a_state_file_is_found_by_every_spelling_of_its_path() {
    let stage = Stage::new().unwrap();
    let folder = stage.folder().join("Zoë Müller").join("Über uns (1)");
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("cluster one.toml");
    let absolute = spelled(&file);
    let relative = "Zoë Müller\\Über uns (1)\\cluster one.toml";
    az(&stage, "platform", &[&INIT, ["--state", &absolute].as_slice()].concat()).ok();
    assert!(file.is_file(), "written where it was asked for");
    let verbatim = format!(r"\\?\{absolute}");
    let slashes = absolute.replace('\\', "/");
    for spelling in [absolute.as_str(), relative, &verbatim, &slashes] {
        let run = az(&stage, "platform", &["status", "--offline", "--state", spelling]).ok();
        assert!(run.stdout.contains("cluster prerequisites"), "{spelling}\n{run}");
    }
}

#[test]
fn a_path_of_more_than_260_characters_is_one_like_any_other() {
    let stage = Stage::new().unwrap();
    let folder = (0..6).fold(stage.folder().to_owned(), |folder, _| folder.join("a".repeat(60)));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("aksbackup.toml");
    let path = spelled(&file);
    assert!(path.len() > 260);
    az(&stage, "platform", &[&INIT, ["--state", &path].as_slice()].concat()).ok();
    az(
        &stage,
        "platform",
        &["init", "--retention", "30d", "--yes", "--state", &path],
    )
    .ok();
    assert!(file.is_file() && file.with_file_name("aksbackup.toml.lock").is_file());
    az(&stage, "platform", &["status", "--offline", "--state", &path]).ok();
}

#[test]
fn a_name_that_windows_does_not_allow_is_refused_and_not_waited_for() {
    let stage = Stage::new().unwrap();
    for name in ["a?b.toml", "a<b>.toml", "a|b.toml", r"\\server"] {
        let run = az(&stage, "platform", &["status", "--offline", "--state", name]);
        let expected = [Exit::Missing, Exit::StateUnreadable, Exit::Usage].map(|exit| i32::from(exit.code()));
        assert!(expected.contains(&run.code), "{name}\n{run}");
        assert!(run.stderr.contains("error:"), "{name}\n{run}");
    }
    // Devices: reading one would wait for a keyboard, writing to one would lose the file.
    for name in ["CON", "aux", "NUL", "com1.toml"] {
        let run = az(&stage, "platform", &["status", "--offline", "--state", name]);
        assert_ne!(run.code, 0, "{name}\n{run}");
        let run = az(&stage, "platform", &[&INIT, ["--state", name].as_slice()].concat());
        assert_ne!(run.code, 0, "{name} was taken for a file\n{run}");
    }
}
