#!/usr/bin/env bash
# Installs what is missing on a Debian 12 machine that has Go and Node 20.
#
#   setup.sh quick   OpenCV, libturbojpeg and the ONNX Runtime library alone
#   setup.sh build   what `make build` needs: OpenCV, libturbojpeg, the ONNX
#                    Runtime library and the browser app's packages
#   setup.sh run     the same, the demonstration's photographs and the voice of
#                    the screens at the bins
#   setup.sh test    the same and the real parts that the tests start:
#                    PostgreSQL, MinIO, an RTSP server, MQTT clients, Chromium,
#                    a photograph of a face (python-matplotlib-data),
#                    and PyTorch for the training code's
#   setup.sh live    what `run` needs and an RTSP server
#   setup.sh model   what training needs: PyTorch
#
# It can be run any number of times: what is there is left alone, and a run
# that finds everything installed takes well under a second. Every step that
# does something says so.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/binside

# MinIO is a test tool that is run as a program, never linked (AGPL).
minio=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c

build_packages=(g++ make pkg-config ca-certificates libopencv-dev libturbojpeg0-dev)
run_packages=(tuxpaint-stamps-default espeak-ng)
rtsp_packages=(
	python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-rtsp gstreamer1.0-plugins-base
	gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly gstreamer1.0-libav
)
test_packages=(postgresql mosquitto-clients chromium fonts-noto-cjk ffmpeg python-matplotlib-data)
model_packages=(python3-torch python3-opencv python3-onnx python3-numpy python3-yaml libopenblas0-pthread)

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo --preserve-env=DEBIAN_FRONTEND,http_proxy,https_proxy "$@"
	else
		die "Debian packages are missing and this is neither root nor a machine with sudo; as root: $*"
	fi
}

need() { command -v "$1" >/dev/null || die "$1 is not on the PATH: $2"; }

installed() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

debian() {
	local missing=()
	for p in "$@"; do installed "$p" || missing+=("$p"); done
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "these Debian packages are missing, and there is no apt-get: ${missing[*]}"
	say "installing Debian packages: ${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	as_root apt-get update -qq
	# Installing a database server must not start one on this machine: the
	# tests start their own, on a port and in a folder of their own.
	if [[ " ${missing[*]} " == *" postgresql "* ]] && ! installed postgresql; then
		as_root mkdir -p /etc/postgresql-common
		[ -e /etc/postgresql-common/createcluster.conf ] ||
			echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
	fi
	as_root apt-get install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 "${missing[@]}" >&2
}

# npm_ci DIR installs a folder's locked packages, when the lock has changed
# since the last time.
npm_ci() {
	local dir=$1 stamp want
	stamp=$dir/node_modules/.binside-lock
	want=$(sha256sum <"$dir/package-lock.json")
	[ "$(cat "$stamp" 2>/dev/null)" = "$want" ] && return 0
	say "installing npm packages of ${dir#"$root"/}"
	(cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
	printf '%s\n' "$want" >"$stamp"
}

build_minio() {
	local stamp=$cache/bin/.minio
	[ "$(cat "$stamp" 2>/dev/null)" = "$minio" ] && [ -x "$cache/bin/minio" ] && return 0
	say "building the MinIO server for the tests (5 to 8 minutes, once): $minio"
	mkdir -p "$cache/bin"
	GOFLAGS='' GOBIN=$cache/bin go install "$minio"
	printf '%s\n' "$minio" >"$stamp"
}

libraries() {
	need go "install Go 1.26 or later"
	need node "install Node 20 or later"
	need npm "it comes with Node"
	debian "${build_packages[@]}" "$@"
	npm_ci "$root/models/ort"
}

build() {
	libraries "$@"
	npm_ci "$root/server/web"
}

case "${1:-build}" in
quick) libraries ;;
build) build ;;
run) build "${run_packages[@]}" ;;
test)
	build "${run_packages[@]}" "${test_packages[@]}" "${rtsp_packages[@]}" "${model_packages[@]}"
	build_minio
	;;
bench)
	build "${run_packages[@]}"
	npm_ci "$root/bench/peers/node"
	;;
live) build "${run_packages[@]}" "${rtsp_packages[@]}" ;;
model) build "${run_packages[@]}" "${model_packages[@]}" ;;
*) die "unknown step '$1': use quick, build, run, test, bench, live or model" ;;
esac
