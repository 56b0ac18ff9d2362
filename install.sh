#!/bin/sh
# Installs aksbackup, from source or from a release archive. See --help.
set -eu

usage() {
    cat <<'TEXT'
usage: ./install.sh [--prefix DIR] [--archive FILE [--sha256 SUM]] [--no-extension] [--try [--no-install] [--keep]]
       ./install.sh --uninstall [--prefix DIR]

Installs az-aksbackup and kubectl-aksbackup into DIR/bin, with man pages and shell completions into DIR/share (default:
$PREFIX, else ~/.local), and the extension `aksbackup` into the Azure CLI if it is installed. Requires only write access to
that folder. To upgrade, run it again.

From a clone it builds the programs; from an unpacked release it installs those next to it.

  --archive FILE    install the programs of a release archive; its SHA-256 must match SHA256SUMS in the same folder
  --sha256 SUM      SHA-256 of the archive, if there is no SHA256SUMS
  --no-extension    don't add the extension to the Azure CLI
  --try             afterwards play the whole handoff on a simulated Azure and Kubernetes on this machine, as three people with
                    three sets of permissions; needs no account, and no network once the dependencies are downloaded.
                    From a clone, the programs are built without optimization, which takes 2 to 4 minutes on two
                    processors instead of 6 to 8; a release archive contains the simulator and needs no compiler
  --no-install      with --try: don't install anything; only the folder of the simulation is left
  --keep            with --try: keep the simulation running and print how to continue by hand
  --uninstall       uninstall everything, also from the Azure CLI
  --prefix DIR      folder to install into
TEXT
}

newline='
'

main() {
    root=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
    prefix=${PREFIX:-$HOME/.local}
    archive='' sum='' extension=yes try='' install=yes keep='' uninstall=''
    while [ $# -gt 0 ]; do
        case $1 in
        --prefix | --archive | --sha256)
            [ $# -gt 1 ] || fail 2 "$1 needs a value"
            option "$1" "$2"
            shift
            ;;
        --prefix=* | --archive=* | --sha256=*) option "${1%%=*}" "${1#*=}" ;;
        --no-extension) extension='' ;;
        --try) try=yes ;;
        --no-install) install='' ;;
        --keep) keep=yes ;;
        --uninstall) uninstall=yes ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
        esac
        shift
    done
    case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac
    prefix=${prefix%/}
    # The list of what was installed has one name per line.
    case $prefix in *"$newline"*) fail 2 'the prefix must not contain a line break' ;; esac
    bin=$prefix/bin
    installed=$prefix/share/aksbackup/installed
    if [ -n "$uninstall" ]; then
        remove
        exit 0
    fi
    [ -z "$keep" ] || [ -n "$try" ] || fail 2 '--keep requires --try'
    [ -n "$install" ] || [ -n "$try" ] || fail 2 '--no-install requires --try'
    [ -z "$sum" ] || [ -n "$archive" ] || fail 2 '--sha256 requires --archive'
    work=$(mktemp -d "${TMPDIR:-/tmp}/aksbackup-install.XXXXXX")
    trap stop EXIT
    trap 'exit 130' INT TERM
    stage
    if [ -n "$install" ]; then
        put
        [ -z "$extension" ] || add_extension
        report
    fi
    [ -z "$try" ] || play
}

option() {
    [ -n "$2" ] || fail 2 "$1 needs a value"
    case $1 in
    --prefix) prefix=$2 ;;
    --archive) archive=$2 ;;
    --sha256) sum=$2 ;;
    esac
}

say() { printf '%s\n' "$*" >&2; }

fail() {
    code=$1
    shift
    say "install.sh: $*"
    exit "$code"
}

