#include "src/lag/queue_offsets.h"

#include <gtest/gtest.h>

#include "src/jobqueue/commit_metadata.h"

namespace drover::lag {
namespace {

using jobqueue::QueueFigures;

const jobqueue::Topics topics{
    .main = "q", .retries = {{"q.retry.2s", std::chrono::seconds(2)}}, .dead_letters = "q.dlq"};

kafka::Position position(const std::string& topic, int partition, std::int64_t offset,
                         const jobqueue::CommitMetadata& metadata = {}) {
    return {{topic, partition}, offset, jobqueue::encode_commit_metadata(metadata, offset)};
}

TEST(QueueFigures, what_was_never_committed_is_all_to_do) {
    QueueOffsets look;
    look.offsets = {{{"q", 0}, {0, 10}}, {{"q", 1}, {5, 8}}};
    const QueueFigures figures = figures_of(topics, look);
    EXPECT_EQ(figures.partitions, 2);
    EXPECT_EQ(figures.unfinished, 13);
    EXPECT_EQ(figures.backlog, 13);
    EXPECT_EQ(figures.end_offsets, 18);
}

TEST(QueueFigures, jobs_finished_above_the_committed_offset_are_no_backlog) {
    QueueOffsets look;
    look.offsets = {{{"q", 0}, {0, 10}}};
    look.positions = {{{"q", 0}, position("q", 0, 4, {.finished = {{6, 3}}, .busy_micros = 700, .completions = 7})}};
    const QueueFigures figures = figures_of(topics, look);
    EXPECT_EQ(figures.unfinished, 3);
    EXPECT_EQ(figures.busy, (jobqueue::BusyCounters{700, 7}));
}

TEST(QueueFigures, metadata_of_somebody_else_counts_nothing_as_finished) {
    QueueOffsets look;
    look.offsets = {{{"q", 0}, {0, 10}}};
    look.positions = {{{"q", 0}, {{"q", 0}, 4, "not ours"}}};
    EXPECT_EQ(figures_of(topics, look).unfinished, 6);
}

TEST(QueueFigures, retries_that_are_not_due_are_unfinished_but_no_backlog) {
    QueueOffsets look;
    look.offsets = {{{"q", 0}, {0, 0}}, {{"q.retry.2s", 0}, {0, 10}}};
    look.positions = {{{"q.retry.2s", 0}, position("q.retry.2s", 0, 2)}};
    look.due = {{{"q.retry.2s", 0}, 5}};
    look.due_soon = {{{"q.retry.2s", 0}, 9}};
    const QueueFigures figures = figures_of(topics, look);
    EXPECT_EQ(figures.unfinished, 8);
    EXPECT_EQ(figures.retrying, 8);
    EXPECT_EQ(figures.backlog, 3);
    EXPECT_EQ(figures.retries_due_soon, 4);
    EXPECT_EQ(figures.end_offsets, 0) << "retries are no arrivals";
}

TEST(QueueFigures, retries_are_all_due_soon_where_no_limit_is_known) {
    QueueOffsets look;
    look.offsets = {{{"q.retry.2s", 0}, {0, 10}}};
    look.due = {{{"q.retry.2s", 0}, 4}};
    EXPECT_EQ(figures_of(topics, look).retries_due_soon, 6);
}

TEST(QueueFigures, other_topics_do_not_count) {
    QueueOffsets look;
    look.offsets = {{{"another", 0}, {0, 10}}};
    EXPECT_EQ(figures_of(topics, look), QueueFigures{});
}

TEST(QueueFigures, dead_letters_are_counted_beside_the_jobs) {
    QueueOffsets look;
    look.offsets = {{{"q.dlq", 0}, {3, 10}}, {{"q.dlq", 1}, {0, 0}}};
    EXPECT_EQ(figures_of(topics, look), (QueueFigures{.dead_letters = 7}));
}

}  // namespace
}  // namespace drover::lag
