// Which part of a sidecar's configuration changes while it runs, and which needs a new pod. Pure. Room: jobqueue.
//
// The *hot* part, in JSON as in the configuration itself:
//
//   {"uid", "generation",
//    "delivery": {"concurrency", "timeout", "rateLimit", "keyRateLimit", "batch": {"maxSize", "maxWait"},
//    "maxPayload"}, "retry": {all of it}, "queueTopics"}
//
// The operator writes it into the queue's control topic, as the value of the key `config` (control.h), and running
// sidecars go on by it. Everything else is *cold*: a pod has it from its start to its end. Two fields are in both:
//
// - timeout. A shorter one counts at once. A longer one needs new pods: how long a pod may take to end, and how long
//   its group waits for it, follow from the timeout that it was started with, which is the most it ever uses.
// - batch.maxSize, as far as whether there are batches at all, for an app that is given one job knows no other way.
//
// The retry policy is hot, the retry topics are cold. A policy with other delays counts at once: jobs go to the steps
// that there are, and where a delay is longer than all of them, through one several times.
//
// Which one counts, where a pod was started with one generation and the topic has another: the higher. A record
// of an equal one counts, and one that names none. Generations of two JobQueues (another uid) are not compared:
// a record that another one left behind counts never.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/jobqueue/sidecar_config.h"

namespace drover::jobqueue {

// On one line. The same for two configurations that differ in cold fields only.
std::string hot_config_of(const SidecarConfig& config);

// Changes exactly when pods have to be made anew; to be compared, not read.
std::string cold_config_of(const SidecarConfig& config);

// `base`, what the sidecar was started with, with the fields that `hot` has; null, for a limit, is none. The others
// stay as they are in `base`; fields that are unknown or cold are ignored. Total. Errors: `invalid`, which names each
// field that is wrong, and `conflict`: it is older than `base`, or another JobQueue's.
Result<SidecarConfig> with_hot_config(const SidecarConfig& base, std::string_view hot);

}  // namespace drover::jobqueue
