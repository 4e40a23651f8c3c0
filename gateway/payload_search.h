// Jobs by what is in their payloads, which only Kafka has. Room: gateway.
#pragma once

#include <utility>  // before Boost 1.74's coroutine headers, which forget it

#include <functional>
#include <string>
#include <vector>

#include "gateway/core/job.h"
#include "gateway/record_reader.h"
#include "src/base/result.h"

namespace drover::gateway {

// A job that is delayed, or that was lately, may not stand where it was said to: others may.
bool is_record_of(const Job& job, const StoredRecord& record);

// Those of the jobs, in their order, whose payload has the text in it; A to Z in either case. Jobs whose record Kafka
// has no more are left out. Errors as RecordReader::find() has them.
using FoundJobs = std::function<void(Result<std::vector<Job>>)>;
void search_payloads(RecordReader& records, std::vector<Job> jobs, const std::string& text, FoundJobs done);

}  // namespace drover::gateway
