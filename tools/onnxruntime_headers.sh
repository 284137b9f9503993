#!/usr/bin/env bash
# Unpacks the headers of ONNX Runtime's C API into a folder: tools/onnxruntime_headers.sh FOLDER
# They are in Debian's libonnxruntime-dev. Where this release has no such package, that of Debian 13 is taken, from the
# places that apt is already configured with and checked by the same keys; nothing of it is installed.
set -euo pipefail
[ $# -eq 1 ] || { sed -n '2s/# //p' "$0" >&2; exit 2; }
mkdir -p "$1"
target=$(cd "$1" && pwd)
[ ! -f "$target/onnxruntime_c_api.h" ] || exit 0
if [ -f /usr/include/onnxruntime/onnxruntime_c_api.h ]; then
  cp -r /usr/include/onnxruntime/. "$target"
  exit 0
fi
draft=$(mktemp -d)
trap 'rm -rf "$draft"' EXIT
chmod 755 "$draft" # apt fetches as a user of its own
cd "$draft"
if ! apt-get download libonnxruntime-dev >download.log 2>&1; then
  mkdir -p lists/partial
  architecture=$(dpkg --print-architecture)
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Component: main' "Architecture: $architecture" |
    grep -v security | sort -u | while read -r site; do
      echo "deb [arch=$architecture signed-by=$keys] $site trixie main"
    done >debian.list
  apart=(-o "Dir::Etc::sourcelist=$draft/debian.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$draft/lists"
    -o "Dir::Cache=$draft/cache" -o "APT::Architectures::=$architecture")
  mkdir -p cache/archives/partial
  if ! { apt-get "${apart[@]}" update && apt-get "${apart[@]}" download libonnxruntime-dev; } >>download.log 2>&1; then
    cat download.log >&2
    echo "$0: no libonnxruntime-dev could be had; put onnxruntime_c_api.h into $target by hand" >&2
    exit 1
  fi
fi
dpkg-deb -x libonnxruntime-dev_*.deb unpacked
headers=$(dirname "$(find unpacked -name onnxruntime_c_api.h | head -n 1)")
cp -r "$headers/." "$target"
