# Debian packages for scripts: source "$root/tests/support/packages.sh"; need_packages g++ cmake; want_packages qemu-user
# Installs what is missing, as root or with sudo; does nothing, not even a look at the network, when nothing is.

packages_missing() {
  local package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^.i' || echo "$package"
  done
}

packages_install() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "error: these packages are missing and this is not root and has no sudo: $*" >&2
      return 1
    }
    as_root=(sudo)
  fi
  if [ -z "${packages_updated:-}" ]; then
    "${as_root[@]}" apt-get update -qq
    packages_updated=1
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "$@" >&2
}

# Fails when one cannot be had.
need_packages() {
  if ! command -v apt-get >/dev/null; then
    echo "note: no apt-get here; install what matches these Debian packages yourself: $*" >&2
    return 0
  fi
  local missing
  missing=$(packages_missing "$@")
  [ -z "$missing" ] && return 0
  echo "installing:" $missing >&2
  packages_install $missing
}

# Goes on without one that cannot be had: what it is for is skipped, aloud, later.
want_packages() {
  local package
  for package in "$@"; do
    need_packages "$package" || echo "note: going on without $package" >&2
  done
}
