//! `az-aksbackup`: the cloud plane of aksbackup.

fn main() -> std::process::ExitCode {
    az_aksbackup::main()
}
