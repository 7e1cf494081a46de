#!/bin/bash
# The test suite on every interpreter that resoul supports.
#
#   tools/matrix.sh                      all; ONLY="3.14 3.15d" for some,
#                                        TESTS="tests/x.py -k y" for a part
#   tools/matrix.sh mutants              tools/mutants.py on all, or those of ONLY;
#                                        N="3 7" for some hazards
#   tools/matrix.sh list                 tags and what they are
#   tools/matrix.sh shell TAG -- CMD...  one command (default: bash), built first;
#                                        "python" is the right one
#   tools/matrix.sh enter -- CMD...      a command in the chroot as it is
#   tools/matrix.sh setup                make the chroot (others do it when needed)
#
# Tags: h3.12 h3.13 ... are the host's own interpreters, 3.13 3.14 3.15 Debian's
# in a chroot, with d their debug builds, with jit PYTHON_JIT=1. A tag that is
# only on the host may be written without its h.
#
# All is kept in RESOUL_MATRIX_DIR (default: ~/.cache/resoul/matrix): root/ is
# the chroot, venv/ an environment per working tree and tag, log/ the last runs.
# Mounts are made in a private mount namespace: they go with the process, and
# with them, through a process namespace, all that a test left running.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
base=${RESOUL_MATRIX_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/resoul/matrix}
root=$base/root
# Two working trees must not share build folders.
tree=$(basename "$here")-$(printf '%s' "$here" | cksum | cut -d ' ' -f 1)
venvs=$base/venv/$tree
logs=$base/log/$tree
suite=forky
recipe=1 # raise it when setup changes: the chroot is made anew
chroot_versions="3.13 3.14 3.15" # RS_PYVERSIONS
jit_versions="3.14 3.15"         # RS_PYVERSIONS

die() {
    echo "matrix: $*" >&2
    exit 1
}

# -- the chroot ----------------------------------------------------------------
# Where pip and TLS look on this host, so that they find the same inside.
copy_network_settings() {
    local path
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
    for path in /etc/pip.conf /etc/xdg/pip "${HOME:-/root}/.config/pip" \
        "${PIP_CONFIG_FILE:-}" "${PIP_CERT:-}" "${SSL_CERT_FILE:-}" \
        "${REQUESTS_CA_BUNDLE:-}" /etc/ssl/certs/ca-certificates.crt; do
        [ -n "$path" ] && [ -e "$path" ] || continue
        mkdir -p "$root$(dirname "$path")"
        cp -rL "$path" "$root$(dirname "$path")/"
    done
}

# Run a command inside, with this tree at /resoul and /tmp shared. The shell
# stays as process 1 of the namespace: it reaps what tests orphan.
enter() {
    local mounts='
        root=$1 here=$2 venvs=$3; shift 3
        mount --bind "$here" "$root/resoul"
        mount --bind "$venvs" "$root/venv"
        mount --bind /tmp "$root/tmp"
        mount --rbind /dev "$root/dev"
        mount -t proc proc "$root/proc"
        chroot "$root" env -u VIRTUAL_ENV -u PYTHONHOME -u PYTHONPATH \
            -u PYENV_ROOT -u PYENV_VERSION -u BASH_ENV -u ENV \
            HOME=/root LC_ALL=C.UTF-8 TMPDIR=/tmp \
            PATH="${inner_path:+$inner_path:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
            sh -c "cd /resoul && exec \"\$@\"" sh "$@"
        exit $?'
    mkdir -p "$root/resoul" "$root/venv" "$venvs"
    unshare --mount --propagation private --pid --fork --kill-child \
        sh -ec "$mounts" sh "$root" "$here" "$venvs" "$@"
}

is_made() { [ "$(cat "$root/.resoul-recipe" 2>/dev/null)" = $recipe ]; }

