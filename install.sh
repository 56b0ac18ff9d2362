#!/bin/sh
# Builds aksbackup from source and installs it. See --help.
set -eu

usage() {
    cat <<'TEXT'
usage: ./install.sh [--prefix DIR] [--try [--keep]] | --uninstall [--prefix DIR]

Builds az-aksbackup and kubectl-aksbackup and installs them into DIR/bin, with man pages and shell completions into
DIR/share (default: $PREFIX, else ~/.local).

  --try        then play a whole hand-off on a simulated Azure and Kubernetes on this machine, as three people with three
               different sets of rights; needs no account and no network once the dependencies are there
  --keep       leave the simulation running afterwards and print how to go on by hand
  --uninstall  remove what was installed
  --prefix DIR where to install
TEXT
}

main() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    prefix=${PREFIX:-$HOME/.local}
    try='' keep='' uninstall=''
    while [ $# -gt 0 ]; do
        case $1 in
        --prefix) [ $# -gt 1 ] || fail 2 '--prefix needs a folder'; prefix=$2; shift ;;
        --prefix=*) prefix=${1#--prefix=} ;;
        --try) try=yes ;;
        --keep) keep=yes ;;
        --uninstall) uninstall=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
        esac
        shift
    done
    case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac
    bin=$prefix/bin
    if [ -n "$uninstall" ]; then
        remove
        exit 0
    fi
    [ -z "$keep" ] || [ -n "$try" ] || fail 2 '--keep goes with --try'
    command -v cargo >/dev/null 2>&1 || fail 1 'cargo is needed to build: install Rust 1.89 or later'
    build_and_install
    [ -z "$try" ] || play
}

say() { printf '%s\n' "$*" >&2; }

fail() {
    code=$1
    shift
    say "install.sh: $*"
    exit "$code"
}

# Everything that is installed, below the prefix.
installed() {
    for name in az-aksbackup kubectl-aksbackup; do
        printf '%s\n' "bin/$name" "share/bash-completion/completions/$name" "share/zsh/site-functions/_$name" \
            "share/fish/vendor_completions.d/$name.fish"
        for page in "$prefix/share/man/man1/$name".1 "$prefix/share/man/man1/$name"-*.1; do
            [ ! -e "$page" ] || printf '%s\n' "${page#"$prefix"/}"
        done
    done
    printf '%s\n' bin/kubectl_complete-aksbackup
}

remove() {
    installed | while read -r file; do
        rm -f "$prefix/$file"
    done
    say "removed aksbackup from $prefix"
}

build_and_install() {
    say 'building the two binaries (a few minutes the first time)'
    (cd "$root" && cargo build --quiet --release --locked --package az-aksbackup --package kubectl-aksbackup)
    target=${CARGO_TARGET_DIR:-$root/target}
    mkdir -p "$bin"
    for name in az-aksbackup kubectl-aksbackup; do
        # A running program cannot be written over, but it can be replaced.
        cp "$target/release/$name" "$bin/.$name.new"
        mv -f "$bin/.$name.new" "$bin/$name"
    done
    cp "$root/kubectl-aksbackup/kubectl_complete-aksbackup" "$bin/.kubectl_complete.new"
    chmod 755 "$bin/.kubectl_complete.new"
    mv -f "$bin/.kubectl_complete.new" "$bin/kubectl_complete-aksbackup"
    for name in az-aksbackup kubectl-aksbackup; do
        share "$name"
    done
    say "installed az-aksbackup and kubectl-aksbackup into $bin, man pages and completions into $prefix/share"
    case :$PATH: in
    *:"$bin":*) ;;
    *) say "add it to your PATH:  export PATH=\"$bin:\$PATH\"" ;;
    esac
}

# Man pages and completions of one program, made by itself.
share() {
    "$bin/$1" __man "$prefix/share/man/man1"
    mkdir -p "$prefix/share/bash-completion/completions" "$prefix/share/zsh/site-functions" \
        "$prefix/share/fish/vendor_completions.d"
    "$bin/$1" completion bash >"$prefix/share/bash-completion/completions/$1"
    "$bin/$1" completion zsh >"$prefix/share/zsh/site-functions/_$1"
    "$bin/$1" completion fish >"$prefix/share/fish/vendor_completions.d/$1.fish"
}

