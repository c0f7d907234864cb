# The coordinator, and the front door `stentor` for looking into clusters and runs. The image holds no libtorch. From the top of
# the checkout:
#   docker build --file deploy/docker/coordinator.Dockerfile --tag stentor-coordinator .
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

# Until "build" ends, the Dockerfiles of all programs are the same line by line, so that Docker does it once.
FROM ${BASE_IMAGE} AS libtorch
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates python3-pip \
 && rm --recursive /var/lib/apt/lists/*
COPY deploy/docker/libtorch.sh /
# cpu, or gpu: with CUDA, 2.7 GB.
ARG ACCELERATOR=cpu
RUN sh /libtorch.sh /opt/libtorch "${ACCELERATOR}"

# The workspace without code: while its manifests stay as they are, what we depend on is not compiled again.
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
# The build writes this path into worker and labeler, which look there for the libraries when they start.
ENV LIBTORCH=/opt/libtorch CARGO_TARGET_DIR=/target
ENV PACKAGES="--package stentor --package stentor-coordinator --package stentor-worker --package stentor-teacher-labeler"
WORKDIR /source
COPY --from=manifests /source .
RUN cargo build --locked --release ${PACKAGES} --bins
COPY . .
# Touched, for to cargo they would be older than what was compiled in their place.
RUN find . -name '*.rs' -exec touch {} + \
 && cargo build --locked --release ${PACKAGES} --bins

FROM ${BASE_IMAGE}
# Numbers, not names: Kubernetes can only check `runAsNonRoot` on a number.
RUN install --directory --owner=10001 --group=10001 /data /certs
COPY --from=build /target/release/coordinator /target/release/stentor /usr/local/bin/
USER 10001:10001
WORKDIR /data
EXPOSE 7400 9400
ENTRYPOINT ["coordinator"]
