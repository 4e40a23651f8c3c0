// A queue's control topic and its dead letters, read whole, and records for the control topic. Blocks. Room: cli.
#pragma once

#include <functional>
#include <vector>

#include "src/letters/control_log.h"
#include "src/letters/dead_letter.h"
#include "cli/queue_target.h"
#include "src/jobqueue/control.h"
#include "src/kafka/admin.h"

namespace drover::cli {

// On stderr too what could not be read of it. `not_found` where the topic does not exist.
Result<letters::ControlLog> read_control(const QueueTarget& target, kafka::Admin& admin, Time now);

// Returns when Kafka has acknowledged all of them.
Result<void> write_control(const QueueTarget& target, const std::vector<jobqueue::ControlRecord>& records);

// Each dead letter that is there at the call, those of a partition in order. What `each` gets is borrowed. `stopped` is
// asked now and then; null: never.
Result<void> read_dead_letters(
    const QueueTarget& target, kafka::Admin& admin, const std::function<bool()>& stopped,
    const std::function<void(const letters::LetterRecord&, const letters::DeadLetter&)>& each);

}  // namespace drover::cli
