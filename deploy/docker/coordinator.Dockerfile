# The coordinator, and the command-line program `stentor` for inspecting clusters and runs. The image contains no
# libtorch. Run this in the root of the checkout:
#   docker build --file deploy/docker/coordinator.Dockerfile --tag stentor-coordinator .
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

# Up to "build", the Dockerfiles of all programs have the same lines, so that Docker builds these stages once.
FROM ${BASE_IMAGE} AS libtorch
# A tag names another image tomorrow: with RELEASE=yes only digests are accepted.
ARG RELEASE=no
ARG RUST_IMAGE
ARG BASE_IMAGE
RUN case "${RELEASE} ${BASE_IMAGE} ${RUST_IMAGE}" in \
      "yes "*"@sha256:"*" "*"@sha256:"*|"no "*) ;; \
      *) echo "expected RELEASE=no, or base images by digest, found ${RELEASE}, ${BASE_IMAGE} and ${RUST_IMAGE}" >&2; exit 2 ;; \
    esac
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3-pip \
 && rm --recursive /var/lib/apt/lists/*
COPY deploy/docker/libtorch.sh deploy/docker/libtorch-*.txt /
# cpu, or gpu (with CUDA, 2.7 GB).
ARG ACCELERATOR=cpu
RUN sh /libtorch.sh /opt/libtorch "${ACCELERATOR}"

# The workspace without code: while its manifests stay the same, dependencies are not compiled again.
FROM ${RUST_IMAGE} AS manifests
WORKDIR /source
COPY . .
RUN find . -type f ! -name '*.rs' ! -name Cargo.toml ! -name Cargo.lock -delete \
 && find . -path '*/src/*.rs' ! -name lib.rs ! -name main.rs -delete \
 && find . -name '*.rs' -exec sh -c 'echo "fn main() { }" > "$1"' sh {} \; \
 && find . -type d -empty -delete

FROM ${RUST_IMAGE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm --recursive /var/lib/apt/lists/*
COPY --from=libtorch /opt/libtorch /opt/libtorch
# The build writes this path into worker and labeler, which load the libraries from there.
ENV LIBTORCH=/opt/libtorch CARGO_TARGET_DIR=/target
ENV PACKAGES="--package stentor --package stentor-coordinator --package stentor-worker --package stentor-teacher-labeler"
WORKDIR /source
COPY --from=manifests /source .
RUN cargo build --locked --release ${PACKAGES} --bins
COPY . .
# Touched, because for cargo they would be older than what was compiled in their place.
RUN find . -name '*.rs' -exec touch {} + \
 && cargo build --locked --release ${PACKAGES} --bins

FROM ${BASE_IMAGE}
# Numbers instead of names, because Kubernetes can check `runAsNonRoot` only for a number.
# A volume that is mounted on a folder of the image gets its owner.
RUN install --directory --owner=10001 --group=10001 /data /certs \
    /keys /certs/ca /certs/coordinator /certs/worker /certs/labeler /certs/admin
COPY --from=build /target/release/coordinator /target/release/stentor /usr/local/bin/
USER 10001:10001
WORKDIR /data
EXPOSE 7400 9400
ENTRYPOINT ["coordinator"]
