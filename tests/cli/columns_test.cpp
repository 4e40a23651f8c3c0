#include "cli/columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace drover::cli {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> lines_of(const Column& names, const std::vector<Column>& columns, int width) {
    std::vector<std::string> lines;
    for (const Line& line : lay_out(names, columns, width)) lines.push_back(render(line, width, false));
    return lines;
}

const Column names{.heading = "NAME", .to_the_right = false, .cells = {{"a"}, {"monthly-reports"}}};
const Column jobs{.heading = "JOBS", .importance = 2, .cells = {{"1"}, {"12,345"}}};
const Column state{.heading = "STATE", .importance = 1, .to_the_right = false, .cells = {{"Idle"}, {"Active"}}};

TEST(Columns, D1_numbers_stand_to_the_right_and_words_to_the_left) {
    EXPECT_THAT(lines_of(names, {state, jobs}, 80), ElementsAre("NAME             STATE     JOBS",  //
                                                                "a                Idle         1",  //
                                                                "monthly-reports  Active  12,345"));
}

TEST(Columns, D1_names_give_way_before_columns_do) {
    EXPECT_THAT(lines_of(names, {state, jobs}, 28), ElementsAre("NAME          STATE     JOBS",  //
                                                                "a             Idle         1",  //
                                                                "monthl…ports  Active  12,345"));
}

TEST(Columns, D1_the_least_important_column_goes_first) {
    EXPECT_THAT(lines_of(names, {state, jobs}, 20), ElementsAre("NAME            JOBS",  //
                                                                "a                  1",  //
                                                                "monthl…ports  12,345"));
    EXPECT_THAT(lines_of(names, {state, jobs}, 9), ElementsAre("NAME", "a", "mont…orts"));
}

TEST(Columns, D2_names_that_are_to_stay_whole_give_way_after_other_columns) {
    Column whole = names;
    whole.least_width = 15;
    EXPECT_THAT(lines_of(whole, {state, jobs}, 28), ElementsAre("NAME               JOBS",  //
                                                                "a                     1",  //
                                                                "monthly-reports  12,345"));
}

TEST(Columns, D1_a_column_keeps_its_least_width_and_short_columns_are_blank) {
    Column wide = jobs;
    wide.least_width = 10;
    wide.cells.pop_back();
    EXPECT_THAT(lines_of(names, {wide}, 80), ElementsAre("NAME                   JOBS",  //
                                                         "a                         1",  //
                                                         "monthly-reports"));
}

}  // namespace
}  // namespace drover::cli
