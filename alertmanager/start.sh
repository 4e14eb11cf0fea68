#!/bin/sh
# Writes alertmanager.yml out with the environment filled in, then becomes Alertmanager:
#   start.sh TEMPLATE OUTPUT [COMMAND...]
# ${NAME:-default} takes the default where NAME is unset or empty; the innermost is filled in first.
# Only what busybox has: the container runs this too.
set -eu

template=$1
output=$2
shift 2

umask 077
awk '
  / # email$/ && ENVIRON["OTELML_SMTP_SMARTHOST"] == "" { next }
  / # webhook$/ && ENVIRON["OTELML_ALERT_WEBHOOK_FILE"] == "" { next }
  /^[ ]*#/ { next }
  {
    line = $0
    while (match(line, /\$\{[A-Z][A-Z0-9_]*:-[^${}]*\}/)) {
      token = substr(line, RSTART + 2, RLENGTH - 3)
      cut = index(token, ":-")
      value = ENVIRON[substr(token, 1, cut - 1)]
      if (value == "") value = substr(token, cut + 2)
      # Out of the way until the line is done: what would end a quote or start another token.
      gsub(/\047/, "\001", value)
      gsub(/[$]/, "\002", value)
      line = substr(line, 1, RSTART - 1) value substr(line, RSTART + RLENGTH)
    }
    gsub(/\001/, "\047\047", line)
    gsub(/\002/, "$", line)
    sub(/  # (email|webhook)$/, "", line)
    print line
  }
' "$template" > "$output"

[ $# -eq 0 ] || exec "$@"
