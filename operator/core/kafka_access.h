// With which settings the operator may go to a queue's Kafka. Pure. Room: operator/core.
//
// Whoever may create a JobQueue names brokers, a Secret of its namespace, and settings for librdkafka. The operator
// runs with more rights than that person: it goes only to brokers that the installation allows, with the Secret of the
// queue's own namespace, and takes no setting by which librdkafka would read files, run programs, load libraries or ask
// other servers.
#pragma once

#include <map>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "src/base/result.h"
#include "src/jobqueue/resource.h"

namespace drover::operator_core {

// `secret`: the Secret that the queue names, as Kubernetes has it; null where it names none. `allowed`: host:port each;
// empty allows all. An Error says `unauthorized` for what is not allowed, and `invalid` for a Secret that cannot be
// read.
Result<std::map<std::string, std::string>> kafka_settings_of(const jobqueue::JobQueue& queue,
                                                             const nlohmann::json* secret,
                                                             const std::set<std::string>& allowed);

}  // namespace drover::operator_core
