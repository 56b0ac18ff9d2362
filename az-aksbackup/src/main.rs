//! `az-aksbackup`: the cloud plane of aksbackup.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
