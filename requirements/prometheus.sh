#!/bin/sh
# For the test of the board and the alerts: sees to it that there is a `prometheus` and a `promtool`. Those of this
# machine are taken as they are; else Debian's package is fetched by apt, which checks it against the archive's
# signed sums, and unpacked beside the virtual environment. Neither needs root.
set -eu
if command -v prometheus > /dev/null && command -v promtool > /dev/null; then exit 0; fi
target=$(cd "$(dirname "$0")/.." && pwd)/.venv/share/callvault/prometheus
if [ -x "$target/prometheus" ] && [ -x "$target/promtool" ]; then exit 0; fi
if ! command -v apt-get > /dev/null || ! command -v dpkg-deb > /dev/null; then
    echo "The test of the board needs prometheus and promtool: install them, and put them on PATH." >&2
    exit 1
fi

echo "Fetching Prometheus from this machine's package archive"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
if ! apt-get -qq -o APT::Sandbox::User=root download prometheus > first.log 2>&1; then
    # No lists, as in most images, or old ones: some of our own, because only root may renew the machine's.
    mkdir -p lists/partial cache/archives/partial
    own="-o Dir::State::lists=$scratch/lists -o Dir::Cache=$scratch/cache -o APT::Sandbox::User=root"
    if ! { apt-get -qq $own update && apt-get -qq $own download prometheus; } > second.log 2>&1; then
        cat first.log second.log >&2
        echo "The test of the board needs prometheus and promtool, and apt-get did not bring them." >&2
        exit 1
    fi
fi
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/prometheus ./usr/bin/promtool
mkdir -p "$target"
mv usr/bin/prometheus usr/bin/promtool "$target"
