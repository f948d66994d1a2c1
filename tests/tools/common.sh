# Licensed under the Apache License, Version 2.0; see LICENSE.
# What examples/hello/run, tests/run and tests/tools/suite share: system
# packages, a directory the run user can read, a build, a run of pytest.
# Sourced; the caller sets top to the directory of this source tree.

export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() {
    echo "mod_python: $*"
}

die() {
    echo "mod_python: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "run this as root, or install sudo: $*"
    fi
}

# need_packages PACKAGE...: installs those Debian does not have yet.
# Elsewhere nothing happens here: the build itself says what it misses.
need_packages() {
    command -v apt-get >/dev/null || return 0
    missing=
    for package; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null |
            grep -q 'ok installed' || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    as_root apt-get -qq update
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qqy install --no-install-recommends $missing >/dev/null
}

# Who httpd's children are; as root, somebody with fewer rights.
run_user() {
    if [ "$(id -u)" -ne 0 ]; then
        id -un
    elif id www-data >/dev/null 2>&1; then
        echo www-data
    else
        echo nobody
    fi
}

# as_run_user COMMAND...: what httpd's children will be able to do.
as_run_user() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && setpriv --reuid "$(run_user)" --regid "$(id -g "$(run_user)")" \
            --clear-groups "$@")
    else
        "$@"
    fi
}

# shared_dir NAME: makes a new directory the run user can read (the source
# tree may stand below /root) and prints its name.
shared_dir() {
    for base in "${TMPDIR:-/tmp}" /tmp /var/tmp; do
        made=$(mktemp -d "$base/mod_python-$1.XXXXXX") || continue
        chmod 755 "$made"
        if as_run_user test -r "$made"; then
            echo "$made"
            return
        fi
        rmdir "$made"
    done
    die "no directory that $(run_user) can read; set TMPDIR"
}

# install_module PYTHON TARGET OBJECTS [PIP-OPTION...]: builds for PYTHON, with
# the object files in OBJECTS, and installs into the new directory TARGET.
install_module() {
    embed=$1
    target=$2
    kept=$3
    shift 3
    if "$embed" -c 'import setuptools, wheel' 2>/dev/null; then
        set -- --no-build-isolation "$@" # needs no package index
    fi
    (umask 022 && MP_BUILD_BASE=$kept "$embed" -m pip install --quiet "$@" \
        --target "$target" "$top") ||
        die "the build for $embed failed"
}

# -- for the tests ------------------------------------------------------

state=$top/build/tests # kept from run to run: object files, venvs
objects=$state/objects${MP_SANITIZE:+-sanitized}
stage=                 # of this run: what httpd's children read

need_test_packages() {
    need_packages apache2-bin apache2-dev curl gcc libc6-dev openssl python3 python3-dev \
        python3-pip python3-setuptools python3-venv python3-wheel redis-server valgrind
}

# Makes the directory stage, which goes when this shell ends.
make_stage() {
    trap '[ -z "$stage" ] || rm -rf "$stage"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    stage=$(shared_dir tests)
    mkdir -p "$state"
}

# extras NAME...: requirements of pyproject.toml, one a line.
extras() {
    "$venv_python" - "$top/pyproject.toml" "$@" <<'PYTHON'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    extras = tomllib.load(file)["project"]["optional-dependencies"]
print(*(line for name in sys.argv[2:] for line in extras[name]), sep="\n")
PYTHON
}

# make_venv PYTHON DIRECTORY EXTRA...: a venv with these extras, kept.
make_venv() {
    venv_python=$1
    venv=$2
    shift 2
    wanted=$("$venv_python" -VV; extras "$@")
    [ "$wanted" = "$(cat "$venv/made-for" 2>/dev/null)" ] && return
    rm -rf "$venv"
    "$venv_python" -m venv "$venv"
    extras "$@" >"$venv/requirements.txt"
    "$venv/bin/python" -m pip install --quiet -r "$venv/requirements.txt"
    echo "$wanted" >"$venv/made-for"
}

# suite PYTHON BUILD ARGUMENT...: pytest against an installed package (-P:
# not against the sources).
suite() {
    runner=$1
    export MP_BUILD="$2"
    shift 2
    (cd "$top" && PYTHONPATH=$MP_BUILD "$runner" -P -m pytest "$@")
}

# readable_python PYTHON: the same Python where the run user can read it, a
# copy of its prefix if need be. Prints its path. Its bytecode comes along: the
# run user cannot write any, and each child would compile the library anew.
readable_python() {
    if as_run_user "$1" -c 'import encodings' 2>/dev/null; then
        echo "$1"
        return
    fi
    prefix=$("$1" -c 'import sys; print(sys.base_prefix)')
    copy=$stage/$(basename "$prefix")
    mkdir -p "$copy"
    tar -C "$prefix" -cf - --exclude 'lib/python*/test' --exclude '*.a' . |
        tar -C "$copy" -xf -
    chmod -R a+rX "$copy"
    echo "$copy/bin/$(basename "$1")"
}

# build_and_test PYTHON ARGUMENT...: builds for PYTHON and runs pytest there.
build_and_test() {
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    make_venv "$1" "$state/venv-$version" test
    embedded=$(readable_python "$1")
    if [ "$embedded" != "$1" ]; then
        # a copied python finds its own library this way
        LD_LIBRARY_PATH=$(dirname "$(dirname "$embedded")")/lib
        export LD_LIBRARY_PATH
    fi
    install_module "$embedded" "$stage/package-$version" "$objects"
    shift
    MP_PYTHON=$embedded \
        suite "$state/venv-$version/bin/python" "$stage/package-$version" "$@"
}
