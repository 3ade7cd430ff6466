#!/usr/bin/env bash
# Brings a bare Debian machine to where `make` can work: Debian packages, uv, and the locked Python environment.
# Does nothing, quickly, where all of it is there.  The engine and the lab's images are built by `trellis` itself.
# `tools/setup.sh slow` also brings what `make slow` alone needs.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

missing=()
need() { command -v "$1" >/dev/null 2>&1 || missing+=("$2"); }
need ip iproute2
need ping iputils-ping
need ssh openssh-client
need mmdebstrap mmdebstrap
need ethtool ethtool
need curl curl
need git git
need unshare util-linux
need nft nftables
need gcc gcc
need make make
need flex flex
need bison bison
need bc bc
need xz xz-utils
need depmod kmod
if [ "${1:-}" = slow ]; then  # the page in a real browser, alert rules by Prometheus's own tool, the store on its other database
  need chromium chromium
  need chromedriver chromium-driver
  need promtool prometheus
  need prometheus-frr-exporter prometheus-frr-exporter
  [ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing+=(fonts-dejavu-core)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
fi
[ -e /usr/include/stdio.h ] || missing+=(libc6-dev)
[ -x /usr/sbin/sshd ] || missing+=(openssh-server)
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || missing+=(debian-archive-keyring)

if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    say "these Debian packages are missing, and only root can install them: ${missing[*]}"
    say "run as root: apt-get install --no-install-recommends ${missing[*]}"
    exit 2
  fi
  say "installing Debian packages: ${missing[*]}"
  apt-get update -qq
  # Nor must PostgreSQL's package make a cluster that would start with the machine.
  mkdir -p /etc/postgresql-common/createcluster.d
  printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.d/trellis.conf
  # A package's service must not start on the machine: the tests run their own on loopback.
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d.trellis && chmod 755 /usr/sbin/policy-rc.d.trellis
  DEBIAN_FRONTEND=noninteractive POLICYRCD=/usr/sbin/policy-rc.d.trellis \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  rm -f /usr/sbin/policy-rc.d.trellis /etc/postgresql-common/createcluster.d/trellis.conf
fi

if ! UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1 tools/uv sync --frozen --quiet; then
  say "the Python environment could not be made; it needs Python 3.11 or newer and a reachable package index"
  exit 2
fi

# The policy pack's environment, which is its own: pulumi-policy asks for another protobuf than Trellis runs on.
if [ "${1:-}" = slow ] && ! UV_PYTHON_DOWNLOADS=never tools/uv sync --frozen --quiet --project policy_pack; then
  say "the policy pack's Python environment could not be made; it needs a reachable package index"
  exit 2
fi

if [ "${1:-}" = slow ]; then  # Talos's own validator, built once for a user; where it cannot be, it says what is missing
  .venv/bin/trellis verify talos --stack dev >/dev/null || exit 2
fi

if [ "${1:-}" = slow ] && [ "$(id -u)" -eq 0 ]; then
  # cloud-init's own schema of user-data, in a folder of its own: installed here, it would configure this machine.
  root="${XDG_CACHE_HOME:-$HOME/.cache}/trellis/cloud-init-trixie"
  if [ ! -d "$root" ]; then
    say "unpacking cloud-init into $root (once, about a minute)"
    mkdir -p "$(dirname "$root")"
    made="$(mktemp -d "$root.XXXXXX")"
    trap 'rm -rf "$made"' EXIT
    mmdebstrap --quiet --variant=extract --aptopt='APT::Install-Recommends "false"' \
      --include=cloud-init,python3-minimal trixie "$made" http://deb.debian.org/debian
    for name in bin sbin lib lib64; do [ -e "$made/$name" ] || ln -s "usr/$name" "$made/$name"; done
    mkdir -p "$made/tmp" "$made/etc/ssl/certs"  # its library for HTTP reads them as it is loaded
    cat "$made"/usr/share/ca-certificates/mozilla/*.crt >"$made/etc/ssl/certs/ca-certificates.crt"
    mv -T "$made" "$root"
  fi
fi