# The hand-off, played by three people. Each holds only the rights of their persona.
play() {
    say 'building the simulation'
    (cd "$root" && cargo build --quiet --locked --package aksbackup-tests --bin aksbackup-sandbox)
    world=$(mktemp -d "${TMPDIR:-/tmp}/aksbackup-try.XXXXXX")
    state=$world/aksbackup.toml
    PATH=$bin:$PATH
    export PATH
    trap stop EXIT
    trap 'exit 130' INT TERM
    start

    person platform 'platform team: Contributor on the groups of cluster, storage and vault'
    run az-aksbackup init --resource-group rg-aks --cluster-name aks-demo --storage-resource-group rg-backup \
        --vault-resource-group rg-backup --snapshot-group rg-snapshots --state "$state" --yes
    run az-aksbackup prepare --state "$state" --yes

    person owner 'subscription owner: may read, and assign roles'
    vault=$(sed -n '/^\[target.vault\]/,/^\[/s/^name = "\(.*\)"/\1/p' "$state")
    account=$(sed -n '/^\[target.storage\]/,/^\[/s/^account = "\(.*\)"/\1/p' "$state")
    run az-aksbackup grant --state "$state" --vault "$vault" --snapshot-group rg-snapshots \
        --storage-account "$account" --yes

    person cluster-admin 'cluster admin: holds the kubeconfig, no Azure login'
    if command -v kubectl >/dev/null 2>&1; then
        run kubectl aksbackup configure --state "$state" --yes
    else
        run kubectl-aksbackup configure --state "$state" --yes
    fi

    person platform 'platform team again'
    run az-aksbackup protect --state "$state" --yes
    run az-aksbackup backup --state "$state" --yes
    run az-aksbackup status --state "$state"

    say ''
    say 'The cluster is protected and its first backup is completed. What the teams handed to each other:'
    say "  $state"
    [ -z "$keep" ] || leave
}

start() {
    mkfifo "$world/ready"
    target=${CARGO_TARGET_DIR:-$root/target}
    "$target/debug/aksbackup-sandbox" serve --dir "$world" --time-scale "${AKSBACKUP_TRY_SCALE:-0.02}" \
        >"$world/ready" 2>"$world/sandbox.log" &
    sandbox=$!
    # The line comes when the simulation answers; an end of file without one means that it did not start.
    if ! read -r _ <"$world/ready"; then
        cat "$world/sandbox.log" >&2
        fail 1 'the simulation did not start'
    fi
    say "a simulated Azure and Kubernetes run from $world, fifty times as fast as the real ones"
}

person() {
    say ''
    say "── $2"
    # Only this person's login: what the one before had is gone.
    unset AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID
    # shellcheck disable=SC1090
    . "$world/env/$1.sh"
}

run() {
    case $1 in
    az-aksbackup) shown="az aksbackup" ;;
    kubectl-aksbackup) shown="kubectl aksbackup" ;;
    *) shown=$1 ;;
    esac
    first=$1
    shift
    say "\$ $shown $*"
    code=0
    "$first" "$@" || code=$?
    [ "$code" -eq 0 ] || fail "$code" "the hand-off stopped at: $shown $* (exit $code)"
}

stop() {
    code=$?
    if [ -n "${sandbox:-}" ] && { [ -z "$keep" ] || [ "$code" -ne 0 ]; }; then
        kill "$sandbox" 2>/dev/null || true
        wait "$sandbox" 2>/dev/null || true
    fi
}

leave() {
    say ''
    say 'The simulation goes on. In a new shell:'
    say "  export PATH=\"$bin:\$PATH\" AKSBACKUP_STATE=$state"
    say "  . $world/env/platform.sh        # or owner.sh, cluster-admin.sh, reader.sh …"
    say '  az-aksbackup status'
    say "To end it:  kill $sandbox && rm -r $world"
}

main "$@"
