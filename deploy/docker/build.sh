#!/usr/bin/env bash
# Builds the images of all programs and prints their names, one a line. Needs Go and
# the docker command. Settings, by environment:
#
#   VERSION   stamped into programs and labels; default: what git describes
#   CREATED   when, for labels; default: the date of the commit
#   BASE      base image; default: the Dockerfile's. scratch works too
#   PREFIX    how image names begin (murmuration/)
#   TAG       their tag; default: VERSION. "content" names a tag by what is in the
#             images, and builds nothing that is there already
#   ARCH      of the images (this machine's). Several, such as "amd64 arm64", make one
#             image for all of them, which needs docker buildx, and no TAG=content
#   OUTPUT    where images of several ARCH go: registry (pushed to PREFIX), or a folder
#             for OCI archives; default: CONTEXT/oci
#   CONTEXT   folder for the build context (bin/image)
#   GO        the go command (go)
#
# Beside each program in CONTEXT/linux/ARCH stands its bill of materials, PROGRAM.cdx.json
# (CycloneDX); in the image it is /usr/share/doc/PROGRAM/sbom.cdx.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

programs=(order payment inventory gatewaysim murmur)
module=github.com/murmuration-dev/murmuration
go=${GO:-go}
prefix=${PREFIX-murmuration/}
context=${CONTEXT:-bin/image}
read -ra archs <<<"${ARCH:-$($go env GOARCH)}"
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo dev)}
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
created=${CREATED:-$(TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd 2>/dev/null || true)}
tag=${TAG:-$version}
if [[ $tag == content ]]; then
  # Or every commit would be another content.
  version=content created='' revision=''
  [[ ${#archs[@]} == 1 ]] || { echo "TAG=content needs one ARCH, not ${archs[*]}" >&2; exit 1; }
fi
if [[ ${#archs[@]} -gt 1 ]] && ! docker buildx version >/dev/null 2>&1; then
  echo "images for several architectures need docker buildx: install it, or set one ARCH at a time" >&2
  exit 1
fi

stamp=(-s -w -X "main.version=$version")
for package in services/order/app services/payment/app services/inventory/app cmd/murmur/cli; do
  stamp+=(-X "$module/$package.Version=$version")
done
mkdir -p "$context"/{etc,data}
for arch in "${archs[@]}"; do
  out=$context/linux/$arch
  mkdir -p "$out"
  CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOFLAGS='' $go build -trimpath -buildvcs=false -ldflags "${stamp[*]}" -o "$out/" \
    ./services/order/cmd/order ./services/payment/cmd/payment ./services/inventory/cmd/inventory ./services/payment/cmd/gatewaysim ./cmd/murmur
  GOFLAGS='' $go run ./cmd/murmur/internal/sbom -version "$version" -created "$created" "${programs[@]/#/$out/}"
done

# For bases that have none of it. Programs need a user by number only; a name is for people.
printf '%s\n' 'root:x:0:0:root:/root:/sbin/nologin' 'nonroot:x:65532:65532:nonroot:/data:/sbin/nologin' >"$context/etc/passwd"
printf '%s\n' 'root:x:0:' 'nonroot:x:65532:' >"$context/etc/group"
for bundle in "${SSL_CERT_FILE:-}" /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  [[ -s $bundle ]] && break
done
[[ -s $bundle ]] || { echo "no CA certificates on this machine: name a PEM bundle by SSL_CERT_FILE" >&2; exit 1; }
cp "$bundle" "$context/etc/ca-certificates.crt"
echo 'what the program keeps' >"$context/data/README"

arguments=(--file deploy/docker/Dockerfile --build-arg "VERSION=$version")
[[ -z ${BASE:-} ]] || arguments+=(--build-arg "BASE=$BASE")
[[ -z $revision ]] || arguments+=(--build-arg "REVISION=$revision")
[[ -z $created ]] || arguments+=(--build-arg "CREATED=$created")
if [[ $tag == content ]]; then
  tag=$({ cat deploy/docker/Dockerfile; echo "${BASE:-}"; cd "$context" && find etc data "linux/${archs[0]}" -type f -print0 | sort -z | xargs -0 sha256sum; } | sha256sum | cut -c 1-16)
fi

# quietly shows what a command says only when it fails.
quietly() {
  local said
  said=$("$@" 2>&1) || { echo "$said" >&2; exit 1; }
}

for program in "${programs[@]}"; do
  image=$prefix$program:$tag
  if [[ ${#archs[@]} -gt 1 ]]; then
    output=${OUTPUT:-$context/oci}
    platforms=$(printf ',linux/%s' "${archs[@]}")
    if [[ $output == registry ]]; then
      output=type=registry
    else
      mkdir -p "$output"
      output=type=oci,dest=$output/$program.tar
    fi
    quietly docker buildx build "${arguments[@]}" --platform "${platforms#,}" --output "$output" --target "$program" --tag "$image" "$context"
  elif [[ ${TAG:-} != content ]] || ! docker image inspect "$image" >/dev/null 2>&1; then
    quietly docker build "${arguments[@]}" --build-arg "TARGETARCH=${archs[0]}" --target "$program" --tag "$image" "$context"
  fi
  echo "$image"
done
