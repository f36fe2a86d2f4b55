#!/usr/bin/env bash
# fresh.sh SOURCE_TREE WORK_DIRECTORY CODE_NAME [VERB…]: runs ./dev verbs (default: demo, then test) on
# a bare Debian of that release made for it: debootstrap's minimal variant and git. What the machine
# says of its network (package mirrors, proxies, certificates) is copied in; nothing else is.
set -euo pipefail

readonly source_tree=$1 work=$2 code_name=$3
shift 3
(($#)) || set -- demo test
readonly base=$work/base root=$work/root
readonly network_files=(/etc/resolv.conf /etc/hosts /etc/ssl/certs /usr/local/share/ca-certificates
  /etc/pip.conf /etc/apt/apt.conf.d ${PIP_FIND_LINKS-})
readonly network_variables='^(PIP_[A-Z_]+|MAVEN_[A-Z]+|SSL_CERT_[A-Z]+|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|GIT_SSL_[A-Z]+|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY)='

die() { echo "fresh: $*" >&2; exit 1; }

# The first Debian mirror that apt uses here.
mirror() {
  local files
  mapfile -t files < <(ls /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null)
  awk '/^URIs: / { print $2; exit }
       /^deb / { sub(/\[[^]]*\] /, ""); print $2; exit }' "${files[@]}" </dev/null
}

make_base() {
  [[ ! -e $base/.complete ]] || return 0
  local from
  from=$(mirror)
  [[ -n $from ]] || die "found no Debian mirror in /etc/apt"
  rm -rf "$base"
  mkdir -p "$base"
  debootstrap --variant=minbase --include=git,ca-certificates "$code_name" "$base" "$from" >&2 ||
    die "debootstrap from $from failed"
  touch "$base/.complete"
}

make_root() {
  rm -rf "$root"
  cp -a "$base" "$root"
  local path
  for path in "${network_files[@]}"; do
    [[ -e $path ]] || continue
    rm -rf "${root:?}$path"
    mkdir -p "$root$(dirname "$path")"
    cp -rL "$path" "$root$path"
  done
  if [[ -e $HOME/.m2/settings.xml ]]; then
    install -D -m 600 "$HOME/.m2/settings.xml" "$root/root/.m2/settings.xml"
  fi
  git clone -q "file://$source_tree" "$root/root/murmur"
}

run_verb() {
  local environment
  mapfile -t environment < <(env | grep -E "$network_variables")
  echo "==> fresh: ./dev $1" >&2
  # Mounts live in a namespace of their own, and end with it.
  unshare -m -- sh -c 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && shift &&
    exec chroot "$@"' sh "$root" "$root" /usr/bin/env -i HOME=/root LANG=C.UTF-8 CI=true \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${environment[@]}" \
    /root/murmur/dev "$1" </dev/null
}

[[ $(id -u) == 0 ]] || die "needs root, to chroot"
unshare -m true 2>/dev/null || die "this machine allows no mount namespaces, so there is no chroot"
make_base
make_root
for verb; do run_verb "$verb"; done
rm -rf "$root"
