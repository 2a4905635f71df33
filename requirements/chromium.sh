#!/bin/sh
# For the tests in a browser: sees to it that there is a Chromium. One of this machine is taken as it is; as root on
# Debian its package is installed, the one without windows where there is one, which is lighter; elsewhere Playwright
# fetches one of its own.
set -eu
cd "$(dirname "$0")/.."
for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    if command -v "$name" > /dev/null; then exit 0; fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "Installing Chromium from this machine's package archive"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    export DEBIAN_FRONTEND=noninteractive
    install="apt-get -qq install --no-install-recommends -y fonts-liberation"
    shell="$install chromium-headless-shell"
    if $shell > "$log" 2>&1 || { apt-get -qq update && { $shell || $install chromium; }; } > "$log" 2>&1; then
        exit 0
    fi
    cat "$log" >&2
elif .venv/bin/python -m playwright install chromium; then
    exit 0
fi
echo "The tests in a browser need Chromium: install it, and put it on PATH." >&2
exit 1
