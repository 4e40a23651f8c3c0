#include "src/jobqueue/control.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::jobqueue {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const Time noon = *parse_rfc3339("2026-03-01T12:00:00Z");

ControlRecord parsed(std::string_view key, std::optional<std::string_view> value) {
    auto record = parse_control(key, value);
    if (!record) throw std::runtime_error(record.error().message);
    return *record;
}

control::Cancel cancel_of(const std::string& id, Time expires_at = noon + 24h) {
    return {.job_id = id, .at = noon, .expires_at = expires_at};
}

std::vector<std::string> ids(const std::vector<control::Cancel>& cancels) {
    std::vector<std::string> all;
    for (const auto& cancel : cancels) all.push_back(cancel.job_id);
    return all;
}

// --- records

TEST(ControlRecord, A14_a_pause_reads_as_it_was_written_by_any_client) {
    EXPECT_EQ(parsed("pause/cli", R"({"paused":true})"), ControlRecord(control::Pause{.source = "cli"}));
    EXPECT_EQ(parsed("pause/gateway",
                     R"({"paused":true,"by":"ada","reason":"no paper","at":"2026-03-01T13:00:00+01:00","x":[1]})"),
              ControlRecord(control::Pause{.source = "gateway", .by = "ada", .reason = "no paper", .at = noon}));
    const ControlRecord resumed(control::Pause{.source = "cli", .paused = false});
    EXPECT_EQ(parsed("pause/cli", std::nullopt), resumed);
    EXPECT_EQ(parsed("pause/cli", R"({"paused":false})"), resumed);
}

TEST(ControlRecord, A14_a_resume_keeps_who_did_it_and_why) {
    const control::Pause resumed{.source = "cli", .paused = false, .by = "ada", .reason = "fixed", .at = noon};
    const ControlMessage message = control_message(resumed);
    EXPECT_EQ(parsed(message.key, message.value), ControlRecord(resumed));
    EXPECT_EQ(control_message(control::Pause{.source = "cli", .paused = false}).value, std::nullopt);
}

TEST(ControlRecord, A14_a_cancel_lasts_24_hours_unless_it_says_otherwise) {
    const auto expiry = [](std::string_view value) {
        return std::get<control::Cancel>(parsed("cancel/a", value)).expires_at;
    };
    EXPECT_EQ(expiry(R"({"at":"2026-03-01T12:00:00Z"})"), noon + 24h);
    EXPECT_EQ(expiry(R"({"at":"2026-03-01T12:00:00Z","expiresAt":"2026-03-01T12:00:05Z"})"), noon + 5s);
    EXPECT_EQ(expiry(R"({"expiresAt":"2026-03-01T12:00:05Z"})"), noon + 5s);
}

TEST(ControlRecord, A14_a_job_id_may_have_slashes_and_bytes_of_any_encoding) {
    for (const std::string id : {"a/b//c", "/", "shop.email-3-42", "\xff\xfe", "día 1"}) {
        const ControlMessage message = control_message(cancel_of(id));
        EXPECT_EQ(message.key, "cancel/" + id);
        EXPECT_EQ(parsed(message.key, message.value), ControlRecord(cancel_of(id)));
    }
}

TEST(ControlRecord, places_are_read_from_the_end_of_the_key) {
    EXPECT_EQ(parsed("drop/shop.email/3", R"({"below":42})"),
              ControlRecord(control::Drop{.topic = "shop.email", .partition = 3, .below = 42}));
    EXPECT_EQ(parsed("redriven/shop.email.dlq/3/9007199254740993", R"({"run":1})"),
              ControlRecord(
                  control::Redriven{.topic = "shop.email.dlq", .partition = 3, .offset = 9007199254740993, .run = 1}));
    EXPECT_EQ(parsed("redriven/shop.email.dlq/3/0", std::nullopt),
              ControlRecord(control::Redriven{.topic = "shop.email.dlq", .partition = 3, .redriven = false}));
}

