#!/bin/sh
# Fills a folder with what the OpenTelemetry Operator puts before a service's own packages:
#   auto-instrumentation.sh SOURCE TARGET
# PYTHON is the interpreter whose pip does it, python by default.
set -eu

source=$1
target=$2

# tomli: for services on Python 3.10, which this interpreter is not.
"${PYTHON:-python}" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
  --target "$target" "$source" tomli \
  opentelemetry-instrumentation opentelemetry-instrumentation-flask

# NumPy is compiled for one version of Python, and the service that has a model has its own. What
# stands before it in the path would be taken for it.
rm -rf "$target"/numpy "$target"/numpy.libs "$target"/numpy-*.dist-info "$target"/bin
