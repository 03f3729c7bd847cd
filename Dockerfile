# syntax=docker/dockerfile:1

FROM --platform=$BUILDPLATFORM golang:1.26.8 AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=unknown
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api/ api/
COPY cmd/ cmd/
COPY controllers/ controllers/
COPY internal/ internal/
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.release=$VERSION" -o /pinsync ./cmd/pinsync

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /pinsync /pinsync
USER 65532:65532
ENTRYPOINT ["/pinsync"]
