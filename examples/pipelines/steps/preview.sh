#!/usr/bin/env bash
# Leaves what `pulumi preview` shows in FOLDER, and how it ended: preview.sh STACK FOLDER
set -uo pipefail
stack="$1" folder="$2"

mkdir -p "$folder"
pulumi preview --stack "$stack" --diff --color never --non-interactive >"$folder/preview.txt" 2>&1
status=$?
echo "$status" >"$folder/preview.status"
cat "$folder/preview.txt"
exit "$status"
