# shellcheck shell=bash
# Sourced by the other scripts: what they need from the machine, checked, and installed with a word of what is done.
# Needs nothing itself but bash, and works in the bash 3.2 that macOS ships.

TMUX_NEEDED=3.3
RUST_NEEDED=1.95

say() { printf '%s\n' "$*" >&2; }
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    for hint in "$@"; do printf 'hint: %s\n' "$hint" >&2; done
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# at_least HAVE WANT: whether a version like 3.3a or next-3.8 is WANT (major.minor) or newer.
at_least() {
    local major minor rest=${1#next-}
    major=${rest%%.*}
    rest=${rest#*.}
    minor=${rest%%[!0-9]*}
    [ "$major" -gt "${2%%.*}" ] || { [ "$major" -eq "${2%%.*}" ] && [ "${minor:-0}" -ge "${2#*.}" ]; }
}

# Asks before the first installation when a person sits there; goes on by itself otherwise.
may_install() {
    [ -t 0 ] && [ -t 2 ] && [ -z "${CI:-}" ] && [ -z "${INSTALL_AGREED:-}" ] || return 0
    local answer
    printf 'May this be installed? [Y/n] ' >&2
    read -r answer
    case $answer in '' | [yYjJ]*) INSTALL_AGREED=yes ;; *) die "$1 is needed" "install it by hand, then run this again" ;; esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        sudo "$@"
    else
        die "cannot become root to run: $*" "run it by hand, then run this again"
    fi
}

# package WHAT-FOR APT-NAME BREW-NAME: installs one package; a brew name of '-' means that macOS brings it another way.
package() {
    if have apt-get; then
        say "installing $2 with apt-get: $1"
        may_install "$2"
        if [ -z "${APT_UPDATED:-}" ]; then
            as_root apt-get update -qq || say "the package list could not be refreshed; trying with the old one"
            APT_UPDATED=yes
        fi
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null || die "apt-get could not install $2"
    elif have brew && [ "$3" != - ]; then
        say "installing $3 with brew: $1"
        may_install "$3"
        brew install --quiet "$3" || die "brew could not install $3"
    else
        die "$2 is missing: $1" "install it with this system's package manager, then run this again"
    fi
}

need_tmux() {
    have tmux || package "sessions run in it" tmux tmux
    local version
    version=$(tmux -V)
    version=${version#tmux }
    at_least "$version" "$TMUX_NEEDED" ||
        die "tmux $version is too old, $TMUX_NEEDED is needed (before it, a pane's exit signal cannot be read)" "install a newer tmux"
    say "tmux $version"
}
need_git() {
    have git || package "the report reads commits with it" git git
    say "$(git --version)"
}
need_cc() {
    have cc || have gcc || have clang || {
        [ "$(uname)" != Darwin ] || die "no C compiler" "xcode-select --install"
        package "SQLite is compiled from C" gcc -
        [ -e /usr/include/stdio.h ] || package "SQLite is compiled from C" libc6-dev -
    }
    say "C compiler: $(command -v cc || command -v gcc || command -v clang)"
}
need_python() {
    have python3 || package "the checks of numbers are written in it" python3 python3
    say "$(python3 --version)"
}
need_chromium() {
    have chromium || have chromium-browser || have google-chrome || [ -n "${CHROMIUM:-}" ] ||
        package "the report's page is looked at in it" chromium -
    say "$("${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)}" --version 2>/dev/null || echo "a browser")"
}
need_shellcheck() {
    have shellcheck || package "it checks the shell scripts" shellcheck shellcheck
    say "shellcheck $(shellcheck --version | sed -n 's/^version: //p')"
}
need_rust() {
    have cargo || die "cargo is not there" "install Rust $RUST_NEEDED or newer: https://rustup.rs"
    local version
    version=$(rustc --version)
    version=${version#rustc }
    version=${version%% *}
    at_least "$version" "$RUST_NEEDED" || die "Rust $version is too old, $RUST_NEEDED is needed" "rustup update stable"
    say "rust $version"
}
# rust_component SUBCOMMAND COMPONENT: a part of the toolchain that small installations leave out.
rust_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    have rustup || die "cargo $1 is not there" "install $2 with the package manager that brought Rust"
    say "adding $2 to the toolchain with rustup"
    rustup component add "$2"
}

# cargo_tool SUBCOMMAND CRATE VERSION: a tool of cargo's, built once without optimisation: it is compiled more often than it is slow.
cargo_tool() {
    if ! cargo "$1" --version >/dev/null 2>&1; then
        say "installing $2 $3 with cargo: takes some minutes, once"
        env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 cargo install --locked --debug --quiet --version "$3" "$2" ||
            die "cargo could not install $2"
    fi
    say "$(cargo "$1" --version | head -n 1)"
}