# Makes $staged: a folder with bin and share as they will be below the prefix, and the simulator in libexec.
stage() {
    staged=$work/staged
    if [ -n "$archive" ]; then
        unpack
    elif [ -f "$root/Cargo.toml" ]; then
        build
        "$root/.ci/layout" "$built" "$staged"
    else
        staged=$root
    fi
    [ -f "$staged/bin/az-aksbackup" ] || fail 1 'there are neither sources nor programs next to this script: use --archive FILE'
    version=$(version_of "$staged/bin") || fail 1 'the programs do not run on this machine: use the archive for its system and processor'
    [ -z "$try" ] || [ -x "$staged/libexec/aksbackup-sandbox" ] ||
        fail 1 'the archive has no simulator for this system: run --try from a clone of the sources'
}

# Two programs of one version, or nothing.
version_of() {
    [ -x "$1/az-aksbackup" ] && [ -x "$1/kubectl-aksbackup" ] || return 1
    az_version=$("$1/az-aksbackup" --version 2>/dev/null) || return 1
    kubectl_version=$("$1/kubectl-aksbackup" --version 2>/dev/null) || return 1
    [ "${az_version##* }" = "${kubectl_version##* }" ] || return 1
    printf '%s\n' "${az_version##* }"
}

build() {
    command -v cargo >/dev/null 2>&1 || fail 1 'cannot build without cargo: install Rust 1.89 or later, or use --archive FILE'
    cd "$root"
    if [ -n "$try" ]; then
        say 'building the programs and the simulator, without optimization: 2 to 4 minutes on two processors the first time'
        built=${CARGO_TARGET_DIR:-$root/target}/try
        cargo_build --profile try --package az-aksbackup --package kubectl-aksbackup --package aksbackup-tests \
            --no-default-features --bin az-aksbackup --bin kubectl-aksbackup --bin aksbackup-sandbox
    else
        say 'building the two programs as they are released: 6 to 8 minutes on two processors the first time'
        built=${CARGO_TARGET_DIR:-$root/target}/release
        for name in az-aksbackup kubectl-aksbackup; do
            # One at a time: together each would get the features that only the other one needs.
            cargo_build --release --package "$name"
        done
    fi
    cd - >/dev/null
}

# Runs cargo so that it is never silent: with its own progress on a terminal, elsewhere with a line every few seconds.
cargo_build() {
    if [ -t 2 ]; then
        cargo build --locked "$@"
        return
    fi
    started=$(date +%s)
    cargo build --locked "$@" 2>"$work/cargo" &
    cargo=$!
    said=$started
    while kill -0 "$cargo" 2>/dev/null; do
        now=$(date +%s)
        if [ $((now - said)) -ge 5 ]; then
            said=$now
            say "  $(grep -c '^ *Compiling ' "$work/cargo") crates started, $(grep -c '^ *Downloaded ' "$work/cargo") downloaded, $((now - started))s"
        fi
        sleep 1
    done
    code=0
    wait "$cargo" || code=$?
    cargo=''
    [ "$code" -eq 0 ] || {
        cat "$work/cargo" >&2
        fail 1 'the build failed (see above)'
    }
}

