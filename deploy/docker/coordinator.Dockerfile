# The coordinator, and the front door `stentor` for looking into clusters and runs: no libtorch, no audio. From the top of the
# checkout:
#   docker build --file deploy/docker/coordinator.Dockerfile --tag stentor-coordinator .
ARG RUST_IMAGE=rust:1.95-slim-bookworm
ARG BASE_IMAGE=debian:bookworm-slim

FROM ${RUST_IMAGE} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ \
 && rm --recursive /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN cargo build --locked --release --package stentor-coordinator --package stentor --bins

FROM ${BASE_IMAGE}
# Numbers, not names: Kubernetes can only check `runAsNonRoot` on a number.
RUN install --directory --owner=10001 --group=10001 /data /certs
COPY --from=build /source/target/release/coordinator /source/target/release/stentor /usr/local/bin/
USER 10001:10001
WORKDIR /data
EXPOSE 7400 9400
ENTRYPOINT ["coordinator"]
