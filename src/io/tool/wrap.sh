# sh wrap.sh NONCE DIR TOOL ARG...   runs one tool so that it outlives phasebox and reports how it ended.
# Everything is in braces: sh reads the whole block first, so replacing this file does not affect a running copy.
{
  dir=$2
  shift 2
  # Wrapper and tool hold `alive` open for reading: the kernel, not a pid, says whether a process is left.
  mkfifo "$dir/alive" && exec 9<>"$dir/alive" >>"$dir/log.txt" 2>&1 </dev/null || exit 125
  # The wrapper stays to report. The tool gets the default actions again.
  trap : HUP INT TERM
  # O_EXCL: the process that makes this file first decides whether the tool runs.
  set -C
  { echo $$ >"$dir/started"; } 2>/dev/null || exit 125
  # macOS only: no sleep while the tool works. It must not hold `alive`.
  if [ -x /usr/bin/caffeinate ]; then /usr/bin/caffeinate -is -w $$ 9>&- & fi
  "$@"
  # Read only when no process holds `alive` open. One write, so that it is complete or (if killed before it) empty.
  echo $? >"$dir/exit"
  exit
}