without_chroot() { # WHAT IS MISSING: die
    local own
    own=$(grep ^h <<<"$tags" | tr '\n' ' ' || true)
    echo "matrix: $1" >&2
    [ -z "$own" ] || die "interpreters of this host need no chroot: ONLY=\"${own% }\""
    exit 1
}

setup() {
    local packages=() version keep
    [ "$(id -u)" = 0 ] ||
        without_chroot "${chroot_versions// /, } run in a chroot, which needs root (sudo)"
    unshare --mount --pid --fork true 2>/dev/null ||
        without_chroot "the chroot needs namespaces of its own, and unshare makes none here"
    ! is_made || return 0
    command -v debootstrap >/dev/null ||
        without_chroot "the chroot is made with debootstrap: apt-get install debootstrap"
    mkdir -p "$base"
    exec 9>"$base/setup.lock"
    flock 9
    ! is_made || return 0

    cat >&2 <<EOF
matrix: making a chroot in $root, once: a minimal Debian $suite,
matrix: gcc, Python ${chroot_versions// /, } and their debug builds. This takes a minute or two,
matrix: a Debian mirror and 2 GB. The log is $base/setup.log
EOF
    rm -rf --one-file-system "$root" "$base/venv"
    # An older debootstrap does not know forky: sid's script fits any new one.
    # No mirror named: debootstrap's default.
    if ! debootstrap --variant=minbase --include=ca-certificates,gcc,libc6-dev \
        $suite "$root" "" sid >"$base/setup.log" 2>&1; then
        tail -n 20 "$base/setup.log" >&2
        without_chroot "debootstrap failed, see $base/setup.log"
    fi
    for version in $chroot_versions; do
        packages+=("python$version" "python$version-dev" "python$version-venv"
            "python$version-dbg")
    done
    copy_network_settings
    # A mirror that is a snapshot has Release files whose date has passed.
    keep='Acquire::Check-Valid-Until "false";'
    echo "$keep" >"$root/etc/apt/apt.conf.d/10resoul"
    if ! {
        enter apt-get update &&
            DEBIAN_FRONTEND=noninteractive enter apt-get install -y \
                --no-install-recommends "${packages[@]}" &&
            enter apt-get clean
    } >>"$base/setup.log" 2>&1; then
        tail -n 20 "$base/setup.log" >&2
        without_chroot "installing the interpreters failed, see $base/setup.log"
    fi
    echo $recipe >"$root/.resoul-recipe"
    echo "matrix: the chroot is there" >&2
    flock -u 9
}

# -- tags ----------------------------------------------------------------------
host_tags() { # "h3.13 /path"
    "$here/tools/find_python" --all 2>/dev/null | sort -t . -k 2 -n -s -u | sed 's/^/h/'
}

all_tags() {
    local version
    host_tags | cut -d ' ' -f 1
    for version in $chroot_versions; do
        echo "$version"
        echo "${version}d"
    done
    for version in $jit_versions; do
        echo "${version}jit"
    done
}

full_tag() { # what was typed -> a tag of all_tags
    local tag
    for tag in "$1" "h$1"; do
        if grep -qxF -- "$tag" <<<"$tags"; then
            echo "$tag"
            return
        fi
    done
    die "no interpreter is called $1; there are: $(tr '\n' ' ' <<<"$tags")"
}

# In the environment of TAG, build and then run the command. Callers switch
# errexit off by testing the result, so every step is tested here.
with_tag() {
    local tag=$1 name python
    shift
    case $tag in
    h*)
        python=$(host_tags | sed -n "s/^$tag //p")
        mkdir -p "$venvs"
        (
            cd "$here"
            prepare "$venvs/$tag" "$python" &&
                PATH=$venvs/$tag/bin:$PATH "$@"
        )
        ;;
    *)
        name=${tag%jit}
        python=python${name%d}
        [ "$name" = "${name%d}" ] || python=$python-dbg
        setup
        copy_network_settings
        enter bash -c "$(declare -f prepare)"'; prepare "$@"' bash \
            "/venv/$name" "/usr/bin/$python" || return
        (
            [ "$tag" = "$name" ] || export PYTHON_JIT=1
            inner_path=/venv/$name/bin enter "$@"
        )
        ;;
    esac
}

