#!/bin/sh
# libtorch.sh FOLDER cpu|gpu: makes FOLDER/include and FOLDER/lib with what a program needs, from PyPI's wheels.
# The versions are those of `cargo xtask setup`. A wheel with another hash than that in libtorch-*.txt is refused.
set -eu
folder=$1
accelerator=$2
wheels=$(mktemp --directory)
install() {
  python3 -m pip install --no-cache-dir --no-compile --no-deps --only-binary=:all: --require-hashes --target "$wheels" \
    --requirement "$(dirname "$0")/libtorch-$1.txt"
}
mkdir --parents "$folder/lib"
case $accelerator in
  cpu)
    install cpu
    for library in libtorch_cpu.so libc10.so libgomp.so.1; do
      cp "$wheels/torch/lib/$library" "$folder/lib/"
    done
    # `libtorch_cpu.so` of these wheels depends on both, even without a GPU.
    for library in libcudart.so.13 libcupti.so.13; do
      cp "$wheels/nvidia/cu13/lib/$library" "$folder/lib/"
    done
    ;;
  gpu)
    install gpu
    # All in one folder: each library looks for the others in its own folder first.
    find "$wheels/torch/lib" "$wheels/nvidia" -name '*.so*' -exec cp {} "$folder/lib/" \;
    ;;
  *)
    echo "libtorch.sh: expected cpu or gpu, found '$accelerator'" >&2
    exit 2
    ;;
esac
cp --recursive "$wheels/torch/include" "$folder/include"
# Replaces the original, which would require CUDA for linking.
echo 'INPUT ( libtorch_cpu.so libc10.so )' > "$folder/lib/libtorch.so"
rm --recursive "$wheels"
