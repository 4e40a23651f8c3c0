#include "cli/status_table.h"

#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

RunStatus a_run() {
    return {
        "127.0.0.1:9092 (embedded)",
        42s,
        {{"changelogs", QueueState::active, 3, 4, 12345, 24, 3, 1020, 12, 4, 412.3, 3100us, 41ms, ""},
         {"monthly-exports-for-the-whole-of-europe", QueueState::worker_unreachable, 1, 1, 900, 0, 0, 0, 0, 0, 0,
          std::nullopt, std::nullopt, "connection refused at 127.0.0.1:41234;\nexit status 1: No module named 'redis'"},
         {"mails", QueueState::paused, 0, 0, std::nullopt, 0, 1204, 1234567, 204, 17, 0.4, 12ms, 1500ms, ""}}};
}

std::string without_colors(const std::string& line) {
    static const std::regex sequence("\x1b\\[[0-9;]*m");
    return std::regex_replace(line, sequence, "");
}

TEST(StatusTable, D1_shows_everything_where_there_is_room) {
    EXPECT_THAT(render_table(a_run(), 160, false),
                ElementsAre("Drover  0:42  127.0.0.1:9092 (embedded)",  //
                            "",                                         //
                            "  QUEUE                                    STATE      WORKERS  WAITING  ACTIVE  RETRYING  "
                            "COMPLETED  RETRIES   DEAD  JOBS/S      P50      P99",
                            "● changelogs                               Active         3→4   12,345      24         3  "
                            "    1,020       12      4     412   3.1 ms    41 ms",
                            "✕ monthly-exports-for-the-whole-of-europe  No worker        1      900       0         0  "
                            "        0        0      0       0        –        –",
                            "  ╰ connection refused at 127.0.0.1:41234; exit status 1: No module named 'redis'",
                            "‖ mails                                    Paused           0        –       0     1,204  "
                            "1,234,567      204     17     0.4    12 ms    1.5 s"));
}

TEST(StatusTable, D1_leaves_out_what_matters_least_at_80_columns) {
    EXPECT_THAT(render_table(a_run(), 80, false),
                ElementsAre("Drover  0:42  127.0.0.1:9092 (embedded)",                                           //
                            "",                                                                                  //
                            "  QUEUE            STATE      WORKERS  WAITING  ACTIVE  COMPLETED   DEAD  JOBS/S",  //
                            "● changelogs       Active         3→4   12,345      24      1,020      4     412",  //
                            "✕ monthly…-europe  No worker        1      900       0          0      0       0",  //
                            "  ╰ connection refused at 127.0.0.1:41234; exit status 1: No module named 'redi…",  //
                            "‖ mails            Paused           0        –       0  1,234,567     17     0.4"));
}

TEST(StatusTable, D1_keeps_waiting_completed_and_dead_at_40_columns) {
    EXPECT_THAT(render_table(a_run(), 40, false), ElementsAre("Drover  0:42  127.0.0.1:9092 (embedded)",   //
                                                              "",                                          //
                                                              "  QUEUE        WAITING  COMPLETED   DEAD",  //
                                                              "● changelogs    12,345      1,020      4",  //
                                                              "✕ month…urope      900          0      0",  //
                                                              "  ╰ connection refused at 127.0.0.1:412…",  //
                                                              "‖ mails              –  1,234,567     17"));
}

TEST(StatusTable, D1_without_queues_there_is_a_heading) {
    const std::vector<std::string> lines = render_table({}, 80, false);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0], "Drover  0:00");
}

TEST(StatusTable, D1_dead_letters_are_red_and_zeros_step_back) {
    const std::string line = render_table(a_run(), 80, true)[3];
    EXPECT_THAT(line, ::testing::HasSubstr("\x1b[31m4\x1b[0m"));
    EXPECT_THAT(render_table(a_run(), 80, true)[4], ::testing::HasSubstr("\x1b[2m0\x1b[0m"));
}

RC_GTEST_PROP(StatusTable, D1_nothing_is_wider_than_the_terminal,
              (const std::string& name, const std::string& problem)) {
    RunStatus run = a_run();
    run.broker = *rc::gen::arbitrary<std::string>();
    const auto amount = rc::gen::weightedOneOf<std::int64_t>(
        {{3, rc::gen::inRange<std::int64_t>(0, 2000)}, {1, rc::gen::arbitrary<std::int64_t>()}});
    run.queues.push_back({name + "日本語", QueueState{*rc::gen::inRange(0, 9)}, *rc::gen::inRange(0, 99),
                          *rc::gen::inRange(0, 99), *amount, *amount, *amount, *amount, *amount, *amount,
                          static_cast<double>(*amount), Duration{*amount}, Duration{*amount}, problem + "grüße 🚀"});
    const int width = *rc::gen::inRange(-1, 201);
    const std::vector<std::string> plain = render_table(run, width, false);
    const std::vector<std::string> colored = render_table(run, width, true);
    RC_ASSERT(plain.size() == colored.size());
    for (std::size_t i = 0; i < plain.size(); ++i) {
        RC_ASSERT(display_width(plain[i]) <= std::max(width, 0));
        RC_ASSERT(without_colors(colored[i]) == plain[i]);
        RC_ASSERT((plain[i].empty() || plain[i].back() != ' '));
    }
}

}  // namespace
}  // namespace drover::cli
