# sh wrap.sh NONCE DIR TOOL ARG...   runs one tool so that it outlives phasebox and tells how it ended.
# Everything is in braces: sh reads the block whole, so replacing this file cannot bite a running copy.
{
  dir=$2
  shift 2
  # Wrapper and tool hold `alive` open for reading: the kernel, not a pid, says whether anyone is left.
  mkfifo "$dir/alive" && exec 9<>"$dir/alive" >>"$dir/log.txt" 2>&1 </dev/null || exit 125
  # We stay to report; the tool gets the default actions back.
  trap : HUP INT TERM
  # O_EXCL: who makes this file first decides whether the tool runs.
  set -C
  { echo $$ >"$dir/started"; } 2>/dev/null || exit 125
  # macOS only: no sleep while the tool works. It must not hold `alive`.
  if [ -x /usr/bin/caffeinate ]; then /usr/bin/caffeinate -is -w $$ 9>&- & fi
  "$@"
  # Read only when nobody holds `alive` any more; one write, so it is whole or (killed before it) empty.
  echo $? >"$dir/exit"
  exit
}
