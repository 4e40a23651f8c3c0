// `drover run`: broker, topics, queues, screen, and an orderly end. Room: cli.
//
// One thread runs everything but the reading of lag.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/job_source.h"
#include "src/jobqueue/resource.h"

namespace drover::cli {

// Jobs to submit before the first look at whether there is anything left to do.
struct SubmitOrder {
    std::string queue;
    std::vector<std::filesystem::path> files;
};

struct RunOptions {
    std::vector<jobqueue::JobQueue> queues;  // valid, each with a local command
    std::filesystem::path executable;        // this program
    std::filesystem::path data;              // absolute
    std::string kafka;                       // host:port of a real one; "" starts the embedded broker
    std::filesystem::path broker;            // its program; "" is the one beside the executable
    std::optional<std::uint16_t> broker_port;
    std::uint16_t port_base = 4040;
    std::map<std::string, std::string> kafka_settings;
    std::vector<SubmitOrder> submit;
    FileAs submit_as = FileAs::content;
    bool gateway = true;
    bool until_idle = false;
    bool logs = false;  // what workers and sidecars write, on the screen
    bool live = false;  // a terminal
    bool color = false;
};

// The exit code: 0 after an orderly end, 1 when it could not start or a job could not be submitted, 130 when hurried.
int run_locally(const RunOptions& options);

}  // namespace drover::cli
