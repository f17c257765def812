#!/bin/sh
# Makes everything in demo/ that is not written by hand: data, suite and the two base models.
# usage: make.sh TORCH_PYTHON MLX_PYTHON      (README.md says what each of them needs)
set -eu
torch=$1 mlx=$2
here=$(cd "$(dirname "$0")" && pwd)
demo=$(dirname "$here")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$here"
"$torch" make_data.py "$demo" "$work/tokenizer"
for base in A:moe B:dense; do
  name=${base%:*}-base
  "$torch" pretrain.py "${base#*:}" "$work/tokenizer" "$work/$name"
  rm -rf "$demo/models/$name" "$work/quantized"
  "$mlx" -m mlx_lm convert --hf-path "$work/$name" --mlx-path "$work/quantized" -q --q-bits 4 --q-group-size 64
  mkdir -p "$demo/models/$name"
  for file in config.json model.safetensors model.safetensors.index.json; do
    cp "$work/quantized/$file" "$demo/models/$name/"
  done
  # convert moves the chat template into a file of its own, which older versions of mlx_lm do not read
  cp "$work/tokenizer/tokenizer.json" "$work/tokenizer/tokenizer_config.json" "$demo/models/$name/"
done