unpack() {
    [ -f "$archive" ] || fail 3 "archive $archive does not exist"
    name=${archive##*/}
    if [ -z "$sum" ]; then
        sums=$(dirname -- "$archive")/SHA256SUMS
        [ -f "$sums" ] || fail 2 "there is no SHA256SUMS next to $archive: use --sha256 SUM"
        sum=$(awk -v name="$name" '$2 == name || $2 == "*" name { print $1; exit }' "$sums")
        [ -n "$sum" ] || fail 1 "$sums does not list $name"
    fi
    is=$(sha256 "$archive")
    [ "$is" = "$(printf '%s' "$sum" | tr 'A-F' 'a-f')" ] ||
        fail 1 "$archive is not the released file: its SHA-256 is $is, expected $sum"
    mkdir "$work/unpacked"
    gzip -dc <"$archive" | (cd "$work/unpacked" && tar -xf -) || fail 1 "cannot unpack $archive"
    for staged in "$work"/unpacked/*; do break; done
}

sha256() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum <"$1"
    elif command -v shasum >/dev/null 2>&1; then
        shasum -a 256 <"$1"
    else
        fail 1 'cannot check the archive without sha256sum or shasum'
    fi | sed 's/ .*//'
}

# Puts the staged files below the prefix, and notes each file and each folder that it makes, for --uninstall.
put() {
    before=$(version_of "$bin" || true)
    noted=''
    [ ! -f "$installed" ] || noted=$(cat "$installed")
    folder "$prefix/share/aksbackup"
    (cd "$staged" && find bin share -type f | LC_ALL=C sort) >"$work/files"
    while IFS= read -r file; do
        folder "$(dirname "$prefix/$file")"
        # A running program cannot be written over, but it can be replaced.
        cp "$staged/$file" "$prefix/$file.new"
        mv -f "$prefix/$file.new" "$prefix/$file"
    done <"$work/files"
    printf '%s\n' "$noted" | while IFS= read -r line; do
        kind=${line%% *} name=${line#* }
        # What an older version had and this one has not.
        [ "$kind" != file ] || grep -qxF "$name" "$work/files" || rm -f "$prefix/$name"
    done
    {
        printf '%s\n' "$noted" | grep -E '^(folder|extension) ' || true
        [ ! -f "$work/folders" ] || cat "$work/folders"
        sed 's/^/file /' "$work/files"
    } >"$work/installed"
    cp "$work/installed" "$installed"
}

folder() {
    [ ! -d "$1" ] || return 0
    folder "$(dirname "$1")"
    mkdir "$1"
    printf 'folder %s\n' "$1" >>"$work/folders"
}

# The extension finds the program beside itself, wherever the PATH leads.
add_extension() {
    if ! command -v az >/dev/null 2>&1; then
        extension='not added: there is no az on the PATH'
        return
    fi
    for wheel in "$staged"/share/aksbackup/aksbackup-*.whl; do break; done
    [ -f "$wheel" ] || fail 1 'cannot pack the extension of the Azure CLI without python3; to skip it: --no-extension'
    az extension add --yes --upgrade --only-show-errors --source "$wheel" >&2 ||
        fail 1 'the Azure CLI rejected the extension (see above); the programs are installed. To skip the extension: --no-extension'
    extension=$(az extension show --name aksbackup --query path --output tsv)
    mkdir -p "$extension/bin"
    ln -sf "$bin/az-aksbackup" "$extension/bin/az-aksbackup"
    grep -qxF "extension $extension" "$installed" || printf 'extension %s\n' "$extension" >>"$installed"
}

report() {
    case $before in
    '') say "installed aksbackup $version" ;;
    "$version") say "reinstalled aksbackup $version" ;;
    *) say "upgraded aksbackup from $before to $version" ;;
    esac
    say "  programs      $bin/az-aksbackup, $bin/kubectl-aksbackup, $bin/kubectl_complete-aksbackup"
    say "  man pages     $prefix/share/man/man1"
    say "  completions   $prefix/share (bash-completion/completions, zsh/site-functions, fish/vendor_completions.d)"
    say "  az extension  ${extension:-skipped (--no-extension)}"
    case :$PATH: in
    *:"$bin":*) ;;
    *) say "add it to your PATH:  export PATH=\"$bin:\$PATH\"" ;;
    esac
}

remove() {
    [ -f "$installed" ] || fail 3 "aksbackup is not installed in $prefix"
    noted=$(cat "$installed")
    printf '%s\n' "$noted" | while IFS= read -r line; do
        kind=${line%% *} name=${line#* }
        case $kind in
        file) rm -f "$prefix/$name" ;;
        extension) remove_extension "$name" ;;
        esac
    done
    rm -f "$installed"
    # The innermost folders were made last. One that others use by now stays.
    printf '%s\n' "$noted" | sed -n 's/^folder //p' | sed '1!G;h;$!d' | while IFS= read -r name; do
        rmdir "$name" 2>/dev/null || true
    done
    say "removed aksbackup from $prefix"
}

