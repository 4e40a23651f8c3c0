// The parts of a measurement, each a process of its own so that its CPU can be told apart. See bench/README.md.
#pragma once

#include <string>

namespace drover::bench {

struct Jobs {
    long first = 0;  // number; the others count on from it
    long count = 200'000;
    int bytes = 1024;  // of each payload
    int rate = 0;      // a second; 0: as fast as can be
    int keys = 0;      // how many, each job has one at random; 0: no job has a key
};

int worker(int port);
// `setting`: one of the topic's, NAME=VALUE; "": none but what every topic gets.
int create(const std::string& bootstrap, const std::string& topic, int partitions, const std::string& setting);
// One record.
int put(const std::string& bootstrap, const std::string& topic, const std::string& key, const std::string& value);
int fill(const std::string& bootstrap, const std::string& topic, const Jobs& jobs);
// Prints how many records the topic has.
int size(const std::string& bootstrap, const std::string& topic, int partitions);
// Our client without Kafka: the same headers and payload, `in_flight` at a time.
int client(int port, const Jobs& jobs, int in_flight);
// Our fetcher without an app.
int consume(const std::string& bootstrap, const std::string& topic, int partitions, long count);

}  // namespace drover::bench
