# What the OpenTelemetry Operator copies into a pod: otelml and OpenTelemetry, for any service.
#   docker build --tag otelml/auto-instrumentation-python:0.1.0 --file deploy/auto-instrumentation.Dockerfile .
FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY otelml otelml
COPY deploy/auto-instrumentation.sh ./
RUN sh auto-instrumentation.sh /source /autoinstrumentation

FROM python:3.13-alpine AS build-musl
RUN apk add --no-cache gcc linux-headers musl-dev
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY otelml otelml
COPY deploy/auto-instrumentation.sh ./
RUN sh auto-instrumentation.sh /source /autoinstrumentation-musl

# The Operator runs `cp` of this image.
FROM busybox:1.37.0-musl@sha256:5cec3fc171c87218698e85a52af7087de727372aae264a787b8112901a5b0092
COPY --from=build /autoinstrumentation /autoinstrumentation
COPY --from=build-musl /autoinstrumentation-musl /autoinstrumentation-musl
RUN chmod -R go+rX /autoinstrumentation /autoinstrumentation-musl
USER 10001:10001
