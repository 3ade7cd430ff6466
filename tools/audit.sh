#!/usr/bin/env bash
# Asks osv.dev for known vulnerabilities of every locked Python package; what is given goes to `uv audit` as it is.
# Ends with 0: none is known; 1: some are, and they are named; 2: nobody answered, so nothing is known.
set -euo pipefail
cd "$(dirname "$0")/.."

said="$(mktemp)"
trap 'rm -f "$said"' EXIT
status=0
tools/uv audit --frozen --preview-features audit-command "$@" 2>"$said" || status=$?
if [ "$status" -ge 2 ] && grep -q 'error sending request' "$said"; then
  printf 'audit: NOT done, nothing is known of the locked packages: %s\n' \
    "$(grep -o 'error sending request for url ([^)]*)' "$said" | head -n 1), $(sed -n 's/^ *cause: //p' "$said" | tail -n 1)" >&2
  exit 2
fi
cat "$said" >&2
exit "$status"
