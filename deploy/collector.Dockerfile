# The contrib Collector with what its image lacks: a program for the health check, and one that puts
# corrupt queue files aside (collector/start.sh).
# A smaller one, of just the parts this project uses: `builder --config engines/collector/builder.yaml`.
FROM otel/opentelemetry-collector-contrib:0.159.0@sha256:1f2c54a30e713fac6b3ae77a1ec84010c2007e29ced8ec666214fc2f6739c1cc AS collector

FROM golang:1.26.5-alpine@sha256:0178a641fbb4858c5f1b48e34bdaabe0350a330a1b1149aabd498d0699ff5fb2 AS bbolt
RUN CGO_ENABLED=0 GOBIN=/ go install -ldflags "-s -w" go.etcd.io/bbolt/cmd/bbolt@v1.5.0

FROM busybox:1.37.0-musl@sha256:5cec3fc171c87218698e85a52af7087de727372aae264a787b8112901a5b0092
COPY --from=collector /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=collector /otelcol-contrib /otelcol
COPY --from=bbolt /bbolt /bbolt
# Volumes take the owner of the folder they are mounted on.
RUN for engine in collector prometheus jaeger victorialogs alertmanager grafana mail demo; do \
      mkdir -p "/run/otelml/$engine"; done \
 && mkdir -p /var/lib/otelcol && chown -R 10001:10001 /var/lib/otelcol /run/otelml
USER 10001:10001
ENTRYPOINT ["/otelcol"]
