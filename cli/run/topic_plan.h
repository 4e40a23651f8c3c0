// The topics that a queue needs, as the local runner creates them. Pure. Room: cli.
#pragma once

#include <vector>

#include "src/jobqueue/resource.h"
#include "src/kafka/admin.h"

namespace drover::cli {

// Jobs and retries are kept until they are finished, dead letters as long as the queue says, of the control topic the
// last record of each key. Copies: as many as the queue asks for and there are brokers.
std::vector<kafka::TopicSpec> topic_plan(const jobqueue::JobQueue& queue, int brokers);
// Of all of them, each topic once: some are shared.
std::vector<kafka::TopicSpec> topic_plan(const std::vector<jobqueue::JobQueue>& queues, int brokers);

}  // namespace drover::cli
