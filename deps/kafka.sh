#!/bin/bash
# Fetches Apache Kafka with Maven, once, and prints the folder: libs/*.jar, log4j2.properties, and kafka.jsa, an archive
# of the loaded classes (AppCDS) that takes seconds off every start. Only tests and benchmarks need it.
set -euo pipefail

version=4.3.1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/drover
home=$cache/kafka-$version

[[ -f $home/complete ]] && { echo "$home"; exit 0; }

mkdir -p "$cache"
exec 9>"$cache/kafka.lock"
flock 9
[[ -f $home/complete ]] && { echo "$home"; exit 0; }

echo "Apache Kafka $version: fetching with Maven" >&2
staged=$(mktemp -d "$cache/kafka-build.XXXXXX")
trap 'rm -rf "$staged"' EXIT
mvn --batch-mode --quiet --file "$here/kafka/pom.xml" "-Dkafka.version=$version" \
  dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$staged/libs" >&2
cp "$here/kafka/log4j2.properties" "$staged"

# The archive is made by the JVM as a broker ends; it holds the jars' paths, so they have to be in their final place.
rm -rf "$home"
mv "$staged" "$home"
echo "Apache Kafka $version: archiving its classes for quick starts" >&2
python3 "$here/../tests/platform/kafka_cluster.py" archive --home "$home" >&2
touch "$home/complete"
echo "$home"