TEST(ControlRecord, config_is_not_looked_into) {
    EXPECT_EQ(parsed("config", "any bytes \xff"), ControlRecord(control::Config{"any bytes \xff"}));
    EXPECT_EQ(parsed("config", std::nullopt), ControlRecord(control::Config{}));
}

TEST(ControlRecord, what_is_none_is_an_error_that_names_it) {
    const struct {
        std::string_view key, value, complaint;
    } cases[] = {
        {"pause/cli", "", "is no JSON object"},
        {"pause/cli", "[]", "is no JSON object"},
        {"pause/cli", R"({"paused":"yes"})", "paused must be true or false"},
        {"pause/cli", R"({"by":"ada"})", "paused is missing"},
        {"pause/cli", R"({"paused":true,"by":7})", "by must be a string"},
        {"pause/cli", R"({"paused":true,"at":"noon"})", "at must be an RFC 3339 time"},
        {"pause/", R"({"paused":true})", "source"},
        {"pause/a/b", R"({"paused":true})", "source"},
        {"cancel/a", "{}", "expiresAt"},
        {"cancel/a", R"({"at":"2026-03-01T12:00:00Z","expiresAt":1})", "expiresAt must be"},
        {"cancel/", R"({"at":"2026-03-01T12:00:00Z"})", "job"},
        {"cancel/a\nb", R"({"at":"2026-03-01T12:00:00Z"})", "job"},
        {"drop/t/0", R"({"below":-1})", "below must be a whole number"},
        {"drop/t/0", R"({"below":1.5})", "below must be a whole number"},
        {"drop/t/0", R"({"below":9223372036854775808})", "below must be a whole number"},
        {"drop/t/00", R"({"below":1})", "drop/<topic>/<partition>"},
        {"drop/t", R"({"below":1})", "drop/<topic>/<partition>"},
        {"drop/a/b/0", R"({"below":1})", "drop/<topic>/<partition>"},
        {"drop/t/-0", R"({"below":1})", "drop/<topic>/<partition>"},
        {"usage/a", R"({"partitions":-1,"demand":true,"at":"2026-03-01T12:00:00Z"})",
         "partitions must be a whole number"},
        {"usage/a", R"({"partitions":1,"demand":true})", "at is missing"},
        {"redriven/t/0", "{}", "redriven/<topic>/<partition>/<offset>"},
        {"redriven/t/0/1", R"({"run":2147483648})", "run must be a whole number"},
        {"", "{}", "no kind"},
        {"paused", "{}", "no kind"},
        {"CONFIG", "{}", "no kind"},
    };
    for (const auto& [key, value, complaint] : cases) {
        const auto record = parse_control(key, value);
        ASSERT_FALSE(record) << key << " " << value;
        EXPECT_EQ(record.error().code, Error::Code::invalid);
        EXPECT_THAT(record.error().message, StartsWith("control record "));
        EXPECT_THAT(record.error().message, HasSubstr(complaint));
        EXPECT_THAT(record.error().message, testing::Not(HasSubstr("\n")));
    }
    EXPECT_THAT(parse_control("pause/cli", "nonsense").error().message, HasSubstr("pause/cli"));
    EXPECT_THAT(parse_control(std::nullopt, "{}").error().message, HasSubstr("no key"));
    EXPECT_FALSE(parse_control(std::string(2000, 'k'), std::nullopt));
    EXPECT_FALSE(parse_control("pause/cli", R"({"paused":true,"x":")" + std::string(70000, 'x') + "\"}"));
    EXPECT_FALSE(parse_control("config", std::string(2'000'000, 'x')));
}

TEST(ControlRecord, a_reason_of_any_length_still_pauses) {
    const auto pause =
        std::get<control::Pause>(parsed("pause/cli", R"({"paused":true,"reason":")" + std::string(5000, 'r') + "\"}"));
    EXPECT_TRUE(pause.paused);
    EXPECT_EQ(pause.reason, std::string(1024, 'r'));
}

// --- what they add up to

