#include "sidecar/core/progress_gate.h"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace drover::sidecar {
namespace {

using namespace std::chrono_literals;

const Time start = *parse_rfc3339("2026-11-23T10:00:00Z");

ProgressReport percent(int value) { return {.percent = value}; }

TEST(ProgressGate, A9_the_first_report_passes_and_a_soon_one_waits_for_the_interval) {
    ProgressGate gate;
    gate.begin(7);
    EXPECT_EQ(gate.report(7, percent(10), start), percent(10));
    EXPECT_EQ(gate.next_due(), std::nullopt);
    EXPECT_EQ(gate.report(7, percent(20), start + 200ms), std::nullopt);
    EXPECT_EQ(gate.report(7, percent(30), start + 300ms), std::nullopt);
    EXPECT_EQ(gate.next_due(), start + 1s);
    EXPECT_TRUE(gate.due(start + 999ms).empty());

    const auto released = gate.due(start + 1100ms);
    ASSERT_EQ(released.size(), 1U);
    EXPECT_EQ(released[0].slot, 7U);
    EXPECT_EQ(released[0].report, percent(30));
    EXPECT_EQ(gate.next_due(), std::nullopt);
    EXPECT_EQ(gate.report(7, percent(40), start + 2s), std::nullopt) << "the interval counts from what passed last";
    EXPECT_EQ(gate.report(7, percent(50), start + 2100ms), percent(50)) << "which is all that was kept, too";
    EXPECT_EQ(gate.next_due(), std::nullopt);
    EXPECT_EQ(gate.end(7).report, std::nullopt);
}

TEST(ProgressGate, A9_what_a_later_report_does_not_say_stays) {
    ProgressGate gate;
    gate.report(1, percent(0), start);
    gate.report(1, {.percent = 10, .step = "read", .message = "a", .result = "[1]"}, start);
    gate.report(1, {.percent = 20, .message = "b"}, start);
    EXPECT_EQ(gate.end(1).report, (ProgressReport{.percent = 20, .step = "read", .message = "b", .result = "[1]"}));
}

TEST(ProgressGate, A9_the_end_of_a_job_gives_its_last_report_and_forgets_it) {
    ProgressGate gate;
    gate.report(1, percent(10), start);
    gate.report(1, percent(100), start + 1ms);
    EXPECT_EQ(gate.end(1).report, percent(100));
    EXPECT_EQ(gate.end(1).report, std::nullopt);
    EXPECT_EQ(gate.next_due(), std::nullopt);
    EXPECT_EQ(gate.report(1, percent(1), start + 2ms), percent(1)) << "another job";

    gate.report(1, percent(2), start + 3ms);
    gate.begin(1);
    EXPECT_TRUE(gate.due(start + 1h).empty());
}

TEST(ProgressGate, A9_log_lines_over_the_bounds_are_counted_and_told_with_the_next) {
    ProgressGate gate({.log_lines = 3, .log_bytes = 10});
    const auto logs = [&gate](std::vector<std::string> lines, Time now) { return gate.log(1, std::move(lines), now); };
    const auto first = logs({"1234", "12345678", "12"}, start);
    EXPECT_EQ(first.lines, (std::vector<std::string>{"1234", "12"}));
    EXPECT_EQ(first.left_out, 1U);
    const auto second = logs({"", "x", "y"}, start + 500ms);
    EXPECT_EQ(second.lines, (std::vector<std::string>{""}));
    EXPECT_EQ(second.left_out, 2U);
    const auto none = logs({"z"}, start + 999ms);
    EXPECT_TRUE(none.lines.empty());
    EXPECT_EQ(none.left_out, 0U) << "nothing passes that could tell it";
    const auto next = logs({"z"}, start + 1s);
    EXPECT_EQ(next.lines, (std::vector<std::string>{"z"}));
    EXPECT_EQ(next.left_out, 1U);
    logs({"12345678901"}, start + 2s);
    EXPECT_EQ(gate.end(1).lines_left_out, 1U);
    EXPECT_EQ(gate.end(1).lines_left_out, 0U);
}

RC_GTEST_PROP(ProgressGate, A9_never_more_than_one_an_interval_and_the_last_word_gets_through, ()) {
    constexpr Duration interval = 10us;
    ProgressGate gate({.interval = interval});
    std::map<Slot, Time> passed_at;    // of each job, its last report to pass
    std::map<Slot, int> said, passed;  // the last of each job
    const auto pass = [&](Slot slot, const ProgressReport& report, Time now) {
        if (passed_at.contains(slot)) RC_ASSERT(now >= passed_at[slot] + interval);
        passed_at[slot] = now;
        passed[slot] = report.percent.value_or(-1);
    };
    const auto end = [&](Slot slot) {
        if (const auto rest = gate.end(slot); rest.report) passed[slot] = rest.report->percent.value_or(-1);
        RC_ASSERT(said[slot] == passed[slot]);
        passed_at.erase(slot);
    };

    Time now = start;
    const int steps = *rc::gen::inRange(0, 200);
    for (int step = 1; step <= steps; ++step) {
        now += Duration(*rc::gen::inRange(-2, 8));
        const auto slot = static_cast<Slot>(*rc::gen::inRange(0, 3));
        switch (*rc::gen::inRange(0, 6)) {
            case 0: end(slot); break;
            case 1:
            case 2:
                for (const auto& [released, report] : gate.due(now)) pass(released, report, now);
                RC_ASSERT((!gate.next_due() || *gate.next_due() > now));
                break;
            default:
                said[slot] = step;
                if (const auto report = gate.report(slot, percent(step), now)) pass(slot, *report, now);
                if (said[slot] != passed[slot])
                    RC_ASSERT((gate.next_due() && *gate.next_due() <= now + interval + 400us));
        }
    }
    for (const auto& [released, report] : gate.due(now + 1s)) pass(released, report, now + 1s);
    RC_ASSERT(said == passed);
}

RC_GTEST_PROP(ProgressGate, A9_of_all_log_lines_each_passes_or_is_counted, ()) {
    constexpr ProgressLimits limits{.log_lines = 4, .log_bytes = 20};
    ProgressGate gate(limits);
    std::size_t written = 0, passed = 0, left_out = 0;
    const int requests = *rc::gen::inRange(0, 50);
    for (int i = 0; i < requests; ++i) {
        // Seconds that do not overlap, so that each has its own bounds.
        const Time now = start + std::chrono::seconds(i / 3);
        const auto lines =
            *rc::gen::container<std::vector<std::string>>(rc::gen::container<std::string>(rc::gen::just('x')));
        written += lines.size();
        const auto logs = gate.log(1, lines, now);
        std::size_t bytes = 0;
        for (const std::string& line : logs.lines) bytes += line.size();
        RC_ASSERT(logs.lines.size() <= limits.log_lines);
        RC_ASSERT(bytes <= limits.log_bytes);
        passed += logs.lines.size();
        left_out += logs.left_out;
    }
    RC_ASSERT(written == passed + left_out + gate.end(1).lines_left_out);
}

}  // namespace
}  // namespace drover::sidecar
