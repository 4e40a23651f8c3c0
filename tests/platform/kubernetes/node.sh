#!/bin/bash
# node.sh FOLDER NAME ADDRESS: the first process in a node's namespaces, started by kubernetes_node.py. Gives them mounts
# and a network of their own, says "ready", and becomes the pause program in FOLDER. Nothing here reaches the machine.
set -euo pipefail

folder=$1 name=$2 address=$3
hostname "$name"

# /sys of this network, with the cgroup hierarchies as they are seen from this cgroup namespace.
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys
mount -t tmpfs -o mode=755 cgroups /sys/fs/cgroup
while IFS=: read -r _ controllers _; do
  [[ -n $controllers ]] || continue # the unified hierarchy; here it has no controllers
  mount_point=/sys/fs/cgroup/${controllers#name=}
  options=$controllers
  [[ $controllers != name=* ]] || options=none,$controllers
  mkdir "$mount_point"
  mount -t cgroup -o "$options" cgroup "$mount_point"
done </proc/self/cgroup

# What containerd, kubelet and the CNI plugins leave behind at fixed places.
mount -t tmpfs -o mode=755 var /var
mount -t tmpfs -o mode=755 run /run
mkdir -p /var/log /var/lib
ln -s /run /var/run

# kubelet sets these for the whole machine, or insists on finding them: show it what it wants to see.
mkdir "$folder/sysctl"
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  shown=$folder/sysctl/$(basename "${setting%=*}")
  echo "${setting#*=}" >"$shown"
  mount --bind "$shown" "/proc/sys/${setting%=*}"
done
mount --make-rshared / # mounts of a pod may be for the node to see

# No way out of this network. The bridge has no members: it only carries the address.
ip link set lo up
ip link add node0 type bridge
ip address add "$address/24" dev node0
ip link set node0 up
ip route add default dev node0
echo 1 >/proc/sys/net/ipv4/ip_forward

echo ready
exec "$folder/pause" >/dev/null