TEST(ControlState, A14_a_queue_is_paused_while_any_source_says_so) {
    ControlState state;
    EXPECT_FALSE(state.paused());
    const control::Pause cli{.source = "cli", .by = "ada"}, gateway{.source = "gateway"};
    EXPECT_EQ(state.apply(gateway, noon), ControlChange(control_change::Paused{true}));
    EXPECT_EQ(state.apply(cli, noon), std::nullopt);
    EXPECT_THAT(state.pause_sources(), ElementsAre(cli, gateway));
    EXPECT_EQ(state.apply(control::Pause{.source = "gateway", .paused = false}, noon), std::nullopt);
    EXPECT_TRUE(state.paused());
    EXPECT_EQ(state.apply(control::Pause{.source = "cli", .paused = false}, noon),
              ControlChange(control_change::Paused{false}));
    EXPECT_FALSE(state.paused());
}

TEST(ControlState, A14_tells_of_each_newly_cancelled_job_once) {
    ControlState state;
    EXPECT_EQ(state.apply(cancel_of("a"), noon), ControlChange(control_change::Cancelled{"a"}));
    EXPECT_EQ(state.apply(cancel_of("a"), noon), std::nullopt);
    EXPECT_TRUE(state.is_cancelled("a", noon));
    EXPECT_FALSE(state.is_cancelled("b", noon));
    EXPECT_EQ(state.apply(control::Cancel{.job_id = "a", .cancelled = false}, noon),
              ControlChange(control_change::Restored{"a"}));
    EXPECT_FALSE(state.is_cancelled("a", noon));
}

TEST(ControlState, A14_a_cancel_that_has_expired_says_nothing_and_is_forgotten) {
    ControlState state;
    EXPECT_EQ(state.apply(cancel_of("late", noon), noon), std::nullopt);
    EXPECT_FALSE(state.is_cancelled("late", noon));
    for (int i = 0; i < 1000; ++i) state.apply(cancel_of(std::to_string(i), noon + std::chrono::seconds(i + 1)), noon);
    EXPECT_EQ(state.cancels(noon).size(), 1000U);
    EXPECT_TRUE(state.is_cancelled("9", noon + 9s));
    EXPECT_FALSE(state.is_cancelled("9", noon + 10s)) << "though no record came since";
    EXPECT_EQ(state.cancels(noon + 10s).size(), 990U);
    state.apply(cancel_of("last", noon + 1h), noon + 1000s);
    // As of a time when all of them would count: they are gone, not only hidden.
    EXPECT_THAT(ids(state.cancels(noon)), ElementsAre("last"));
}

TEST(ControlState, a_cancel_that_is_prolonged_or_shortened_counts_as_last_said) {
    ControlState state;
    state.apply(cancel_of("a", noon + 1s), noon);
    EXPECT_EQ(state.apply(cancel_of("a", noon + 9s), noon), std::nullopt);
    EXPECT_TRUE(state.is_cancelled("a", noon + 5s));
    state.apply(cancel_of("other"), noon + 5s);  // when the first expiry is over
    EXPECT_TRUE(state.is_cancelled("a", noon + 5s));
    EXPECT_EQ(state.apply(cancel_of("a", noon + 4s), noon + 5s), ControlChange(control_change::Restored{"a"}));
}

TEST(ControlState, C6_jobs_below_an_offset_are_dropped_in_that_partition_alone) {
    ControlState state;
    EXPECT_EQ(state.apply(control::Drop{.topic = "t", .partition = 1, .below = 5}, noon),
              ControlChange(control_change::Dropped{"t", 1, 5}));
    EXPECT_EQ(state.dropped_below("t", 1), 5);
    EXPECT_EQ(state.dropped_below("t", 0), 0);
    EXPECT_EQ(state.dropped_below("u", 1), 0);
    EXPECT_EQ(state.apply(control::Drop{.topic = "t", .partition = 1, .below = 3}, noon), std::nullopt);
    EXPECT_EQ(state.dropped_below("t", 1), 3) << "the last word counts";
    EXPECT_EQ(state.apply(control::Drop{.topic = "t", .partition = 1}, noon), std::nullopt);
    EXPECT_EQ(state.dropped_below("t", 1), 0);
}

