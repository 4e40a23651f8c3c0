// A worker that asks: each connection leases jobs from the sidecar's port, completes them one after the other, and
// leases again. Requests are sent here; whoever reads the descriptors passes on the answers.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bench/counts.h"

namespace drover::bench {

class Puller {
public:
    explicit Puller(Counts& counts) : counts_(counts) {}

    // Connects, and leases at most `max` jobs at a time with each connection. Their descriptors.
    std::vector<int> start(int port, int connections, int max);
    bool owns(int fd) const { return jobs_.contains(fd); }
    void answered(int fd, std::string_view head, std::string_view body);
    void forget(int fd) { jobs_.erase(fd); }

private:
    struct Job {
        std::string id, lease;
    };

    void ask(int fd);

    Counts& counts_;
    int max_ = 1;
    std::unordered_map<int, std::vector<Job>> jobs_;  // in hand, by connection
};

}  // namespace drover::bench
