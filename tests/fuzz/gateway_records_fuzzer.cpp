// Input: key NUL value; without the NUL a tombstone. A record of drover.gateway or drover.delayed, which anybody with a
// Kafka client may write: it is understood, or refused, and what was understood can be written again.
#include <cstdint>

#include "gateway/core/audit.h"
#include "gateway/core/delayed_record.h"
#include "gateway/core/key_book.h"
#include "gateway/core/queue_directory.h"
#include "gateway/core/schedule.h"
#include "gateway/core/webhook.h"
#include "gateway/core/workers_book.h"
#include "tests/fuzz/expect.h"

using namespace drover;
using namespace drover::gateway;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto nul = text.find('\0');
    const std::string_view key = text.substr(0, nul);
    std::optional<std::string_view> value;
    if (nul != std::string_view::npos) value = text.substr(nul + 1);
    const Time now{std::chrono::hours(24 * 365 * 56)};

    QueueDirectory queues("default");
    if (queues.apply(key, value)) {
        for (const auto& [name, queue] : queues.all()) EXPECT_HOLDS(queues.find(name) == queue);
    }
    WorkersBook workers;
    if (const auto applied = workers.apply(key, value, now); applied && value) {
        const auto read = jobqueue::parse_workers_record(*value);
        const auto again = jobqueue::parse_workers_record(*jobqueue::workers_record("q", *read).value);
        EXPECT_HOLDS(jobqueue::news_of(*read, *again) == jobqueue::WorkersNews::none);
    }
    KeyBook keys;
    (void)keys.apply(key, value);
    (void)keys.take_expired(now);
    ScheduleBook schedules;
    (void)schedules.apply(key, value, now);
    if (!value) return 0;
    if (const auto audit = parse_audit_record(key, *value)) {
        const auto record = audit_record(*audit);
        EXPECT_HOLDS(parse_audit_record(record.key, *record.value).has_value());
    }
    if (const auto run = parse_schedule_run(*value)) EXPECT_HOLDS(parse_schedule_run(schedule_run_json(*run)) == *run);
    if (const auto schedule = parse_schedule("a.b", "c", *value)) {
        EXPECT_HOLDS(parse_schedule("a.b", "c", schedule->job).has_value() || !schedule_json(*schedule).empty());
    }
    return 0;
}
