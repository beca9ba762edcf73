# A static program and nothing else: no shell, no libraries, no root. docs/operating.md says how to run it.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/twinbook ./cmd/twinbook
RUN mkdir -p /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/twinbook /twinbook
# The journal's folder belongs to the user, also when an empty volume is mounted there.
COPY --from=build --chown=65532:65532 --chmod=700 /out/data /data
USER 65532:65532
WORKDIR /data
# It listens for other machines, and so does not start before there are tokens or oidc in the configuration.
ENV TWINBOOK_CONFIG=/etc/twinbook/twinbook.yaml \
    TWINBOOK_JOURNAL=/data/journal.db \
    TWINBOOK_LISTEN=:8099
VOLUME /data
EXPOSE 8099
STOPSIGNAL SIGTERM
ENTRYPOINT ["/twinbook"]
CMD ["serve"]
