#include "cli/run_summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/terminal_text.h"

namespace drover::cli {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

RunSummary a_run() {
    RunSummary run{
        42s,
        {{"changelogs", 1240, 1236, 12, 4, 29.5, 3100us, 41ms}, {"report", 1236, 1236, 0, 0, 29.4, 900us, 2ms}},
        {"", 2476, 2472, 12, 4, 58.9, 2ms, 39ms},
        {},
        {{"Report", "build/report.html"}, {"Data", "~/.drover"}}};
    run.causes.add("changelogs", "Timeout", "no answer in 30 s");
    for (int i = 0; i < 3; ++i) run.causes.add("changelogs", "BadGzip", "Not a gzipped file\n(b'<!')");
    return run;
}

TEST(RunSummary, D1_says_how_it_ended_the_figures_the_causes_and_where_things_are) {
    EXPECT_THAT(render_summary(a_run(), 80, false),
                ElementsAre("! Done in 0:42, 4 dead letters",                                          //
                            "",                                                                        //
                            "  QUEUE        JOBS  COMPLETED  RETRIES  DEAD  JOBS/S      P50     P99",  //
                            "  changelogs  1,240      1,236       12     4      30   3.1 ms   41 ms",  //
                            "  report      1,236      1,236        0     0      29  0.90 ms  2.0 ms",  //
                            "  all queues  2,476      2,472       12     4      59   2.0 ms   39 ms",  //
                            "",                                                                        //
                            "Dead letters",                                                            //
                            "  3 × BadGzip  changelogs  Not a gzipped file (b'<!')",                   //
                            "  1 × Timeout  changelogs  no answer in 30 s",                            //
                            "",                                                                        //
                            "Report  build/report.html",                                               //
                            "Data    ~/.drover"));
}

TEST(RunSummary, D1_a_clean_run_of_one_queue_is_three_lines) {
    const QueueSummary queue{"emails", 10, 10, 0, 0, 5, std::nullopt, std::nullopt};
    EXPECT_THAT(render_summary({.elapsed = 2s, .queues = {queue}, .total = queue}, 80, false),
                ElementsAre("✓ Done in 0:02", "",                                          //
                            "  QUEUE   JOBS  COMPLETED  RETRIES  DEAD  JOBS/S  P50  P99",  //
                            "  emails    10         10        0     0     5.0    –    –"));
}

TEST(RunSummary, D1_a_run_that_was_stopped_says_what_is_unfinished) {
    RunSummary run = a_run();
    run.total.completed -= 1;
    EXPECT_EQ(render_summary(run, 80, false)[0], "‖ Stopped after 0:42, 1 job unfinished");
}

TEST(RunSummary, D1_only_notes_are_wider_than_the_terminal) {
    RunSummary run = a_run();
    run.notes = {{"Report", std::string(300, 'x')}};
    run.causes.add("report", std::string(500, 'C'), std::string(500, 'm'));
    for (int width = 0; width <= 120; ++width) {
        const std::vector<std::string> lines = render_summary(run, width, false);
        EXPECT_EQ(lines.back(), "Report  " + std::string(300, 'x'));
        for (std::size_t i = 0; i + 1 < lines.size(); ++i) EXPECT_LE(display_width(lines[i]), width) << lines[i];
    }
}

TEST(RunSummary, D1_many_causes_end_with_how_many_more) {
    RunSummary run = a_run();
    for (int kind = 0; kind < 200; ++kind) run.causes.add("report", "Kind" + std::to_string(kind), "");
    // 8 are shown: Timeout, BadGzip and the first six kinds.
    EXPECT_THAT(render_summary(run, 80, false), Contains("  and 194 more of other kinds"));
}

TEST(DeadLetterCauses, D1_groups_by_queue_and_class_and_keeps_the_first_message) {
    DeadLetterCauses causes;
    causes.add("a", "Timeout", "first");
    causes.add("b", "Timeout", "of another queue");
    causes.add("b", "Timeout", "second");
    EXPECT_THAT(causes.by_count(), ElementsAre(DeadLetterCause{"b", "Timeout", "of another queue", 2},
                                               DeadLetterCause{"a", "Timeout", "first", 1}));
}

}  // namespace
}  // namespace drover::cli
