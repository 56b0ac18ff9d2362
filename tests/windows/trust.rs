//! Certificates, and programs that lie about.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage, finish};

use crate::wine::windows;

#[test]
fn the_certificates_of_the_environment_are_the_ones_that_are_trusted() {
    let stage = Stage::new().unwrap();
    let mut command = windows(&stage.az_command("platform", &INIT));
    command.env_remove("SSL_CERT_FILE");
    let run = finish(&mut command);
    assert!(
        run.code != 0 && run.stderr.contains("SSL_CERT_FILE=FILE"),
        "an unknown authority is refused\n{run}"
    );

    let mut command = windows(&stage.az_command("platform", &INIT));
    command.env("SSL_CERT_FILE", r"Z:\no\such\file.pem");
    finish(&mut command)
        .ends(Exit::Usage.code())
        .says("no certificate found by SSL_CERT_FILE");
    finish(&mut windows(&stage.az_command("platform", &INIT))).ok();
}

/// Windows looks for programs in the current folder first, unless it is asked not to: a folder with somebody else's state file could
/// bring an `az` along.
#[test]
fn no_program_of_the_current_folder_is_started() {
    let stage = Stage::new().unwrap();
    for name in ["az.cmd", "az.bat", "az.exe", "kubelogin.cmd", "kubelogin.bat"] {
        std::fs::write(stage.folder().join(name), "@echo started > started.txt\r\n").unwrap();
    }
    let mut command = windows(&stage.az_command("platform", &INIT));
    for name in ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID"] {
        command.env_remove(name);
    }
    let run = finish(&mut command);
    assert_eq!(run.code, i32::from(Exit::NotPermitted.code()), "{run}");
    assert!(
        !stage.folder().join("started.txt").exists(),
        "the folder's own az was started\n{run}"
    );
}
