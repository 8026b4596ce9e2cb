#!/bin/bash
# Becomes dockerd of the folder ENGINE: dockerd.sh ENGINE STATE PATH...
#
# Run by `unshare --mount --propagation private`: the mounts end with it. It has this machine's network. ENGINE is only
# read; STATE gets images, volumes and sockets. Each PATH is inside what it is outside, for bind mounts and builds.
set -euo pipefail
engine=$1 state=$2
shift 2
root=$state/root
mkdir -p "$root" "$state/upper" "$state/overlay" "$state/lib" "$state/run"
mount -t overlay overlay -o "lowerdir=$engine,upperdir=$state/upper,workdir=$state/overlay" "$root"
for each in proc sys dev; do mount --rbind "/$each" "$root/$each"; done
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/run/docker-out" "$root/var/lib/docker" "$root/.old"
mount --bind "$state/run" "$root/run/docker-out"
mount --bind "$state/lib" "$root/var/lib/docker"
for each in "$@"; do
    mkdir -p "$root$each"
    mount --rbind "$each" "$root$each"
done
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cd "$root"
pivot_root . .old
cd /
umount -l /.old
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
exec dockerd --host unix:///run/docker.sock --pidfile /run/docker-out/docker.pid --exec-opt native.cgroupdriver=cgroupfs
