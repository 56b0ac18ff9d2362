//! `kubectl-aksbackup`: the cluster side of aksbackup.

fn main() -> std::process::ExitCode {
    kubectl_aksbackup::main()
}
