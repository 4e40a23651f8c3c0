// The parts of a measurement, each a process of its own so that its CPU can be told apart. See bench/README.md.
#pragma once

#include <string>

namespace drover::bench {

int worker(int port);
int create(const std::string& bootstrap, const std::string& topic, int partitions);
// Jobs of `bytes` each; `rate` per second, 0: as fast as can be.
int fill(const std::string& bootstrap, const std::string& topic, long count, int bytes, int rate);
// Our client without Kafka: the same headers and payload, `in_flight` at a time; `rate` as above.
int client(int port, long count, int bytes, int in_flight, int rate);
// Our fetcher without an app.
int consume(const std::string& bootstrap, const std::string& topic, int partitions, long count);

}  // namespace drover::bench
