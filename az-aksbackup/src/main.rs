//! `az-aksbackup`: the Azure side of aksbackup.

fn main() -> std::process::ExitCode {
    az_aksbackup::main()
}
