#!/bin/sh
# Writes the hashed locks anew. Each holds names, versions and sums, and no address of any index.
set -eu
cd "$(dirname "$0")/.."
uv=.venv/bin/uv
flags="--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet"
ours="--no-emit-package pipeline-contracts --no-emit-package pipeline-runtime"
packages="libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml sandbox/pyproject.toml"
# shellcheck disable=SC2086  # these are lists of words
$uv pip compile $flags $ours "$@" requirements/dev.in $packages -o requirements/dev.txt
# shellcheck disable=SC2086
$uv pip compile $flags $ours "$@" -c requirements/dev.txt requirements/build.in $packages -o requirements/runtime.txt
# shellcheck disable=SC2086
$uv pip compile $flags "$@" requirements/uv.in -o requirements/uv.txt
# shellcheck disable=SC2086
$uv pip compile $flags "$@" requirements/node.in -o requirements/node.txt
