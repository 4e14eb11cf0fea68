#!/bin/sh
# Puts queue files that are corrupt aside, then becomes the Collector:
#   start.sh BBOLT COLLECTOR [ARGUMENT...]
# `recreate` of file_storage cannot: bbolt panics in a goroutine of its own, or says "invalid
# database", and the Collector ends, each time it is started.
# Only what busybox has: the container runs this too.
set -eu

bbolt=$1
shift

for file in "${OTELML_COLLECTOR_QUEUE_DIR:-./.otelml-stack/collector/queue}"/exporter_*; do
  case $file in *.backup) continue ;; esac
  [ -s "$file" ] || continue
  if ! said=$("$bbolt" check "$file" 2>&1); then
    aside=$file.$(date -u +%Y%m%dT%H%M%SZ).backup
    mv "$file" "$aside"
    why=$(printf '%s' "$said" | head -n 1 | tr -d '"\\' | cut -c1-200)
    printf '{"level":"warn","msg":"Corrupt queue file kept aside","file":"%s","error":"%s"}\n' \
      "$aside" "$why" >&2
  fi
done

exec "$@"
