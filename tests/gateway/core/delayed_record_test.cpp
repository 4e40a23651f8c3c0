#include "gateway/core/delayed_record.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::gateway {
namespace {

using namespace std::chrono_literals;

std::vector<FieldView> views(const std::vector<Field>& fields) {
    std::vector<FieldView> out;
    for (const Field& each : fields) out.push_back({each.name, each.value});
    return out;
}

Time at(std::string_view text) { return parse_rfc3339(text).value(); }

JobOrder order() {
    return {.id = "0190a6e0-0000-7000-8000-000000000001",
            .topic = "shop.email.high",
            .key = "customer 7",
            .value = "payload",
            .headers = {{"drover-job-id", "0190a6e0-0000-7000-8000-000000000001"},
                        {"drover-due-at", "2026-01-01T00:00:00.000Z"},
                        {"content-type", "text/plain"}},
            .due = at("2026-01-01T00:00:00Z") + 1us};
}

TEST(DelayedRecord, C8_a_job_that_waits_is_its_record_with_where_it_goes) {
    const DelayedMessage message = delayed_message(order(), "shop.email");
    EXPECT_EQ(message.key, order().id);
    EXPECT_EQ(message.partition, std::nullopt);
    const auto headers = views(message.headers);
    const Result<DelayedRecord> read = parse_delayed(message.key, message.value, headers);
    ASSERT_TRUE(read) << read.error().message;
    const auto& waits = std::get<delayed::Waits>(*read);
    EXPECT_EQ(waits.job_id, order().id);
    EXPECT_EQ(waits.queue, "shop.email");
    EXPECT_EQ(waits.topic, "shop.email.high");
    EXPECT_EQ(waits.due, at("2026-01-01T00:00:00.001Z"));  // rounded up: never early

    const KeptJob kept = kept_job(waits, message.value, headers);
    EXPECT_EQ(kept.key, "customer 7");
    EXPECT_EQ(kept.value, "payload");
    EXPECT_EQ(kept.headers, (std::vector<Field>{{"drover-job-id", order().id},
                                                {"content-type", "text/plain"},
                                                {"drover-due-at", "2026-01-01T00:00:00.001Z"}}));
    EXPECT_EQ(unpack(pack(kept)), kept);
}

TEST(DelayedRecord, C8_no_key_and_an_empty_one_are_two_things) {
    JobOrder job = order();
    job.key = std::nullopt;
    DelayedMessage message = delayed_message(job, "shop.email");
    auto headers = views(message.headers);
    DelayedRecord read = parse_delayed(message.key, message.value, headers).value();
    EXPECT_EQ(kept_job(std::get<delayed::Waits>(read), message.value, headers).key, std::nullopt);
    job.key = "";
    message = delayed_message(job, "shop.email");
    headers = views(message.headers);
    read = parse_delayed(message.key, message.value, headers).value();
    const KeptJob kept = kept_job(std::get<delayed::Waits>(read), message.value, headers);
    EXPECT_EQ(kept.key, "");
    EXPECT_EQ(unpack(pack(kept)), kept);
}

TEST(DelayedRecord, C8_a_cancel_goes_to_the_partition_of_its_job) {
    const DelayedCancel cancel{.job_id = order().id,
                               .control_topic = "shop.email.control",
                               .by = "somebody \"quoted\"",
                               .reason = "no\nlonger",
                               .at = at("2026-01-01T00:00:00.5Z")};
    const DelayedMessage message = cancel_message(cancel, 12);
    EXPECT_EQ(message.partition, partition_of(order().id, 12));
    const Result<DelayedRecord> read = parse_delayed(message.key, message.value, {});
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(std::get<delayed::Cancels>(*read).cancel, cancel);
    const DelayedMessage done = cancel_done_message(cancel.job_id, 3);
    EXPECT_EQ(done.key, message.key);
    EXPECT_EQ(std::get<delayed::CancelDone>(parse_delayed(done.key, done.value, {}).value()).job_id, cancel.job_id);
}

TEST(DelayedRecord, C8_tombstones_marks_and_states_of_schedules) {
    EXPECT_EQ(std::get<delayed::Gone>(parse_delayed("some id", std::nullopt, {}).value()).job_id, "some id");
    const DelayedMessage mark = mark_message(3, "token");
    EXPECT_EQ(mark.partition, 3);
    EXPECT_EQ(std::get<delayed::Mark>(parse_delayed(mark.key, mark.value, {}).value()).token, "token");
    const auto state = std::get<delayed::ScheduleState>(parse_delayed("schedule-run/a.b/c", "{}", {}).value());
    EXPECT_EQ(state.key, "schedule-run/a.b/c");
    EXPECT_EQ(state.value, "{}");
}

TEST(DelayedRecord, C8_what_cannot_be_understood_names_what_is_wrong) {
    const auto problem = [](auto key, auto value, const std::vector<Field>& headers) {
        const auto fields = views(headers);
        const Result<DelayedRecord> read = parse_delayed(key, value, fields);
        EXPECT_FALSE(read);
        return read ? std::string() : read.error().message;
    };
    EXPECT_EQ(problem(std::nullopt, "value", {}), "a record without a key");
    EXPECT_EQ(problem("id", "value", {}), "id: there is no header drover-delayed-topic");
    EXPECT_EQ(problem("id", "value", {{"drover-delayed-topic", "t"}}), "id: drover-due-at is no RFC 3339 time");
    EXPECT_EQ(problem("id", "value", {{"drover-delayed-topic", "t"}, {"drover-due-at", "soon"}}),
              "id: drover-due-at is no RFC 3339 time");
    EXPECT_EQ(problem("cancel/id", "no json", {}), "cancel/id: its value is no JSON object");
}

// Of Apache Kafka's UtilsTest, and keys whose partitions its clients were seen to choose.
TEST(Partition, C8_is_the_one_that_kafkas_clients_choose) {
    EXPECT_EQ(partition_of("21", 1 << 30),
              static_cast<int>((static_cast<std::uint32_t>(-973932308) & 0x7FFFFFFF) % (1 << 30)));
    EXPECT_EQ(partition_of("foobar", 1 << 30),
              static_cast<int>((static_cast<std::uint32_t>(-790332482) & 0x7FFFFFFF) % (1 << 30)));
    EXPECT_EQ(partition_of("a-little-bit-long-string", 1 << 30),
              static_cast<int>((static_cast<std::uint32_t>(-985981536) & 0x7FFFFFFF) % (1 << 30)));
    EXPECT_EQ(partition_of("abc", 1 << 30), 479470107 % (1 << 30));
    EXPECT_EQ(partition_of("21", 12), 0);
    EXPECT_EQ(partition_of("foobar", 12), 6);
}

RC_GTEST_PROP(DelayedRecord, C8_what_is_packed_is_unpacked, ()) {
    KeptJob job{.job_id = *rc::gen::arbitrary<std::string>(),
                .queue = *rc::gen::arbitrary<std::string>(),
                .topic = *rc::gen::arbitrary<std::string>(),
                .key = {},
                .value = {},
                .headers = {}};
    if (*rc::gen::arbitrary<bool>()) job.key = *rc::gen::arbitrary<std::string>();
    if (*rc::gen::arbitrary<bool>()) job.value = *rc::gen::arbitrary<std::string>();
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
        job.headers.push_back({*rc::gen::arbitrary<std::string>(), *rc::gen::arbitrary<std::string>()});
    }
    const std::string packed = pack(job);
    RC_ASSERT(unpack(packed) == job);
    const std::size_t cut = *rc::gen::inRange<std::size_t>(0, packed.size());
    RC_ASSERT(!unpack(packed.substr(0, cut)));
}

RC_GTEST_PROP(DelayedRecord, C8_any_record_has_an_answer, ()) {
    const auto key =
        *rc::gen::oneOf(rc::gen::arbitrary<std::string>(),
                        rc::gen::map(rc::gen::arbitrary<std::string>(), [](auto s) { return "cancel/" + s; }));
    const auto value = *rc::gen::arbitrary<std::string>();
    const std::vector<FieldView> headers{{"drover-delayed-topic", value}, {"drover-due-at", value}};
    const Result<DelayedRecord> read = parse_delayed(key, value, headers);
    RC_ASSERT((read.has_value() || !read.error().message.empty()));
    (void)unpack(value);
}

}  // namespace
}  // namespace drover::gateway