TEST(ControlState, A13_usages_are_stale_after_3_seconds) {
    ControlState state;
    const control::Usage a{.pod = "a", .partitions = 5, .has_demand = true, .at = noon},
        b{.pod = "b", .partitions = 1, .at = noon + 2s};
    EXPECT_EQ(state.apply(a, noon), ControlChange(control_change::Used{"a"}));
    EXPECT_EQ(state.apply(b, noon + 2s), ControlChange(control_change::Used{"b"}));
    EXPECT_THAT(state.usages(noon + 2s), ElementsAre(a, b));
    EXPECT_THAT(state.usages(noon + 3s), ElementsAre(b));
    EXPECT_THAT(state.usages(noon + 5s), IsEmpty());
    EXPECT_EQ(state.apply(control::Usage{.pod = "b", .known = false}, noon + 2s),
              ControlChange(control_change::Used{"b"}));
    EXPECT_EQ(state.apply(control::Usage{.pod = "b", .known = false}, noon + 2s), std::nullopt);
    EXPECT_EQ(state.apply(a, noon + 9s), std::nullopt) << "one that is read late";
    state.apply(control::Usage{.pod = "c", .at = noon + 1h}, noon + 9s);
    EXPECT_THAT(state.usages(noon + 9s), IsEmpty()) << "one of a clock that is wrong";
}

TEST(ControlState, B12_a_changed_config_is_told_once) {
    ControlState state;
    EXPECT_EQ(state.apply(control::Config{"a"}, noon), ControlChange(control_change::Configured{"a"}));
    EXPECT_EQ(state.apply(control::Config{"a"}, noon), std::nullopt);
    EXPECT_EQ(state.config(), "a");
    EXPECT_EQ(state.apply(control::Config{}, noon), ControlChange(control_change::Configured{""}));
}

// --- properties

rc::Gen<std::string> names() { return rc::gen::elementOf(std::vector<std::string>{"a", "b", "c.d-e_f", "0"}); }
rc::Gen<std::string> texts() {
    return rc::gen::elementOf(std::vector<std::string>{"", "ada", "say \"no\"", "é😀", "two\nlines", "\\"});
}
rc::Gen<Time> times() {
    return rc::gen::map(rc::gen::inRange(-10'000, 10'000), [](int ms) { return noon + std::chrono::milliseconds(ms); });
}

rc::Gen<ControlRecord> records() {
    return rc::gen::exec([]() -> ControlRecord {
        const std::string name = *names();
        const bool there = *rc::gen::arbitrary<bool>();
        const auto number = *rc::gen::inRange<std::int64_t>(0, 5);
        switch (*rc::gen::inRange(0, 6)) {
            case 0:
                if (!there) return control::Pause{.source = name, .paused = false};
                return control::Pause{.source = name, .by = *texts(), .reason = *texts(), .at = *times()};
            case 1:
                if (!there) return control::Cancel{.job_id = name, .cancelled = false};
                return control::Cancel{
                    .job_id = name, .by = *texts(), .reason = *texts(), .at = *times(), .expires_at = *times()};
            case 2: {
                const int partition = *rc::gen::inRange(0, 3);
                if (number == 0) return control::Drop{.topic = name, .partition = partition};
                return control::Drop{
                    .topic = name, .partition = partition, .below = number, .by = *texts(), .at = *times()};
            }
            case 3:
                if (!there) return control::Usage{.pod = name, .known = false};
                return control::Usage{.pod = name,
                                      .partitions = static_cast<int>(number % 100),
                                      .has_demand = number % 2 == 0,
                                      .at = *times()};
            case 4:
                if (!there) return control::Redriven{.topic = name, .offset = number, .redriven = false};
                return control::Redriven{.topic = name,
                                         .partition = 1,
                                         .offset = number,
                                         .job_id = *texts(),
                                         .run = *rc::gen::inRange(0, 9),
                                         .to = name,
                                         .by = *texts(),
                                         .at = *times()};
            default: return control::Config{*texts()};
        }
    });
}

