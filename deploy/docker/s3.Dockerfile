# A small S3 server for a cluster on one machine, and not for other uses: objects are files in /data, buckets its
# folders.
#   docker build --file deploy/docker/s3.Dockerfile --tag stentor-s3 .
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
# A tag names another image tomorrow: with RELEASE=yes only digests are accepted.
ARG RELEASE=no
ARG RUST_IMAGE
ARG BASE_IMAGE
RUN case "${RELEASE} ${BASE_IMAGE} ${RUST_IMAGE}" in \
      "yes "*"@sha256:"*" "*"@sha256:"*|"no "*) ;; \
      *) echo "expected RELEASE=no, or base images by digest, found ${RELEASE}, ${BASE_IMAGE} and ${RUST_IMAGE}" >&2; exit 2 ;; \
    esac
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm --recursive /var/lib/apt/lists/*
RUN cargo install --locked --root /opt/s3 --features binary --version 0.14.1 s3s-fs

FROM ${BASE_IMAGE}
RUN install --directory --owner=10001 --group=10001 /data
COPY --from=build /opt/s3/bin/s3s-fs /usr/local/bin/s3s-fs
USER 10001:10001
WORKDIR /data
EXPOSE 9000
ENTRYPOINT ["s3s-fs"]
