#!/usr/bin/env bash
# Validates a stack and tells what changes for whom: compare.sh BASE STACK FOLDER
#
# Leaves in FOLDER what a comment is made of: plan.txt, diff.md and diff.txt, and how each command ended (*.status).
# BASE is a revision; where it is none (a first push, a force push), it is the commit before HEAD.
# Ends with 0, whether anything changes or not, and with 2 if the site is refused or can't be compared.
set -uo pipefail
base="$1" stack="$2" folder="$3"

mkdir -p "$folder"
if ! git cat-file -e "$base^{commit}" 2>/dev/null; then
  echo "compare: there is no commit ${base:-(none was given)}; compared with the one before HEAD" >&2
  base='HEAD^1'
fi
base="$(git rev-parse --short "$base")" || exit 2

trellis plan --stack "$stack" >"$folder/plan.txt" 2>&1
plan=$?
echo "$plan" >"$folder/plan.status"
trellis diff "$base" HEAD --stack "$stack" --format markdown >"$folder/diff.md" 2>"$folder/diff.err"
diff=$?
echo "$diff" >"$folder/diff.status"
trellis diff "$base" HEAD --stack "$stack" >"$folder/diff.txt" 2>&1

cat "$folder/diff.txt"
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then cat "$folder/diff.md" "$folder/diff.err" >>"$GITHUB_STEP_SUMMARY"; fi
if [ "$plan" -ne 0 ]; then cat "$folder/plan.txt" >&2; fi
# 1 of `trellis diff` is a change, which is no failure here.
if [ "$plan" -ne 0 ] || [ "$diff" -gt 1 ]; then exit 2; fi