prepare() { # VENV PYTHON, in the tree
    tools/make_venv "$1" "$2" build test && tools/build "$1" -Ddev=true
}

describe='
import sys, sysconfig
jit = getattr(sys, "_jit", None)
print(sys.version.split()[0],
      "debug" if hasattr(sys, "gettotalrefcount") else "",
      "jit" if jit and jit.is_enabled() else "",
      "(%s)" % sys.version[sys.version.index("[") + 1 : -1])
'

# -- the run -------------------------------------------------------------------
run() {
    local tag log status result problems started rows=() failed=0
    for tag in "${chosen[@]}"; do
        log=$logs/$tag.log
        status=0
        started=$SECONDS
        echo "matrix: $tag, log in $log"
        # No cache plugin: runs of different interpreters would mix theirs.
        # shellcheck disable=SC2086 # TESTS is a list of words
        with_tag "$tag" python -m pytest -p no:cacheprovider --color=no ${TESTS:-} \
            >"$log" 2>&1 </dev/null || status=$?
        result=ok
        if [ $status != 0 ]; then
            result=FAIL
            failed=$((failed + 1))
            echo "matrix: $tag failed with exit status $status"
            problems=$(grep -E '^(FAILED|ERROR) ' "$log" | head -n 20 || true)
            # None: it did not build, or the interpreter crashed.
            sed 's/^/    /' <<<"${problems:-$(tail -n 15 "$log")}"
        fi
        rows+=("$("$here/tools/tally" --row "$tag" $result $((SECONDS - started)) "$log")")
    done
    echo
    "$here/tools/tally" --head
    printf '%s\n' "${rows[@]}"
    echo "matrix: ${#chosen[@]} interpreters, $failed failed"
    [ $failed = 0 ]
}

mutants() {
    local tag verdicts=()
    # Through /tmp, which the chroot shares. Not local: the trap comes later.
    out=$(mktemp -d)
    trap 'rm -rf "$out"' EXIT
    for tag in "${chosen[@]}"; do
        echo "== $tag"
        # shellcheck disable=SC2086 # N is a list of numbers
        with_tag "$tag" python tools/mutants.py ${N:-} --json "$out/$tag.json" \
            </dev/null || true
        if [ ! -e "$out/$tag.json" ]; then
            die "no verdicts on $tag"
        fi
        verdicts+=("$out/$tag.json")
    done
    echo "== together"
    with_tag "$tag" python tools/mutants.py --merge "${verdicts[@]}"
}

choose() {
    local word
    for word in ${ONLY:-$tags}; do
        chosen+=("$(full_tag "$word")")
    done
    # Here, where its complaints are seen.
    if printf '%s\n' "${chosen[@]}" | grep -qv ^h; then
        setup
    fi
    mkdir -p "$logs"
}

# A child that handles an interrupt itself must not make us go on with the next.
trap 'exit 130' INT TERM
tags=$(all_tags)
chosen=()
command=${1:-run}
[ $# = 0 ] || shift
case $command in
run | mutants)
    choose
    $command
    ;;
list)
    for tag in $tags; do
        printf '%-8s ' "$tag"
        with_tag "$tag" python -c "$describe"
    done
    ;;
shell)
    tag=$(full_tag "${1:?which tag?}")
    shift
    [ "${1:-}" != -- ] || shift
    [ $# != 0 ] || set -- bash
    with_tag "$tag" "$@"
    ;;
enter)
    [ "${1:-}" != -- ] || shift
    [ $# != 0 ] || set -- bash
    setup
    copy_network_settings
    enter "$@"
    ;;
setup)
    setup
    ;;
*)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
    ;;
esac
