#!/bin/sh
# Submits experiment A (43a, Coder-30B) and then B (43b, Qwen3-14B): B starts when A has finished, including its cleanup.
#
# usage: scripts/submit-ab.sh [WORKSPACE] [OPTION...]
#   WORKSPACE   the folder with inbox, artifacts and phasebox.yaml; the current folder if left out
#   OPTION      for `phasebox submit`: --watch waits for both rows, --again runs every seed once more
# PHASEBOX may name the command: PHASEBOX="node /path/to/phasebox.js"
set -eu

workspace=.
case "${1-}" in
  -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
  '' | -*) ;;
  *) workspace=$1; shift ;;
esac

fail() { printf 'submit-ab: %s\n' "$2" >&2; exit "$1"; }

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
a=$here/examples/43a-coder30b.yaml
b=$here/examples/43b-qwen3-14b.yaml

[ -d "$workspace" ] || fail 2 "there is no folder $workspace; give the workspace as the first argument"
for config in "$a" "$b"; do
  [ -r "$config" ] || fail 3 "$config is missing: this script belongs to a whole copy of phasebox"
done

# In order: the command that is named, the one of this copy, the one on PATH.
if [ -n "${PHASEBOX-}" ]; then
  command -v "${PHASEBOX%% *}" >/dev/null 2>&1 || fail 3 "PHASEBOX is \"$PHASEBOX\", and there is no such command"
elif [ -f "$here/dist/phasebox.js" ]; then
  command -v node >/dev/null 2>&1 || fail 3 'there is no node: install Node 20.19 or later'
elif command -v phasebox >/dev/null 2>&1; then
  PHASEBOX=phasebox
else
  fail 3 "phasebox is not built and not installed: run \`npm install && npm run build\` in $here"
fi

printf 'Submitting A (43a), then B (43b), to %s\n' "$workspace"
status=0
if [ -n "${PHASEBOX-}" ]; then
  # Unquoted on purpose: PHASEBOX may be several words.
  $PHASEBOX --workspace "$workspace" submit "$@" "$a" "$b" || status=$?
else
  node "$here/dist/phasebox.js" --workspace "$workspace" submit "$@" "$a" "$b" || status=$?
fi

case $status in
  0) printf 'Submitted. `phasebox up` works on them; `phasebox status` shows how far it is.\n' ;;
  1) printf 'submit-ab: a run failed; `phasebox status` says which, the comparison says why\n' >&2 ;;
  2) printf 'submit-ab: nothing was submitted; correct what is named above and try again\n' >&2 ;;
  *) printf 'submit-ab: nothing was submitted; `phasebox doctor` says what this machine lacks\n' >&2 ;;
esac
exit "$status"
