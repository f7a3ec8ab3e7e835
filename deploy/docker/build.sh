#!/usr/bin/env bash
# Builds the images of all programs and prints their names, one a line. Needs Go and
# the docker command. Settings, by environment:
#
#   VERSION   stamped into programs and labels; default: what git describes
#   BASE      base image; default: the Dockerfile's. scratch works too
#   PREFIX    how image names begin (murmuration/)
#   TAG       their tag; default: VERSION. "content" names a tag by what is in the
#             images, and builds nothing that is there already
#   ARCH      of the images (this machine's)
#   CONTEXT   folder for the build context (bin/image)
#   GO        the go command (go)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

programs=(order payment inventory gatewaysim murmur)
module=github.com/murmuration-dev/murmuration
go=${GO:-go}
prefix=${PREFIX-murmuration/}
context=${CONTEXT:-bin/image}
arch=${ARCH:-$($go env GOARCH)}
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
tag=${TAG:-$version}
[[ $tag != content ]] || version=content # or every commit would be another content

stamp=(-s -w)
for package in services/order/app services/payment/app services/inventory/app cmd/murmur/cli; do
  stamp+=(-X "$module/$package.Version=$version")
done
mkdir -p "$context"/{etc,data,"linux/$arch"}
CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOFLAGS='' $go build -trimpath -buildvcs=false -ldflags "${stamp[*]}" -o "$context/linux/$arch/" \
  ./services/order/cmd/order ./services/payment/cmd/payment ./services/inventory/cmd/inventory ./services/payment/cmd/gatewaysim ./cmd/murmur

# For bases that have none of it. Programs need a user by number only; a name is for people.
printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nonroot:x:65532:65532:nonroot:/data:/sbin/nologin' >"$context/etc/passwd"
printf '%s\n' 'root:x:0:' 'nonroot:x:65532:' >"$context/etc/group"
for bundle in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  [[ -s $bundle ]] && break
done
[[ -s $bundle ]] || { echo "no CA certificates on this machine: name a PEM bundle by SSL_CERT_FILE" >&2; exit 1; }
cp "$bundle" "$context/etc/ca-certificates.crt"
echo 'what the program keeps' >"$context/data/README"

arguments=(--build-arg "VERSION=$version" --build-arg "TARGETARCH=$arch")
[[ -z ${BASE:-} ]] || arguments+=(--build-arg "BASE=$BASE")
if [[ $tag == content ]]; then
  tag=$({ cat deploy/docker/Dockerfile; echo "${BASE:-}"; cd "$context" && find etc data "linux/$arch" -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c 1-16)
else
  arguments+=(--build-arg "REVISION=$revision")
fi
for program in "${programs[@]}"; do
  image=$prefix$program:$tag
  if [[ ${TAG:-} != content ]] || ! docker image inspect "$image" >/dev/null 2>&1; then
    said=$(docker build --file deploy/docker/Dockerfile --target "$program" --tag "$image" "${arguments[@]}" "$context" 2>&1) || { echo "$said" >&2; exit 1; }
  fi
  echo "$image"
done
