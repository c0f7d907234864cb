#!/bin/sh
# libtorch.sh FOLDER: lays FOLDER/include and FOLDER/lib with what a program for the processor needs, out of PyPI's wheels.
# The versions are those of `cargo xtask setup`.
set -eu
folder=$1
wheels=$(mktemp --directory)
python3 -m pip install --no-cache-dir --no-deps --no-compile --target "$wheels" \
  torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85
mkdir --parents "$folder/lib"
cp --recursive "$wheels/torch/include" "$folder/include"
for library in libtorch_cpu.so libc10.so libgomp.so.1; do
  cp "$wheels/torch/lib/$library" "$folder/lib/"
done
# `libtorch_cpu.so` of these wheels names both, even where there is no GPU.
for library in libcudart.so.13 libcupti.so.13; do
  cp "$wheels/nvidia/cu13/lib/$library" "$folder/lib/"
done
# In place of the real one, which would want CUDA when linking.
echo 'INPUT ( libtorch_cpu.so libc10.so )' > "$folder/lib/libtorch.so"
rm --recursive "$wheels"