# Only the one that leads to this very prefix: another may have been added since.
remove_extension() {
    [ "$(readlink "$1/bin/az-aksbackup" 2>/dev/null)" = "$bin/az-aksbackup" ] || return 0
    if command -v az >/dev/null 2>&1 && az extension remove --name aksbackup --only-show-errors >&2 && [ ! -d "$1" ]; then
        say "removed the extension of the Azure CLI from $1"
    else
        say "the Azure CLI did not remove its extension: run az extension remove --name aksbackup, or delete the folder $1"
    fi
}

# The handoff, played by three people. Each has only the permissions of their persona.
play() {
    world=$(mktemp -d "${TMPDIR:-/tmp}/aksbackup-try.XXXXXX")
    state=$world/aksbackup.toml
    if [ -z "$install" ]; then
        cp -R "$staged/bin" "$world/bin"
        bin=$world/bin
    fi
    PATH=$bin:$PATH
    export PATH
    start

    person platform 'platform team: Contributor on the groups of cluster, storage and vault'
    run az-aksbackup init --resource-group rg-aks --cluster-name aks-demo --storage-resource-group rg-backup \
        --vault-resource-group rg-backup --snapshot-group rg-snapshots --state "$state" --yes
    run az-aksbackup prepare --state "$state" --yes

    person owner 'subscription owner: may read, and assign roles'
    # The owner's own records: here the names that this script's world has, and those that init just chose.
    vault=$(sed -n '/^\[target.vault\]/,/^\[/s/^name = "\(.*\)"/\1/p' "$state")
    subscription=$(sed -n 's/.*"subscription": "\(.*\)".*/\1/p' "$world/sandbox.json")
    account=$(sed -n '/^\[target.storage\]/,/^\[/s/^account = "\(.*\)"/\1/p' "$state")
    run az-aksbackup grant --state "$state" --subscription "$subscription" --cluster rg-aks/aks-demo \
        --vault "rg-backup/$vault" --storage-account "rg-backup/$account" \
        --snapshot-resource-group rg-snapshots --yes

    person cluster-admin 'cluster admin: holds the kubeconfig, no Azure login'
    # The platform team says it by another way than the file; here both are this script.
    client=$(sed -n '/^\[cloud.identity\]/,/^\[/s/^client_id = "\(.*\)"/\1/p' "$state")
    if command -v kubectl >/dev/null 2>&1; then
        run kubectl aksbackup configure --state "$state" --client-id "$client" --yes
    else
        run kubectl-aksbackup configure --state "$state" --client-id "$client" --yes
    fi

    person platform 'platform team again'
    run az-aksbackup protect --state "$state" --yes
    run az-aksbackup backup --state "$state" --yes
    run az-aksbackup status --state "$state"

    say ''
    say 'The cluster is protected and its first backup is complete. The state file that the teams passed on:'
    say "  $state"
    say "The folder of the simulation remains, and can be deleted at any time: $world"
    [ -n "$install" ] || say 'Nothing was installed.'
    [ -z "$keep" ] || leave
}

start() {
    mkfifo "$world/ready"
    cp "$staged/libexec/aksbackup-sandbox" "$world/"
    "$world/aksbackup-sandbox" serve --dir "$world" --time-scale "${AKSBACKUP_TRY_SCALE:-0.02}" \
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
    say "\$ $*"
    code=0
    "$@" || code=$?
    [ "$code" -eq 0 ] || fail "$code" "the handoff stopped at: $* (exit $code)"
}

stop() {
    code=$?
    [ -z "${cargo:-}" ] || kill "$cargo" 2>/dev/null || true
    rm -rf "$work"
    if [ -n "${sandbox:-}" ] && { [ -z "$keep" ] || [ "$code" -ne 0 ]; }; then
        kill "$sandbox" 2>/dev/null || true
        wait "$sandbox" 2>/dev/null || true
    fi
}

leave() {
    say ''
    say 'The simulation is still running. In a new shell:'
    say "  export PATH=\"$bin:\$PATH\" AKSBACKUP_STATE=$state"
    say "  . $world/env/platform.sh        # or owner.sh, cluster-admin.sh, reader.sh …"
    say '  az-aksbackup status'
    say "To end it:  kill $sandbox && rm -r $world"
}

main "$@"
