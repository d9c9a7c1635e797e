# SPDX-License-Identifier: Apache-2.0
# Sourced by deploy/quickstart and tests/run: installs Debian packages, and only those whose use is not there yet.
#
# A table row is "package kind name": what it is wanted for decides, not the package, so tools installed another way are respected.
#   cmd  a program on the path          pc   a pkg-config module
#   file a file (a glob)                py   a module of python3

build_packages='
gcc cmd gcc
libc6-dev file /usr/include/stdlib.h
cmake cmd cmake
ninja-build cmd ninja
pkg-config cmd pkg-config
librdkafka-dev pc rdkafka
libhiredis-dev pc hiredis
libcurl4-openssl-dev pc libcurl
libcjson-dev pc libcjson
liblmdb-dev pc lmdb
libyaml-dev pc yaml-0.1
zlib1g-dev pc zlib
libzstd-dev pc libzstd
libssl-dev pc libcrypto
'

# package_there KIND NAME
package_there() {
	case $1 in
	cmd) command -v "$2" >/dev/null 2>&1 ;;
	pc) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "$2" ;;
	file) for f in $2; do [ -e "$f" ] && return 0; done; return 1 ;;
	py) python3 -c "import $2" >/dev/null 2>&1 ;;
	esac
}

# packages_missing TABLE: names of the packages that are needed, on one line
packages_missing() {
	printf '%s\n' "$1" | while read -r package kind name; do
		[ -n "$package" ] || continue
		package_there "$kind" "$name" || printf '%s ' "$package"
	done
}

# packages_install WHAT-FOR PACKAGE...: says what, then does it. Fails with a text that says what to do.
packages_install() {
	what=$1
	shift
	[ $# -gt 0 ] || return 0
	echo "Installing the packages $what needs, with apt-get: $*"
	if ! command -v apt-get >/dev/null 2>&1; then
		echo "error: there is no apt-get here. Install these by the system's own means, then run this again: $*" >&2
		return 1
	fi
	if [ "$(id -u)" = 0 ]; then
		as_root=env
	elif command -v sudo >/dev/null 2>&1; then
		as_root=sudo
		# Without a terminal nobody can type a password: fail now with a reason, not later in the middle.
		if ! [ -t 0 ] && ! sudo -n true 2>/dev/null; then
			echo "error: sudo asks for a password and there is no terminal. As root, run: apt-get install $*" >&2
			return 1
		fi
	else
		echo "error: installing packages needs root, and there is no sudo. As root, run: apt-get install $*" >&2
		return 1
	fi
	# dpkg may be busy just after boot: wait for its lock for a while. Nothing asks questions.
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 -q update >&2 || {
		echo "error: apt-get update failed (above). Is the network there?" >&2
		return 1
	}
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -q -y --no-install-recommends install "$@" </dev/null >&2 || {
		echo "error: apt-get could not install (above): $*" >&2
		return 1
	}
}
