#!/bin/sh
# The long training runs, one after the other: MobileNetV2 with a stem of stride 1, from ImageNet's weights at 64 and at 32 pixels, and at
# 32 from and taught by the one at 64; ResNet-20 and SE-ResNet-20 under one recipe, SE-ResNet-18, all on CIFAR-10; MobileNetV2's published
# weights fine-tuned on photographs; MobileNetV2 from scratch; and the recipe `fast` on three networks, with ResNet-20's by the recipe
# `cifar` for as many epochs (results/fast.md). Hours. A run that is there goes on.
#
#   Benchmarks/training/runs.sh CIFAR10 PHOTOGRAPHS MOBILENET_V2_WEIGHTS [FOLDER (runs)]
set -eu
[ $# -ge 3 ] || { sed -n 's/^#   /usage: /p' "$0" >&2; exit 1; }
cifar=$1 photographs=$2 weights=$3 folder=${4:-runs}
here=$(cd "$(dirname "$0")" && pwd)
swiftlet=$here/../../.build/release/swiftlet

run() {
  name=$1
  shift
  "$swiftlet" train --output "$folder/$name" --resume "$@"
}
run mobilenet_v2_64 --data "$cifar" --model cifar_mobilenet_v2 --resolution 64 --from "$weights" --recipe cifar --epochs 6 --learning-rate 0.02
run mobilenet_v2_32 --data "$cifar" --model cifar_mobilenet_v2 --from "$weights" --recipe cifar --epochs 12 --learning-rate 0.03
run mobilenet_v2_distilled --data "$cifar" --model cifar_mobilenet_v2 --resolution 32 --recipe "$here/distilled.json" \
  --from "$folder/mobilenet_v2_64/model.safetensors" --teacher "$folder/mobilenet_v2_64/model.safetensors"
run resnet20 --data "$cifar" --model cifar_resnet20 --recipe cifar --epochs 10
run se_resnet20 --data "$cifar" --model cifar_se_resnet20 --recipe cifar --epochs 10
run se_resnet18 --data "$cifar" --model cifar_se_resnet18 --recipe cifar --epochs 8
run fine_tuned --data "$photographs" --from "$weights" --recipe fine-tune
run mobilenet_v2_scratch --data "$cifar" --model cifar_mobilenet_v2 --recipe cifar --epochs 30
run fast_se_resnet18 --data "$cifar" --model cifar_se_resnet18 --recipe fast
run fast_resnet20 --data "$cifar" --model cifar_resnet20 --recipe fast --epochs 40
run cifar_resnet20 --data "$cifar" --model cifar_resnet20 --recipe cifar --epochs 32
run fast_mobilenet_v2 --data "$cifar" --model cifar_mobilenet_v2+total-stride=8 --from "$weights" --recipe fast --learning-rate 0.02
