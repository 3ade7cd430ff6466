#!/usr/bin/env bash
# Compares the hosts with the plan, and the prefix file with the edges: drift.sh STACK FOLDER
#
# Leaves in FOLDER what each command said (*.txt) and how it ended (*.status).  Nothing is changed anywhere.
# Ends with 0 if all is as it should be, else with the highest exit code of the two.
set -uo pipefail
stack="$1" folder="$2"

mkdir -p "$folder"
worst=0
look() {
  local name="$1" status
  shift
  "$@" >"$folder/$name.txt" 2>&1
  status=$?
  echo "$status" >"$folder/$name.status"
  cat "$folder/$name.txt"
  if [ "$status" -gt "$worst" ]; then worst="$status"; fi
}

look check trellis check --stack "$stack"
# Without a prefix file nothing is delegated, and there is nothing to ask an edge.
if [ -e "Prefixes.$stack.yaml" ]; then look prefixes trellis prefixes check --stack "$stack"; fi
exit "$worst"