RC_GTEST_PROP(ControlRecord, what_is_written_is_read_back, ()) {
    const ControlRecord record = *records();
    const ControlMessage message = control_message(record);
    const auto read = parse_control(message.key, message.value);
    RC_ASSERT(read.has_value());
    RC_ASSERT(*read == record);
}

RC_GTEST_PROP(ControlRecord, no_bytes_are_too_strange, (const std::string& tail, const std::string& value)) {
    const auto prefix = *rc::gen::elementOf(
        std::vector<std::string>{"pause/", "cancel/", "drop/", "usage/", "redriven/", "config", ""});
    const auto read = parse_control(prefix + tail, value);
    if (!read) RC_ASSERT(read.error().code == Error::Code::invalid);
    if (read) RC_ASSERT(parse_control(control_message(*read).key, control_message(*read).value).has_value());
}

// What a reader sees that starts later: of each key the last record, in order.
std::vector<ControlRecord> compacted(const std::vector<ControlRecord>& log) {
    std::vector<ControlRecord> kept;
    for (std::size_t i = 0; i < log.size(); ++i) {
        const std::string key = control_message(log[i]).key;
        const bool again = std::any_of(log.begin() + static_cast<std::ptrdiff_t>(i) + 1, log.end(),
                                       [&](const ControlRecord& later) { return control_message(later).key == key; });
        if (!again) kept.push_back(log[i]);
    }
    return kept;
}

RC_GTEST_PROP(ControlState, A14_is_the_same_for_a_reader_that_comes_after_compaction, ()) {
    const auto log = *rc::gen::container<std::vector<ControlRecord>>(records());
    ControlState early, late;
    Time now = noon;
    for (const ControlRecord& record : log) {
        now += std::chrono::milliseconds(*rc::gen::inRange(0, 1000));
        early.apply(record, now);
    }
    for (const ControlRecord& record : compacted(log)) late.apply(record, now);
    RC_ASSERT(early.paused() == late.paused());
    RC_ASSERT(early.pause_sources() == late.pause_sources());
    RC_ASSERT(early.cancels(now) == late.cancels(now));
    RC_ASSERT(early.usages(now) == late.usages(now));
    RC_ASSERT(early.config() == late.config());
    for (const std::string topic : {"a", "b", "c.d-e_f", "0"})
        for (int partition = 0; partition < 3; ++partition)
            RC_ASSERT(early.dropped_below(topic, partition) == late.dropped_below(topic, partition));
}

// A reader that acts on the changes alone knows which jobs are cancelled, but for those whose time is over.
RC_GTEST_PROP(ControlState, A14_its_changes_tell_all_that_it_knows, ()) {
    const auto log = *rc::gen::container<std::vector<ControlRecord>>(records());
    ControlState state;
    bool paused = false;
    std::set<std::string> cancelled;
    Time now = noon;
    for (const ControlRecord& record : log) {
        now += std::chrono::milliseconds(*rc::gen::inRange(0, 1000));
        const auto change = state.apply(record, now);
        if (!change) continue;
        if (const auto* told = std::get_if<control_change::Paused>(&*change)) paused = told->paused;
        if (const auto* told = std::get_if<control_change::Cancelled>(&*change)) cancelled.insert(told->job_id);
        if (const auto* told = std::get_if<control_change::Restored>(&*change)) cancelled.erase(told->job_id);
        RC_ASSERT(state.paused() == paused);
    }
    RC_ASSERT(state.paused() == paused);
    for (const auto& cancel : state.cancels(now)) RC_ASSERT(cancelled.contains(cancel.job_id));
    for (const auto& id : cancelled) {
        const bool said = std::any_of(log.begin(), log.end(), [&](const ControlRecord& record) {
            const auto* cancel = std::get_if<control::Cancel>(&record);
            return cancel != nullptr && cancel->job_id == id && cancel->cancelled;
        });
        RC_ASSERT(said);
    }
}

}  // namespace
}  // namespace drover::jobqueue
