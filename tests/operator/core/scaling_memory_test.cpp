#include "operator/core/scaling_memory.h"

#include <gtest/gtest.h>

namespace drover::operator_core {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const Time noon = *parse_rfc3339("2026-11-26T12:00:00Z");

TEST(ScalingMemory, B8_what_a_decision_left_behind_comes_back_as_it_was) {
    const ScalingPolicy policy{.max_replicas = 50};
    Memory memory;
    Time now = noon;
    std::int64_t arrived = 0;
    for (int i = 0; i < 200; ++i, now += 500ms) {
        arrived += i % 7 * 10;
        const Observation seen{.replicas = 3,
                               .partitions = 12,
                               .backlog = i % 50 * 20,
                               .end_offsets = arrived,
                               .busy = jobqueue::BusyCounters{i * 1'000'000, i * 9},
                               .retries_due_soon = 0};
        memory = decide(policy, seen, memory, now).next;
        EXPECT_EQ(memory_from(json::parse(to_json(memory).dump())), memory);
    }
    EXPECT_LT(to_json(memory).dump().size(), 1200U);
}

TEST(ScalingMemory, an_empty_one_is_what_anything_else_reads_as) {
    for (const char* text : {"null", "[]", "7", "{}", R"({"wishes":{"at":1}})", R"({"arrivalRate":"x"})"}) {
        EXPECT_EQ(memory_from(json::parse(text)), Memory{}) << text;
    }
}

TEST(ScalingMemory, parts_that_make_no_sense_are_left_out_and_the_rest_stays) {
    const Memory memory = memory_from(json::parse(R"({
      "arrivalRate": -3, "endOffsets": 7, "serviceSeconds": 0.5, "serviceWeight": 1e300, "busyMicros": 5,
      "busyAt": "2026-11-26T12:00:00Z", "lastBusy": "yesterday",
      "wishes": [{"at": "2026-11-26T12:00:00Z", "replicas": 3}, {"at": "2026-11-26T11:00:00Z", "replicas": 4},
                 {"at": "2026-11-26T13:00:00Z", "replicas": 9000000000}, {"at": "2026-11-26T14:00:00Z", "replicas": 2}]
    })"));
    Memory expected;
    expected.service_seconds = 0.5;
    expected.wishes = {{noon, 3}, {noon + 2h, 2}};
    EXPECT_EQ(memory, expected);
}

}  // namespace
}  // namespace drover::operator_core
