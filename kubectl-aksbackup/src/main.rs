//! `kubectl-aksbackup`: the cluster plane of aksbackup.

fn main() -> std::process::ExitCode {
    kubectl_aksbackup::main()
}
